"""An SMTP connection: greeted, encrypted, logged in, and used for message after message.

Extends Python's smtplib by an envelope in one packet where the server allows it (RFC 2920), and by a body
that is sent as it is. Nothing is ever repeated here.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from enum import StrEnum

from newsletter.providers.base import Settings

CONNECT_SECONDS = 10
READ_SECONDS = 60
LONGEST = 8192
"""Bytes of an answer, at most; RFC 5321 section 4.5.3.1.5 allows 512 for a line, but servers send more."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Stage(StrEnum):
    """The step of a conversation that the server refused."""

    CONNECT = "the connection"
    LOGIN = "the login"
    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "the message"


Refusal = tuple[Stage, int, str]
"""The refused step, the code, and the server's words."""


class RefusedError(Exception):
    """The server refused with an answer; the connection can still be used."""

    def __init__(self, stage: Stage, code: int, said: str) -> None:
        super().__init__(f"{stage} was refused: {code} {said}")
        self.stage, self.code, self.said = stage, code, said


class BrokenError(Exception):
    """The connection cannot be used any more, and the message did not leave over it."""

    def __init__(self, reason: str, *, stop: bool = False) -> None:
        super().__init__(reason)
        self.stop = stop
        """True when trying again cannot help."""


class SmtpSession(smtplib.SMTP):
    """An open connection, ready for a message. Opening one raises BrokenError, RefusedError or SMTPException."""

    def __init__(self, settings: Settings, hello: str) -> None:
        self._security = settings["security"]
        self.said = ""
        """The server's answer to the last message that it took."""
        try:
            super().__init__(settings["host"], int(settings["port"]), hello, CONNECT_SECONDS)
            self._open(settings)
        except BaseException as error:
            self.close()
            raise _explained(error) from error

    def __del__(self) -> None:
        """Send QUIT without waiting for an answer, when the thread of the connection ends."""
        with contextlib.suppress(OSError, AttributeError):
            if self.sock:
                self.sock.sendall(b"QUIT\r\n")
        with contextlib.suppress(OSError, AttributeError):
            self.close()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # every packet waits for an answer
        connection.settimeout(READ_SECONDS)
        if self._security != "tls":
            return connection
        try:
            return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise

    def _open(self, settings: Settings) -> None:
        self.ehlo_or_helo_if_needed()
        if self._security == "starttls":
            if not self.has_extn("starttls"):
                raise BrokenError("it does not offer STARTTLS, so nothing was said to it", stop=True)
            self.starttls(context=ssl.create_default_context())
            self.ehlo()
        if settings["username"]:
            if self._security == "none" and settings["host"] not in LOOPBACK:
                raise BrokenError("a password is not sent without encryption: set security", stop=True)
            self.login(settings["username"], settings["password"])
        self._pipelining = self.has_extn("pipelining")
        self._size = self.has_extn("size")

    def envelope(self, sender: str, recipient: str, size: int) -> None:
        """Announce a message, so that the server waits for its body. Raises RefusedError or BrokenError."""
        announced = f" SIZE={size}" if self._size else ""
        commands = {
            Stage.MAIL: f"MAIL FROM:<{sender}>{announced}\r\n",
            Stage.RCPT: f"RCPT TO:<{recipient}>\r\n",
            Stage.DATA: "DATA\r\n",
        }
        try:
            refused = self._at_once(commands) if self._pipelining else self._one_by_one(commands)
            if refused:
                self._reset_envelope(refused)
        except (smtplib.SMTPException, OSError) as error:
            raise BrokenError(_words(error)) from error
        if refused:
            raise RefusedError(*refused)

    def _at_once(self, commands: dict[Stage, str]) -> Refusal | None:
        """Send the three commands in one packet, which takes a third of the round trips; return a refusal."""
        self._write("".join(commands.values()).encode("ascii"))
        refused = None
        for stage in commands:
            code, said = self._reply()
            if refused is None and not _goes_on(stage, code):
                refused = stage, code, said
                # 421 closes the connection: no further answer follows (RFC 5321 section 3.8).
                if code == 421:
                    return refused
        if refused and code == 354:  # the server waits for a message although it refused the recipient
            self._write(b".\r\n")
            self._reply()
        return refused

    def _one_by_one(self, commands: dict[Stage, str]) -> Refusal | None:
        for stage, command in commands.items():
            self._write(command.encode("ascii"))
            code, said = self._reply()
            if not _goes_on(stage, code):
                return stage, code, said
        return None

    def _reset_envelope(self, refused: Refusal) -> None:
        """Reset the envelope; a server that answered 421 has closed the connection (RFC 5321 section 3.8)."""
        _, code, said = refused
        if code == 421:
            raise smtplib.SMTPServerDisconnected(f"421 {said}")
        self._write(b"RSET\r\n")
        self._reply()

    def body(self, data: bytes) -> str:
        """Send a message. Return an empty text when it was taken, else the reason why that is not known.

        `data` ends in CRLF and has no line that begins with a dot. Raises RefusedError or BrokenError.
        """
        try:
            self._write(data + b".\r\n")
        except OSError as error:
            # Without TLS a failed write means that the final dot did not leave; under TLS it may have left.
            if isinstance(self.sock, ssl.SSLSocket):
                return f"the connection broke in the message: {_words(error)}"
            raise BrokenError(f"the connection broke in the message: {_words(error)}") from error
        try:
            code, self.said = self._reply()
        except (smtplib.SMTPException, OSError) as error:
            return f"the connection broke after the message: {_words(error)}"
        if code == 421:
            raise BrokenError(f"421 {self.said}")
        if code < 200 or 300 <= code < 400:
            return f"the server answered {code} {self.said}"
        if code >= 400:
            raise RefusedError(Stage.DATA, code, self.said)
        return ""

    def _write(self, data: bytes) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("it hung up")
        self.sock.sendall(data)

    def _reply(self) -> tuple[int, str]:
        """Read an answer (RFC 5321 section 4.2.1); smtplib's own reader takes three times as long."""
        line = self._line()
        said = line[4:]
        while line[3:4] == b"-":
            line = self._line()
            said += line[4:]
            if len(said) > LONGEST:
                raise smtplib.SMTPServerDisconnected("its answer does not end")
        return int(line[:3]) if line[:3].isdigit() else -1, _text(said)

    def _line(self) -> bytes:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("it hung up")
        if self.file is None:
            self.file = self.sock.makefile("rb")
        line = self.file.readline(LONGEST)
        if not line.endswith(b"\n"):
            raise smtplib.SMTPServerDisconnected("it hung up" if len(line) < LONGEST else "its answer does not end")
        return line


def _goes_on(stage: Stage, code: int) -> bool:
    return code == 354 if stage is Stage.DATA else 200 <= code < 300


def _explained(error: BaseException) -> BaseException:
    """Return our exception for the error that prevented a connection."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return RefusedError(Stage.LOGIN, error.smtp_code, _text(error.smtp_error))
    if isinstance(error, smtplib.SMTPConnectError):
        return RefusedError(Stage.CONNECT, error.smtp_code, _text(error.smtp_error))
    if isinstance(error, ssl.SSLError):
        return BrokenError(f"no encrypted connection: {_words(error)}", stop=True)
    if isinstance(error, (OSError, smtplib.SMTPServerDisconnected)) and not isinstance(
        error, (smtplib.SMTPNotSupportedError, smtplib.SMTPResponseException)
    ):
        return BrokenError(f"no connection: {_words(error)}")
    return error


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error)


def _text(said: bytes | str) -> str:
    return " ".join((said if isinstance(said, str) else said.decode("utf-8", "replace")).split())
