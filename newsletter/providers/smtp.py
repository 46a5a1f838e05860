"""SMTP: hand finished messages to any mail server (RFC 5321), over connections that are kept.

Every message has the server's own answer as its outcome. Only a connection that broke after the final dot and before
the answer leaves a message unknown. A message that certainly was not taken over a used connection is offered once more
over a new one: servers limit the messages of a connection, and say so in many ways.
"""

from __future__ import annotations

import re
from smtplib import SMTPException

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import Recipient
from newsletter.providers import refusals, smtp_connections
from newsletter.providers.base import Answer, Batch, Concern, Outcome, Provider, Result, Settings
from newsletter.providers.dkim import SigningError, signature
from newsletter.providers.refusals import Refusal, RefusalVerdict
from newsletter.providers.smtp_connections import SmtpConnections
from newsletter.providers.smtp_errors import BrokenError, OutOfStepError, RefusedError, Stage
from newsletter.providers.smtp_session import SmtpSession

WINDOW = 20
"""Messages between two entries in the ledger, and so the most that are unknown after a crash."""
_DELIVERABLE = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")
_ABOUT = {
    Stage.CONNECT: Concern.CONNECTION,
    Stage.LOGIN: Concern.CONNECTION,
    Stage.MAIL: Concern.SENDER,
    Stage.RCPT: Concern.READER,
    Stage.DATA: Concern.MESSAGE,
    Stage.BODY: Concern.MESSAGE,
}
"""What is offered at each step: what a refusal is about that says nothing else."""
_OF_SERVER = re.compile(r"\b4\.[35]\.\d{1,3}\b")
"""Statuses that name the server as the cause (RFC 3463); servers give them for a lookup that failed for one reader."""
_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)


Said = Result | RefusedError | BrokenError
"""What became of a message: an outcome, the server's refusal, or a connection that broke before the message left."""


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
        busy = Result(outcome=Outcome.BUSY, reason=stopped.reason, about=Concern.CONNECTION)
        return Answer(results=(*results, *[busy] * left), stop=stopped.reason if stopped.stop else "")
    return Answer(results=tuple(results))


def _handed(batch: Batch, recipient: Recipient, settings: Settings) -> Result:
    """Hand over one message; again over a new connection only if it certainly did not leave over a used one."""
    if not _DELIVERABLE.fullmatch(recipient.email):
        return Result(outcome=Outcome.REJECTED, reason="SMTP cannot carry an address with such characters")
    data = _signed(batch.mailing.mime(recipient), batch, settings)
    connections = smtp_connections.connections_to(settings)
    session = _take(connections, batch, settings)
    with connections.owning(session):
        said = _offered(session, batch, recipient, data)
    if not _may_pass_anew(connections, session, said):
        return _settled(connections, session, said, settings)
    connections.drop(session)
    renewed = _take(connections, batch, settings, new=True)
    with connections.owning(renewed):
        again = _offered(renewed, batch, recipient, data)
    _learn(connections, session, said, again)
    return _settled(connections, renewed, again, settings)


def _offered(session: SmtpSession, batch: Batch, recipient: Recipient, data: bytes) -> Said:
    """Return the server's answer to a message, or how the connection broke before the message left."""
    try:
        sender = (
            batch.return_path(recipient.delivery_id) if batch.return_path else batch.mailing.envelope.sender.address
        )
        session.envelope(sender, recipient.email, len(data))
        unknown = session.body(data)
    except (RefusedError, BrokenError) as error:
        return error
    if unknown:
        session.close()
        return Result(outcome=Outcome.UNKNOWN, reason=unknown, about=Concern.CONNECTION)
    return Result(outcome=Outcome.ACCEPTED, provider_id=session.said[:100])


def _may_pass_anew(connections: SmtpConnections, session: SmtpSession, said: Said) -> bool:
    """Tell whether a message may pass over a new connection that certainly did not pass over this one.

    A server that takes no more messages over a connection hangs up, or answers 4xx to anything and stays. Where a new
    connection did not help before, only a second refusal in a row asks for one.
    """
    if isinstance(said, Result) or session.is_aborted:
        return False
    is_kept = session.offered > 1
    if isinstance(said, OutOfStepError):
        connections.may_pipeline = False
        return True
    if isinstance(said, BrokenError):
        return is_kept
    if said.code >= 500 or said.stage not in _ENVELOPE or not session.taken:
        return False
    return session.refusals > 1 or refusals.cause(str(said)) not in connections.unhelped


def _learn(connections: SmtpConnections, first: SmtpSession, said: Said, again: Said) -> None:
    """Learn from a second connection whether the first had taken all the messages that it may."""
    if isinstance(again, RefusedError) and again.code < 500:
        connections.unhelped.add(refusals.cause(str(again)))
    elif isinstance(again, Result) and first.taken:
        connections.unhelped.discard(refusals.cause(str(said)))
        connections.note_limit(first.taken)


def _settled(connections: SmtpConnections, session: SmtpSession, said: Said, settings: Settings) -> Result:
    """Give a connection back, and return what became of the message. Raises _StopError."""
    if isinstance(said, BrokenError):
        connections.drop(session)
        raise _StopError(f"{_server(settings)}: {said}", stop=said.stop) from said
    connections.give_back(session)
    return said if isinstance(said, Result) else _refusal(said)


def _refusal(refused: RefusedError) -> Result:
    """Return the result of a refusal. Raises _StopError for one that every message would meet."""
    refusal = _classified(refused)
    if refusal.verdict is RefusalVerdict.STOP:
        raise _StopError(f"the mail server refused to send: {refused}{_hint(refused)}", stop=True)
    return refusals.result(refusal, str(refused))


def _classified(refused: RefusedError) -> Refusal:
    """Classify a refusal.

    What is put off in answer to RCPT, or after the final dot, was offered for one reader: that reader waits alone, and
    nobody else is held up. A server that puts everyone off does so ten times in a row (`dispatch.MOST_ALONE`).
    """
    about, said = _ABOUT[refused.stage], refused.said
    if refused.code < 500 and refused.stage in (Stage.RCPT, Stage.BODY):
        about, said = Concern.READER, _OF_SERVER.sub("", said)
    return refusals.smtp_refusal(refused.code, said, about)


def _hint(refused: RefusedError) -> str:
    if re.search(r"\bSTARTTLS\b|\bencrypt", refused.said, re.I):
        return '. Set security = "starttls", or "tls" with the port of TLS (465)'
    return ""


def _signed(message: bytes, batch: Batch, settings: Settings) -> bytes:
    if not settings["dkim_key"]:
        return message
    try:
        domain = settings["dkim_domain"] or batch.mailing.envelope.sender.domain
        return signature(message, domain, settings["dkim_selector"], settings["dkim_key"]) + message
    except SigningError as error:
        raise _StopError(str(error), stop=True) from error


def _take(connections: SmtpConnections, batch: Batch, settings: Settings, *, new: bool = False) -> SmtpSession:
    """Take a connection. Raises _StopError when there is none."""
    try:
        return connections.take(batch.mailing.envelope.sender.domain, new=new)
    except RefusedError as refused:
        stop = _classified(refused).verdict is not RefusalVerdict.RETRY
        raise _StopError(f"{_server(settings)}: {refused}{_hint(refused)}", stop=stop) from refused
    except BrokenError as broken:
        raise _StopError(f"{_server(settings)}: {broken}", stop=broken.stop) from broken
    except SMTPException as error:
        raise _StopError(f"{_server(settings)}: {error}", stop=True) from error


def _server(settings: Settings) -> str:
    return f"the mail server {settings['host']}:{settings['port']}"


SMTP = Provider(
    name="smtp",
    title="SMTP",
    settings=PROVIDER_SETTINGS["smtp"],
    batch_size=500,
    window=WINDOW,
    send=send,
    abort=smtp_connections.abort,
    rest=smtp_connections.close_idle,
)
