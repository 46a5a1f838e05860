"""SMTP: hand finished messages to any mail server (RFC 5321), over connections that are kept.

Every message has the server's own answer as its outcome. Only a connection that broke after
the final dot and before the answer leaves a message unknown.
"""

from __future__ import annotations

import re
import threading
from smtplib import SMTPException

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import Recipient
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Result, Settings
from newsletter.providers.dkim import SigningError, signature
from newsletter.providers.smtp_session import BrokenError, RefusedError, SmtpSession, Stage

WINDOW = 20
"""Messages between two entries in the ledger, and so the most that are unknown after a crash."""
_DELIVERABLE = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")
# A connection for each thread needs no lock.
_local = threading.local()


class _StopError(Exception):
    """Every further message would fail, too; with `stop`, until somebody changes a setting or the server."""

    def __init__(self, reason: str, *, stop: bool) -> None:
        super().__init__(reason)
        self.reason, self.stop = reason, stop


def send(batch: Batch, settings: Settings) -> Answer:
    """Hand the messages over in order; when the server takes no more, the others are BUSY."""
    results: list[Result] = []
    try:
        results.extend(_handed(batch, recipient, settings) for recipient in batch.recipients)
    except _StopError as stopped:
        left = len(batch.recipients) - len(results)
        busy = Result(outcome=Outcome.BUSY, reason=stopped.reason)
        return Answer(results=(*results, *[busy] * left), stop=stopped.reason if stopped.stop else "")
    return Answer(results=tuple(results))


def _handed(batch: Batch, recipient: Recipient, settings: Settings) -> Result:
    """Hand over one message; again over a new connection only if it certainly did not leave over a kept one."""
    if not _DELIVERABLE.fullmatch(recipient.email):
        return Result(outcome=Outcome.REJECTED, reason="SMTP cannot carry an address with such characters")
    data = _signed(batch.mailing.mime(recipient), batch, settings)
    session, is_kept = _session(batch, settings)
    try:
        return _offered(session, batch, recipient, data)
    except BrokenError as broken:
        if not is_kept:
            raise _StopError(f"{_server(settings)}: {broken}", stop=False) from broken
    session, _ = _session(batch, settings)
    try:
        return _offered(session, batch, recipient, data)
    except BrokenError as broken:
        raise _StopError(f"{_server(settings)}: {broken}", stop=False) from broken


def _offered(session: SmtpSession, batch: Batch, recipient: Recipient, data: bytes) -> Result:
    """Return the server's answer to a message. Raises BrokenError when the connection broke before the message left."""
    try:
        session.envelope(batch.mailing.envelope.sender.address, recipient.email, len(data))
        unknown = session.body(data)
    except RefusedError as refused:
        return _refusal(refused)
    except BrokenError:
        _forget()
        raise
    if unknown:
        _forget()
        return Result(outcome=Outcome.UNKNOWN, reason=unknown)
    return Result(outcome=Outcome.ACCEPTED, provider_id=session.said[:100])


def _refusal(refused: RefusedError) -> Result:
    """Return the result of a refusal by stage and code (RFC 5321 section 4.2, RFC 3463).

    Raises _StopError for a refusal of the account or the sender, which every message would meet.
    """
    if refused.code < 500:
        return Result(outcome=Outcome.BUSY, reason=str(refused), alone=refused.stage is Stage.RCPT)
    # 552 is about the size of this message (RFC 1870), although it answers MAIL FROM.
    everything = refused.stage is Stage.MAIL and refused.code != 552
    # A server that does not know the sender refuses every address with words like "relaying denied".
    if (
        everything
        or refused.code in (530, 535)
        or re.search(r"relay(ing)?\b.*\b(denied|prohibited)", refused.said, re.I)
    ):
        raise _StopError(f"the mail server refused to send: {refused}", stop=True)
    return Result(outcome=Outcome.REJECTED, reason=str(refused), retryable=not _is_no_mailbox(refused))


def _is_no_mailbox(refused: RefusedError) -> bool:
    """Tell whether the address takes no mail: 5.1.x or 5.2.1 of RFC 3463, or without a code of it 550 of RFC 5321."""
    status = re.search(r"\b5\.\d{1,3}\.\d{1,3}\b", refused.said)
    if refused.stage is not Stage.RCPT:
        return False
    return status[0].startswith("5.1.") or status[0] == "5.2.1" if status else refused.code == 550


def _signed(message: bytes, batch: Batch, settings: Settings) -> bytes:
    if not settings["dkim_key"]:
        return message
    try:
        domain = settings["dkim_domain"] or batch.mailing.envelope.sender.domain
        return signature(message, domain, settings["dkim_selector"], settings["dkim_key"]) + message
    except SigningError as error:
        raise _StopError(str(error), stop=True) from error


def _session(batch: Batch, settings: Settings) -> tuple[SmtpSession, bool]:
    """Return this thread's connection, and whether it was used before."""
    kept: tuple[Settings, SmtpSession] | None = getattr(_local, "kept", None)
    if kept and kept[0] == settings:
        return kept[1], True
    _forget()
    session = _connected(batch, settings)
    _local.kept = settings, session
    return session, False


def _connected(batch: Batch, settings: Settings) -> SmtpSession:
    try:
        return SmtpSession(settings, batch.mailing.envelope.sender.domain)
    except RefusedError as refused:
        raise _StopError(f"{_server(settings)}: {refused}", stop=refused.code >= 500) from refused
    except BrokenError as broken:
        raise _StopError(f"{_server(settings)}: {broken}", stop=broken.stop) from broken
    except SMTPException as error:
        raise _StopError(f"{_server(settings)}: {error}", stop=True) from error


def _forget() -> None:
    """Close this thread's connection."""
    kept: tuple[Settings, SmtpSession] | None = getattr(_local, "kept", None)
    if kept:
        _local.kept = None
        kept[1].close()


def _server(settings: Settings) -> str:
    return f"the mail server {settings['host']}:{settings['port']}"


SMTP = Provider(
    name="smtp",
    title="SMTP",
    settings=PROVIDER_SETTINGS["smtp"],
    batch_size=500,
    window=WINDOW,
    send=send,
)
