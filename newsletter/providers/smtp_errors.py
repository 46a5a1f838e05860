"""The ways in which a conversation with a mail server fails, and their words."""

from __future__ import annotations

import smtplib
import ssl
from enum import StrEnum

from newsletter.providers.smtp_encryption import WrongSecurityError


class Stage(StrEnum):
    """The step of a conversation that the server refused."""

    CONNECT = "the connection"
    LOGIN = "the login"
    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "the beginning of the message"
    BODY = "the message"


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


class OutOfStepError(BrokenError):
    """Commands in one packet were not answered one by one: the server does not keep to RFC 2920."""


def explained(error: BaseException) -> BaseException:
    """Return our exception for the error that prevented a connection."""
    if isinstance(error, WrongSecurityError):
        return BrokenError(str(error), stop=True)
    if isinstance(error, UnicodeError):
        return BrokenError("no connection: a host cannot have such a name", stop=True)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return RefusedError(Stage.LOGIN, error.smtp_code, text(error.smtp_error))
    if isinstance(error, ssl.SSLError):
        return BrokenError(f"no encrypted connection: {words(error)}", stop=True)
    if isinstance(error, (OSError, smtplib.SMTPServerDisconnected)) and not isinstance(
        error, (smtplib.SMTPNotSupportedError, smtplib.SMTPResponseException)
    ):
        return BrokenError(f"no connection: {words(error)}")
    return error


def words(error: Exception) -> str:
    """Return the reason of an error in few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error)


def text(said: bytes | str) -> str:
    """Return a server's words on one line."""
    return " ".join((said if isinstance(said, str) else said.decode("utf-8", "replace")).split())
