"""Fetch the mails of the return path's mailbox: from a file, or over IMAP (RFC 9051) with TLS."""

from __future__ import annotations

import imaplib
import mailbox
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from newsletter.errors import ConfigError, NewsletterError

MAX_BYTES = 5 * 1024 * 1024
"""Bytes of a mail that are read; a bounce that returns a larger message says what it has to say before."""
PAGE = 100
"""Mails fetched and applied at once."""
SECONDS = 60
"""How long the server may take for an answer."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class ImapAddress:
    """`imaps://bounces%40news.example.com@imap.example.com/INBOX`."""

    host: str
    port: int
    is_encrypted: bool
    user: str
    folder: str


def parse_imap(url: str) -> ImapAddress:
    """Read an address of a mailbox. Raises ConfigError with what is wrong."""
    hint = "Write imaps://user@imap.example.com/INBOX; an @ in the user's name is %40."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"{url!r} is not the address of a mailbox", hint=hint) from error
    if parts.scheme not in ("imaps", "imap") or not host or not parts.username:
        raise ConfigError(f"{url!r} is not the address of a mailbox", hint=hint)
    if parts.password:
        raise ConfigError(
            "a password in an address can be seen by everybody",
            hint='Set [bounces] imap_password = "env:IMAP_PASSWORD".',
        )
    if parts.scheme == "imap" and host not in _LOOPBACK:
        raise ConfigError("imap:// sends the password unencrypted; write imaps://", place=url)
    is_encrypted = parts.scheme == "imaps"
    return ImapAddress(
        host=host,
        port=port or (993 if is_encrypted else 143),
        is_encrypted=is_encrypted,
        user=unquote(parts.username),
        folder=unquote(parts.path.strip("/")) or "INBOX",
    )


def mails_of_file(path: Path) -> Iterator[bytes]:
    """Yield the mails of an mbox file or a Maildir folder, or the one mail that a file holds."""
    if path.is_dir():
        for name in ("new", "cur"):
            for mail in sorted((path / name).glob("*")):
                yield mail.read_bytes()[:MAX_BYTES]
        return
    with path.open("rb") as file:
        beginning = file.read(MAX_BYTES)
    if not beginning.startswith(b"From "):
        yield beginning
        return
    box = mailbox.mbox(path, create=False)
    try:
        for key in box.keys():  # noqa: SIM118  a mailbox is no dictionary: iterating yields parsed mails
            yield box.get_bytes(key)[:MAX_BYTES]
    finally:
        box.close()


class ImapMailbox:
    """An open mailbox; its unread mails are read page by page, and marked as read once they are applied."""

    def __init__(self, connection: imaplib.IMAP4, place: str) -> None:
        self._connection = connection
        self._place = place

    def unread(self) -> list[tuple[str, bytes]]:
        """Return the first unread mails, each with its unique id. Raises NewsletterError."""
        with self._explained():
            ids = [id.decode() for id in self._answer(*self._connection.uid("SEARCH", "UNSEEN"))[0].split()]
            mails: list[tuple[str, bytes]] = []
            for id in ids[:PAGE]:
                parts = self._answer(*self._connection.uid("FETCH", id, f"(BODY.PEEK[]<0.{MAX_BYTES}>)"))
                # imaplib gives the bytes of a message as the second of a pair.
                mails += [(id, part[1]) for part in parts if isinstance(part, tuple)]
        return mails

    def mark_read(self, id: str) -> None:
        """Mark a mail as read. Raises NewsletterError."""
        with self._explained():
            self._answer(*self._connection.uid("STORE", id, "+FLAGS.SILENT", r"(\Seen)"))

    def _answer(self, status: str, data: list[Any]) -> list[Any]:
        if status != "OK":
            raise NewsletterError(f"the mail server answers {status}", place=self._place)
        return [part for part in data if part is not None] or [b""]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (imaplib.IMAP4.error, OSError) as error:
            raise NewsletterError(f"the mailbox cannot be read: {error}", place=self._place) from error


@contextmanager
def open_imap(address: ImapAddress, password: str) -> Iterator[ImapMailbox]:
    """Open a mailbox. Raises NewsletterError when the server cannot be reached or refuses."""
    place = f"{address.host}:{address.port}"
    try:
        if address.is_encrypted:
            context = ssl.create_default_context()
            connection: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                address.host, address.port, ssl_context=context, timeout=SECONDS
            )
        else:
            connection = imaplib.IMAP4(address.host, address.port, timeout=SECONDS)
    except (OSError, imaplib.IMAP4.error, socket.gaierror) as error:
        raise NewsletterError(f"no connection to the mailbox: {error}", place=place) from error
    try:
        connection.login(address.user, password)
        status, _ = connection.select(_quoted(address.folder))
        if status != "OK":
            raise NewsletterError(f'no folder is named "{address.folder}"', place=place)
        yield ImapMailbox(connection, place)
    except imaplib.IMAP4.error as error:
        raise NewsletterError(f"the mail server refuses: {error}", place=place) from error
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            connection.logout()


def _quoted(folder: str) -> str:
    text = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
