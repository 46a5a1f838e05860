"""A mail server with one IMAP mailbox, on the loopback address (RFC 9051, as far as a reader of mail needs it)."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Sequence
from typing import Self


class ImapServer:
    """A mailbox of `mails`; unread until they are marked as read."""

    def __init__(self, mails: Sequence[bytes], password: str = "secret") -> None:
        self.mails = list(mails)
        self.read: set[int] = set()
        """The numbers of mails that are marked as read, from 1."""
        self.password = password
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.imap = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"imap://bounces%40news.example.com@127.0.0.1:{self._server.server_address[1]}/INBOX"


class _Server(socketserver.ThreadingTCPServer):
    imap: ImapServer
    daemon_threads = True


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._say("* OK ready")
        while line := self.rfile.readline().decode():
            tag, _, command = line.strip().partition(" ")
            ending = self._answer(command)
            self._say(f"{tag} {ending}")
            if command.upper() == "LOGOUT":
                return

    def _answer(self, command: str) -> str:
        imap = self.server.imap
        if command.upper() == "CAPABILITY":
            self._say("* CAPABILITY IMAP4rev1")
        elif command.upper().startswith("LOGIN"):
            right = f'"{imap.password}"' in command and "bounces@news.example.com" in command
            return "OK welcome" if right else "NO the password is wrong"
        elif command.upper().startswith("SELECT"):
            if '"INBOX"' not in command:
                return "NO there is no such folder"
            self._say(f"* {len(imap.mails)} EXISTS")
        elif command.upper().startswith("UID SEARCH"):
            unread = (str(number) for number in range(1, len(imap.mails) + 1) if number not in imap.read)
            self._say(f"* SEARCH {' '.join(unread)}")
        elif match := re.match(r"UID FETCH (\d+) ", command, re.IGNORECASE):
            mail = imap.mails[int(match[1]) - 1]
            self._say(f"* {match[1]} FETCH (UID {match[1]} BODY[]<0> {{{len(mail)}}}")
            self.wfile.write(mail)
            self._say(")")
        elif match := re.match(r"UID STORE (\d+) ", command, re.IGNORECASE):
            imap.read.add(int(match[1]))
        return "OK done"

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
