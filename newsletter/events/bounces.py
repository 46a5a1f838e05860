"""Read the mail that comes back to the return path: bounces (RFC 3464) and complaints (RFC 5965).

Which delivery it is about is known by its signed return path alone, wherever in the mail it stands. Servers that keep
to no standard are left to `flufl.bounce`, where it is installed. Automatic replies say nothing.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from newsletter.providers import refusals
from newsletter.providers.base import Concern
from newsletter.providers.refusals import RefusalVerdict
from newsletter.providers.webhooks import Report, ReportKind

MAIL = "smtp"
"""The provider under whose name such mails are kept and applied."""
COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other"})
"""Types of feedback that are complaints: https://www.iana.org/assignments/marf-parameters/."""
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_CODE = re.compile(r"\b([45]\d\d)\b")


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """The fields of a delivery status that is about one recipient."""

    action: str
    status: str
    words: str


def read_bounce(raw: bytes, delivery_of: Callable[[str], str], now: datetime) -> Report | None:
    """Return what a mail reports about one of our deliveries; None for an automatic reply and anything else.

    `delivery_of` is `return_path.delivery_reader`'s; `now` dates a mail that has no date.
    """
    # The old policy: it reads whatever comes, and raises nothing.
    mail = email.message_from_bytes(raw, policy=email.policy.compat32)
    kind, words = _complaint(mail) or _bounce(mail)
    delivery_id = delivery_of(raw.decode("latin-1").replace("=\r\n", "").replace("=\n", ""))
    if kind is None or not delivery_id:
        return None
    return Report(
        kind=kind,
        delivery_id=delivery_id,
        address="",
        is_ours=True,
        at=_date(mail, now),
        key=hashlib.sha256(
            f"{mail.get('Message-ID', '')}\0{delivery_id}\0{kind}".encode("utf-8", "replace")
        ).hexdigest()[:32],
        detail=words,
    )


def _complaint(mail: Message) -> tuple[ReportKind | None, str] | None:
    """Return a complaint; None when the mail is no feedback report."""
    for part in mail.walk():
        if part.get_content_type() == "message/feedback-report":
            fields = email.message_from_string(_text(part), policy=email.policy.compat32)
            feedback = str(fields.get("Feedback-Type", "")).strip().lower()
            if feedback in ("opt-out", "opt-out-list", "unsubscribe"):
                return ReportKind.UNSUBSCRIBED, f"feedback: {feedback}"
            return (ReportKind.COMPLAINED if feedback in COMPLAINTS else None), f"feedback: {feedback}"
    return None


def _bounce(mail: Message) -> tuple[ReportKind | None, str]:
    for failure in _failures(mail):
        kind = _kind(failure)
        if kind is not None:
            return kind, failure.words or failure.status
    if _is_automatic_reply(mail):
        return None, ""
    return _unusual(mail)


def _failures(mail: Message) -> Iterable[_Failure]:
    """Yield the recipients' parts of a delivery status notification."""
    for part in mail.walk():
        if part.get_content_type() not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        groups = part.get_payload()
        for group in groups if isinstance(groups, list) else []:
            if isinstance(group, Message) and group.get("Action"):
                words = str(group.get("Diagnostic-Code", "")).partition(";")[2] or str(group.get("Diagnostic-Code", ""))
                yield _Failure(
                    action=str(group["Action"]).split()[0].lower() if str(group["Action"]).split() else "",
                    status=str(group.get("Status", "")).strip(),
                    words=" ".join(words.split()),
                )


def _kind(failure: _Failure) -> ReportKind | None:
    if failure.action in ("delivered", "relayed", "expanded"):
        return ReportKind.DELIVERED if failure.action == "delivered" else None
    if failure.action == "delayed":
        return ReportKind.DEFERRED
    return _classified(failure.status, failure.words) if failure.action == "failed" else None


def _classified(status: str, words: str) -> ReportKind:
    """Return what a failure is about, by the reader's own server's code and words, else by the status."""
    # X.0.0 says nothing (RFC 3463 section 3.1).
    said = words if _STATUS.search(words) or status.endswith(".0.0") else f"{status} {words}"
    match = _STATUS.search(said)
    code = int(found[1]) if (found := _CODE.search(words)) else (450 if match and match[1] == "4" else 550)
    if code < 500 or (match and match[1] == "4"):
        return ReportKind.SOFT_BOUNCE  # the server gave up trying
    refusal = refusals.smtp_refusal(code, said, Concern.READER)
    if refusal.about is not Concern.READER:
        return ReportKind.BLOCKED
    return ReportKind.HARD_BOUNCE if refusal.verdict is RefusalVerdict.SUPPRESS else ReportKind.SOFT_BOUNCE


def _is_automatic_reply(mail: Message) -> bool:
    """Tell whether somebody's program answers: RFC 3834, and the headers that older ones use.

    Exim marks its bounces in no standard form as replies, too, and names in them whom it could not reach
    (https://www.exim.org/exim-html-current/doc/html/spec_html/ch-customizing_messages.html).
    """
    if "X-Failed-Recipients" in mail:
        return False
    submitted = str(mail.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    precedence = str(mail.get("Precedence", "")).strip().lower()
    return submitted == "auto-replied" or precedence == "auto_reply" or "X-Autoreply" in mail or "X-Autorespond" in mail


def _unusual(mail: Message) -> tuple[ReportKind | None, str]:
    """Return what a bounce in no standard form says, by its text."""
    try:
        from flufl.bounce import all_failures
    except ModuleNotFoundError:
        return None, ""
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs each detector that a mail confuses
    try:
        temporary, permanent = all_failures(mail)
    except Exception:  # its detectors trust the mail, which anybody can write
        return None, ""
    if permanent:
        words = next((match[0] for match in _lines(mail) if match), "")
        return _classified("5.1.1" if not words else "", words or "5.1.1"), words
    return (ReportKind.DEFERRED, "") if temporary else (None, "")


def _lines(mail: Message) -> Iterable[re.Match[str] | None]:
    """Yield the lines with a code and a status, from the text of a bounce."""
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            yield re.search(r"\b[45]\d\d[ -#]?[45]\.\d{1,3}\.\d{1,3}\b[^\r\n]{0,200}", _text(part))


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload.decode("utf-8", "replace")
    inner = part.get_payload()
    return "\n".join(str(each) for each in inner) if isinstance(inner, list) else str(inner)


def _date(mail: Message, now: datetime) -> datetime:
    try:
        at = parsedate_to_datetime(str(mail.get("Date", "")))
    except ValueError:
        return now
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(at, now)
