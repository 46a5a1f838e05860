"""Dovecot, an IMAP server that others wrote, with one mailbox: over TLS and without, on the loopback address.

It runs as an ordinary user and with a configuration of its own, so that nothing of the machine's is used. Root starts
it as `nobody`: Dovecot gives root no mailbox.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.programs import REASON, program

USER, PASSWORD = "bounces@news.example.com", "secret word"
CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/mail
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwords
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class Dovecot:
    """A running server."""

    port: int
    tls_port: int
    mail: Path
    """The Maildir folder."""
    certificate: Path
    """Its certificate, which no authority signed."""

    def url(self, *, tls: bool, host: str = "localhost", folder: str = "INBOX") -> str:
        """Return the address of a folder."""
        port = self.tls_port if tls else self.port
        return f"{'imaps' if tls else 'imap'}://bounces%40news.example.com@{host}:{port}/{folder}"

    def flags(self) -> list[str]:
        """Return the flags of each mail, `S` for seen, as the names of a Maildir have them."""
        return sorted(path.name.partition(":2,")[2] for part in ("new", "cur") for path in (self.mail / part).iterdir())


@contextmanager
def dovecot(mails: Sequence[bytes]) -> Iterator[Dovecot]:
    """Start Dovecot with these unread mails in its mailbox, and stop it at the end."""
    command = program("dovecot")
    if not subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout.startswith("2.3."):
        pytest.skip(REASON + "Dovecot 2.3, whose configuration 2.4 does not read")
    # Short, since its sockets' addresses may have 107 characters; pytest's own folders let nobody else in.
    folder = Path(tempfile.mkdtemp(prefix="dovecot"))
    as_root = os.geteuid() == 0
    account = pwd.getpwnam("nobody") if as_root else pwd.getpwuid(os.geteuid())
    server = Dovecot(
        port=free_port(), tls_port=free_port(), mail=folder / "mail", certificate=folder / "certificate.pem"
    )
    _write(folder, server, account, mails)
    try:
        process = subprocess.Popen(
            [command, "-F", "-c", str(folder / "dovecot.conf")],
            user=account.pw_uid if as_root else None,
            group=account.pw_gid if as_root else None,
            extra_groups=[] if as_root else None,
        )
        try:
            _wait(process, server, folder / "log")
            yield server
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(folder)


def _write(folder: Path, server: Dovecot, account: pwd.struct_passwd, mails: Sequence[bytes]) -> None:
    for part in ("run", "state", "home", "mail/new", "mail/cur", "mail/tmp"):
        (folder / part).mkdir(parents=True)
    for number, mail in enumerate(mails):
        (folder / "mail" / "new" / f"{number}.test").write_bytes(mail)
    (folder / "passwords").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    written = CONFIGURATION.format(
        folder=folder,
        user=account.pw_name,
        group=grp.getgrgid(account.pw_gid).gr_name,
        uid=account.pw_uid,
        gid=account.pw_gid,
        port=server.port,
        tls_port=server.tls_port,
    )
    (folder / "dovecot.conf").write_text(written, encoding="utf-8")
    _make_certificate(folder / "key.pem", server.certificate)
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)


def _make_certificate(key: Path, certificate: Path) -> None:
    command = [
        program("openssl"),
        "req",
        "-x509",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    of_localhost = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run([*command, *curve, *of_localhost], check=True, capture_output=True)


def _wait(process: subprocess.Popen[bytes], server: Dovecot, log: Path) -> None:
    """Wait until it takes connections."""
    context = ssl.create_default_context(cafile=server.certificate)
    deadline = time.monotonic() + 30
    while True:
        try:
            # The server speaks first, once it is ready.
            with context.wrap_socket(_connection(server.tls_port), server_hostname="localhost") as tls:
                assert tls.recv(1) == b"*"
                return
        except OSError:
            said = log.read_text(encoding="utf-8") if log.exists() else ""
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.02)


def _connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)
