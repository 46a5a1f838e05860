"""Look for the programs that the tests need; on Debian and Ubuntu, install what is missing.

    python3 tools/test_needs.py           everything, as `make test` does
    python3 tools/test_needs.py venv      only the named parts

It installs as root, or through sudo where that asks for no password, and says so first. Nothing that it installs is
started. Where it cannot install, or INSTALL=no forbids it, it prints one list of what is missing and how to get it,
and the tests that need it are skipped. With CI=true it fails instead.

It runs before the environment is made, so it imports nothing but Python's own library.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian asks this script before a package starts a service; 101 means no (invoke-rc.d(8))."""
REFUSE = "#!/bin/sh\nexit 101\n"
POSTFIX = "postfix postfix/main_mailer_type select No configuration\n"
"""The answer to what Postfix asks when it is installed: its smtp-sink needs no configuration."""
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts", "/Library/Fonts")
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt")


@dataclass(frozen=True, kw_only=True)
class Need:
    """A part that tests need: how to find it, and how to get it."""

    name: str
    find: Callable[[], str]
    """Returns the part's path, or "" where it is missing."""
    packages: tuple[str, ...]
    """Debian's and Ubuntu's names, the most likely first; one of them is enough."""
    use: str

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        return f"on Debian and Ubuntu, apt-get install {self.packages[0]}"


def _program(*names: str) -> Callable[[], str]:
    """Return a search for the first of these programs; servers are not always in a user's PATH."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    return lambda: next((found for name in names if (found := shutil.which(name, path=path))), "")


def _font() -> str:
    folders = [Path(folder).expanduser() for folder in FONT_FOLDERS]
    fonts = (path for folder in folders for path in folder.rglob("*") if path.suffix in (".ttf", ".otf", ".ttc"))
    return str(next(fonts, ""))


def _libatomic() -> str:
    if sys.platform != "linux":
        return "not needed"
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        return ""
    return "libatomic.so.1"


def _certificates() -> str:
    return next((path for path in CERTIFICATES if Path(path).exists()), "")


def _venv() -> str:
    """Debian keeps the part of `venv` that brings pip in a package of its own."""
    return sys.executable if find_spec("ensurepip") and find_spec("venv") else ""


def _postgresql() -> str:
    """Debian keeps a server's programs in a folder for each version, outside of PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return str(versions[-1]) if versions else _program("postgres")()


NEEDS = {
    need.name: need
    for need in (
        Need(
            name="venv",
            find=_venv,
            packages=(f"python3.{sys.version_info.minor}-venv",),
            use="a Python with its module ensurepip",
        ),
        Need(name="make", find=_program("make"), packages=("make",), use="GNU make"),
        Need(
            name="chromium",
            find=_program("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
            packages=("chromium", "chromium-browser"),
            use="Chromium or Chrome, for what people see",
        ),
        Need(
            name="libatomic",
            find=_libatomic,
            packages=("libatomic1",),
            use="a library that the Node.js inside Playwright loads",
        ),
        Need(name="fonts", find=_font, packages=("fonts-dejavu-core",), use="any TrueType font, for Chromium"),
        Need(
            name="spamassassin",
            find=_program("spamassassin"),
            packages=("spamassassin",),
            use="Apache SpamAssassin, for its opinion of an email",
        ),
        Need(
            name="smtp-sink",
            find=_program("smtp-sink"),
            packages=("postfix",),
            use="Postfix's smtp-sink, a mail server that takes everything",
        ),
        Need(
            name="nginx",
            find=_program("nginx"),
            packages=("nginx-light", "nginx"),
            use="nginx, for what the documentation says of proxies",
        ),
        Need(
            name="dovecot",
            find=_program("dovecot"),
            packages=("dovecot-imapd",),
            use="Dovecot, a mail server whose mailboxes are read over IMAP",
        ),
        Need(name="openssl", find=_program("openssl"), packages=("openssl",), use="OpenSSL, for certificates and keys"),
        Need(name="git", find=_program("git"), packages=("git",), use="Git, for the versions of an issue"),
        Need(
            name="postgresql",
            find=_postgresql,
            packages=("postgresql",),
            use="a PostgreSQL server, beside the one that the environment brings",
        ),
        Need(
            name="pgbouncer",
            find=_program("pgbouncer"),
            packages=("pgbouncer",),
            use="PgBouncer, for what the documentation says of pools",
        ),
        Need(
            name="systemd-analyze",
            find=_program("systemd-analyze"),
            packages=("systemd",),
            use="systemd-analyze, for the units in deploy/",
        ),
        Need(
            name="certificates",
            find=_certificates,
            packages=("ca-certificates",),
            use="a bundle of certificate authorities",
        ),
    )
}
BEFORE_ALL = ("venv", "make")
"""Without these no test runs, so that their absence is an error everywhere."""


def main(names: Sequence[str], prefix: Sequence[str] | None = None) -> int:
    """Install or list what is missing of the named parts, or of all. Returns the exit code."""
    wanted = [NEEDS[name] for name in names or NEEDS]
    missing = [need for need in wanted if not need.find()]
    if missing:
        prefix = how_to_become_root() if prefix is None else prefix
        if prefix is not None:
            install(missing, prefix)
        missing = [need for need in missing if not need.find()]
    if missing:
        print(listed(missing), file=sys.stderr)
    in_ci = os.environ.get("CI") == "true"
    return int(any(in_ci or need.name in BEFORE_ALL for need in missing))


def how_to_become_root() -> tuple[str, ...] | None:
    """Return the words before a command that root must run; None where packages cannot or may not be installed."""
    if os.environ.get("INSTALL") == "no" or not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo")
    may = sudo and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0
    return ("sudo", "-n") if may else None


def install(needs: Sequence[Need], prefix: Sequence[str], policy: Path = POLICY) -> None:
    """Install packages with apt-get, saying so first. A part that cannot be had does not stop the others."""
    names = [need.packages[0] for need in needs]
    print(f"Installing {'through sudo' if prefix else 'as root'}, and starting nothing: {' '.join(names)}", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    get = [*apt, "install", "--no-install-recommends"]
    with nothing_started(prefix, policy):
        _run([*apt, "update"])
        if "postfix" in names:
            _run([*prefix, "debconf-set-selections"], POSTFIX)
        if not _run([*get, *names]):
            for need in needs:
                any(_run([*get, package]) for package in need.packages)


def _run(command: Sequence[str], text: str = "") -> bool:
    """Run a command and tell whether it succeeded. Its output is shown only where it did not."""
    done = subprocess.run(command, input=text, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(f"{' '.join(command)}\n{done.stdout}", file=sys.stderr)
    return done.returncode == 0


@contextmanager
def nothing_started(prefix: Sequence[str], policy: Path) -> Iterator[None]:
    """Keep packages from starting services until the end of the block. An existing policy stays as it is."""
    if os.path.lexists(policy):
        yield
        return
    # apt-get may take minutes: whoever ends this program meanwhile must not leave a machine that starts nothing.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
            file.write(REFUSE)
            file.flush()
            subprocess.run([*prefix, "install", "-m", "755", file.name, str(policy)], check=True)
        yield
    finally:
        subprocess.run([*prefix, "rm", "-f", str(policy)], check=True)
        signal.signal(signal.SIGTERM, before)


def listed(needs: Sequence[Need]) -> str:
    """Return one list of what is missing, and how to get it."""
    packages = " ".join(need.packages[0] for need in needs)
    lines = [f"  {need.name:14}{need.use}" for need in needs]
    return "\n".join(["Missing on this machine:", *lines, f"On Debian and Ubuntu: apt-get install {packages}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
