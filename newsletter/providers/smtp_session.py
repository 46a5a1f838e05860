"""An SMTP connection: greeted, encrypted, logged in, and used for message after message.

Extends Python's smtplib by an envelope in one packet where the server allows it (RFC 2920), by a body that is sent as
it is, and by the time that RFC 5321 gives each answer. Nothing is ever repeated here. Which connection a message
takes is smtp_connections.py, what an answer means smtp.py.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl

from newsletter.providers import smtp_encryption, smtp_login
from newsletter.providers.base import Settings
from newsletter.providers.smtp_errors import (
    BrokenError,
    OutOfStepError,
    Refusal,
    RefusedError,
    Stage,
    explained,
    text,
    words,
)

CONNECT_SECONDS = 10
SILENCE_SECONDS = 5
"""Seconds without a greeting after which it is looked at whether the server waits for TLS."""
ANSWER_SECONDS = 300
"""Seconds for the greeting and for most answers (RFC 5321 sections 4.5.3.2.1 to 4.5.3.2.3)."""
DATA_SECONDS = 120
"""Seconds for the answer to DATA (section 4.5.3.2.4)."""
BLOCK_SECONDS = 180
"""Seconds in which the message must leave (section 4.5.3.2.5)."""
TAKEN_SECONDS = 600
"""Seconds for the answer to the final dot (section 4.5.3.2.6): a server may scan and store the message before it
answers. Who hangs up earlier leaves a message unknown that the server then delivers. An HTTP API only queues what it
is given, so transport.py gives it a tenth of that."""
RESET_SECONDS = 30
"""Seconds for the answer to RSET; without one another connection does as well."""
PIPELINE_SECONDS = 60
"""Seconds between two answers to commands in one packet; a server that loses the others never sends them."""
FAREWELL_SECONDS = 2
"""Seconds that a server may take to close a connection."""
LONGEST = 8192
"""Bytes of an answer, at most; RFC 5321 section 4.5.3.1.5 allows 512 for a line, but servers send more."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SmtpSession(smtplib.SMTP):
    """A connection. `open` makes it ready for a message."""

    def __init__(self, settings: Settings, hello: str) -> None:
        super().__init__(local_hostname=hello, timeout=CONNECT_SECONDS)
        self.sock: socket.socket | None = None
        self._host = settings["host"]  # smtplib's name for what a certificate must have
        self._settings = settings
        self._security = settings["security"]
        self._read = b""
        """Bytes that came in and are not read as an answer yet."""
        self._is_greeted = False
        self.may_pipeline = True
        """False where the server was seen not to keep to RFC 2920, whatever it offers."""
        self.taken = 0
        """Messages that it delivered."""
        self.offered = 0
        """Messages that were offered over it."""
        self.refusals = 0
        """Messages in a row that were put off over it."""
        self.is_aborted = False
        self.said = ""
        """The server's answer to the last message that it took."""

    def __del__(self) -> None:
        """Send QUIT without waiting for an answer, when nobody uses the connection any more."""
        with contextlib.suppress(OSError, AttributeError):
            self.leave()

    def open(self) -> None:
        """Connect, greet, encrypt and log in. Raises BrokenError, RefusedError or SMTPException."""
        try:
            code, said = self.connect(self._settings["host"], int(self._settings["port"]))
            if code < 0:
                raise BrokenError(f"it does not greet like a mail server: {text(said)[:100]}", stop=True)
            if code != 220:
                raise RefusedError(Stage.CONNECT, code, text(said))
            self._begin()
        except BaseException as error:
            self.close()
            raise explained(error) from error

    def close(self) -> None:
        """Close the connection at once."""
        self._read = b""
        super().close()

    def leave(self) -> None:
        """Say QUIT and close the connection."""
        with contextlib.suppress(OSError):
            if self.sock:
                self.sock.settimeout(FAREWELL_SECONDS)
                self.sock.sendall(b"QUIT\r\n")
        self.close()

    def leave_and_wait(self) -> None:
        """Say QUIT and wait until the server has closed the connection, so that it counts it no more."""
        with contextlib.suppress(OSError):
            if self.sock:
                self.sock.settimeout(FAREWELL_SECONDS)
                self.sock.sendall(b"QUIT\r\n")
                while self.sock.recv(LONGEST):
                    pass
        self.close()

    def abort(self) -> None:
        """End whatever another thread waits for over this connection."""
        self.is_aborted = True
        with contextlib.suppress(OSError, AttributeError):
            if self.sock:
                self.sock.shutdown(socket.SHUT_RDWR)

    def is_quiet(self) -> bool:
        """Tell whether the server said nothing unasked: an answer too many, or that it hung up."""
        if self.sock is None or self._read:
            return False
        # Under TLS what came in may be a new session ticket and no answer.
        return isinstance(self.sock, ssl.SSLSocket) or not self._says_something(0)

    def _says_something(self, seconds: float) -> bool:
        """Wait until something comes in, if only the end of the connection; False when nothing does."""
        assert self.sock
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            return True
        return True

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = self.sock = socket.create_connection((host, port), timeout)  # known to `abort` from here on
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # every packet waits for an answer
        if self._security == "tls":
            try:
                connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
            except (OSError, ValueError) as error:
                connection.close()
                if not isinstance(error, ssl.SSLCertVerificationError):
                    smtp_encryption.explain_failed_tls(host, port, error)
                raise
        connection.settimeout(ANSWER_SECONDS)
        return connection

    def _begin(self) -> None:
        settings = self._settings
        try:
            self.ehlo_or_helo_if_needed()
        except smtplib.SMTPHeloError as error:
            raise RefusedError(Stage.CONNECT, error.smtp_code, text(error.smtp_error)) from error
        if self._security == "starttls":
            self._encrypt()
        if settings["username"]:
            if self._security == "none" and settings["host"] not in LOOPBACK:
                raise BrokenError("a password is not sent without encryption: set security", stop=True)
            smtp_login.log_in(self, settings["username"], settings["password"])
        self._pipelines = self.has_extn("pipelining")
        self._size = self.has_extn("size")

    def _encrypt(self) -> None:
        if not self.has_extn("starttls"):
            raise BrokenError(f"it does not offer STARTTLS. {smtp_encryption.WITHOUT}", stop=True)
        try:
            self.starttls(context=ssl.create_default_context())
        except smtplib.SMTPResponseException as error:
            raise RefusedError(Stage.CONNECT, error.smtp_code, text(error.smtp_error)) from error
        # What came before the encryption may be an attacker's (RFC 3207 section 5).
        self._read = b""
        if not 200 <= self.ehlo()[0] < 300:
            raise BrokenError("it refuses EHLO after STARTTLS")

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer for smtplib's own commands, with its lines; the greeting may come late."""
        if not self._is_greeted and self._security != "tls" and not self._says_something(SILENCE_SECONDS):
            smtp_encryption.require_plain(self._host, int(self._settings["port"]))
        self._is_greeted = True
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("it hung up")
        self.sock.settimeout(ANSWER_SECONDS)
        return self._lines()

    def envelope(self, sender: str, recipient: str, size: int) -> None:
        """Announce a message, so that the server waits for its body. Raises RefusedError or BrokenError."""
        self.offered += 1
        announced = f" SIZE={size}" if self._size else ""
        commands = {
            Stage.MAIL: f"MAIL FROM:<{sender}>{announced}\r\n",
            Stage.RCPT: f"RCPT TO:<{recipient}>\r\n",
            Stage.DATA: "DATA\r\n",
        }
        is_pipelined = self._pipelines and self.may_pipeline
        try:
            refused = self._at_once(commands) if is_pipelined else self._one_by_one(commands)
            if refused:
                self._reset_envelope(refused)
        except (smtplib.SMTPException, OSError) as error:
            raise BrokenError(words(error)) from error
        if refused:
            self.refusals += refused[1] < 500
            raise RefusedError(*refused)

    def _at_once(self, commands: dict[Stage, str]) -> Refusal | None:
        """Send the three commands in one packet, which takes a third of the round trips; return a refusal."""
        self._write("".join(commands.values()).encode("ascii"))
        refused, seconds, code = None, ANSWER_SECONDS, 0
        for stage in commands:
            try:
                code, said = self._answer_in_step(stage, seconds, is_refused=bool(refused))
            except (smtplib.SMTPException, OSError):
                if refused is None:
                    raise
                self.close()  # the refusal counts all the same, but no other message goes this way
                return refused
            seconds = PIPELINE_SECONDS
            if refused is None and not _goes_on(stage, code):
                refused = stage, code, said
                # 421 closes the connection: no further answer follows (RFC 5321 section 3.8).
                if code == 421:
                    return refused
        if refused and code == 354:  # the server waits for a message although it refused the recipient
            self._write(b".\r\n")
            self._reply()
        return refused

    def _answer_in_step(self, stage: Stage, seconds: float, *, is_refused: bool) -> tuple[int, str]:
        """Read the answer to one of several commands.

        Raises OutOfStepError for one that only a server gives which did not read all of them; after a refusal any
        answer will do.
        """
        try:
            code, said = self._reply(seconds)
        except TimeoutError as error:
            if stage is Stage.MAIL:
                raise
            raise OutOfStepError("it lost commands that came in one packet") from error
        is_no_answer = not (_goes_on(stage, code) or code >= 400)
        is_confused = code == 503 or (code >= 500 and re.search(r"pipelin|synchroni[sz]ation", said, re.I))
        if not is_refused and (is_no_answer or is_confused):
            raise OutOfStepError(f"it answered {code} {said} to {stage.name}")
        return code, said

    def _one_by_one(self, commands: dict[Stage, str]) -> Refusal | None:
        for stage, command in commands.items():
            self._write(command.encode("ascii"))
            code, said = self._reply(DATA_SECONDS if stage is Stage.DATA else ANSWER_SECONDS)
            if not _goes_on(stage, code):
                if code < 400:
                    raise smtplib.SMTPServerDisconnected(f"it answered {code} {said} to {stage.name}")
                return stage, code, said
        return None

    def _reset_envelope(self, refused: Refusal) -> None:
        """Reset the envelope; a server that answered 421 has closed the connection (RFC 5321 section 3.8)."""
        _, code, said = refused
        if code == 421:
            raise smtplib.SMTPServerDisconnected(f"421 {said}")
        try:
            self._write(b"RSET\r\n")
            code, _ = self._reply(RESET_SECONDS)
        except (smtplib.SMTPException, OSError):
            code = -1
        if not 200 <= code < 300:  # the refusal counts all the same, but no other message goes this way
            self.close()

    def body(self, data: bytes) -> str:
        """Send a message. Return an empty text when it was taken, else the reason why that is not known.

        `data` ends in CRLF and has no line that begins with a dot. Raises RefusedError or BrokenError.
        """
        try:
            self._write(data + b".\r\n", BLOCK_SECONDS)
        except OSError as error:
            return self._unsent(error)
        try:
            code, self.said = self._reply(TAKEN_SECONDS)
        except (smtplib.SMTPException, OSError) as error:
            return f"the connection broke after the message: {words(error)}"
        if code == 421:
            raise BrokenError(f"421 {self.said}")
        if code < 200 or 300 <= code < 400:
            return f"the server answered {code} {self.said}"
        if code >= 400:
            raise RefusedError(Stage.BODY, code, self.said)
        self.taken += 1
        self.refusals = 0
        return ""

    def _unsent(self, error: OSError) -> str:
        """Explain a message that could not be written to its end: a server that hangs up may have said why."""
        with contextlib.suppress(smtplib.SMTPException, OSError):
            code, said = self._reply(FAREWELL_SECONDS)
            if code >= 400 and code != 421:
                self.close()
                raise RefusedError(Stage.BODY, code, said) from error
        reason = f"the connection broke in the message: {words(error)}"
        # Without TLS a failed write means that the final dot did not leave; under TLS it may have left.
        if isinstance(self.sock, ssl.SSLSocket):
            return reason
        raise BrokenError(reason) from error

    def _write(self, data: bytes, seconds: float | None = None) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("it hung up")
        self.sock.settimeout(seconds or ANSWER_SECONDS)
        self.sock.sendall(data)

    def _reply(self, seconds: float | None = None) -> tuple[int, str]:
        """Read an answer (RFC 5321 section 4.2.1) and its words; smtplib's own reader takes three times as long."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("it hung up")
        self.sock.settimeout(seconds or ANSWER_SECONDS)
        code, said = self._lines()
        return code, text(said)

    def _lines(self) -> tuple[int, bytes]:
        """Read an answer: the code of its last line, -1 if that is no answer, and the words of all its lines."""
        line = self._line()
        said = line[4:]
        while line[3:4] == b"-":
            line = self._line()
            said += line[4:]
            if len(said) > LONGEST:
                raise smtplib.SMTPServerDisconnected("its answer does not end")
        is_answer = line[:3].isdigit() and line[3:4] in (b" ", b"\r", b"\n")
        return (int(line[:3]), said) if is_answer else (-1, line)

    def _line(self) -> bytes:
        while b"\n" not in self._read:
            if self.sock is None:
                raise smtplib.SMTPServerDisconnected("it hung up")
            if len(self._read) > LONGEST:
                raise smtplib.SMTPServerDisconnected("its answer does not end")
            piece = self.sock.recv(LONGEST)
            if not piece:
                raise smtplib.SMTPServerDisconnected("it hung up")
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line + b"\n"


def _goes_on(stage: Stage, code: int) -> bool:
    return code == 354 if stage is Stage.DATA else 200 <= code < 300
