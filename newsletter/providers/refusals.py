"""Classify refusals: who or what a "no" is about, and what becomes of the message.

A mail server, or an API's entry for one recipient, may refuse the reader, the message, the connection, or the sender
with the account. Only the first is the reader's fault. The stage of the conversation does not tell which: Postfix
refuses a sender in its answer to RCPT (http://www.postfix.org/SMTPD_ACCESS_README.html#timing), others after the final
dot, APIs once for every recipient. The codes and the words do. Pure: no provider is known here.

An API's errors are data: a table from its code to a Refusal, which `base` explains. Words are looked at where an API
has one code for many things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from newsletter.providers.base import Answer, Batch, Concern, Outcome, Result


class RefusalVerdict(StrEnum):
    """The fate of a message that was not accepted."""

    RETRY = "retry"
    """Certainly not sent, and the same may be taken later: BUSY."""
    FAIL = "fail"
    """This message is refused: REJECTED, and `retry` may send it once the cause is gone."""
    SUPPRESS = "suppress"
    """The address takes no mail: REJECTED for good."""
    STOP = "stop"
    """Everything else would be refused, too: the campaign pauses, and nobody is rejected."""
    UNKNOWN = "unknown"
    """It may have been sent."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A classified refusal."""

    verdict: RefusalVerdict
    about: Concern


READER_GONE = Refusal(verdict=RefusalVerdict.SUPPRESS, about=Concern.READER)
READER_REFUSED = Refusal(verdict=RefusalVerdict.FAIL, about=Concern.READER)
READER_DEFERRED = Refusal(verdict=RefusalVerdict.RETRY, about=Concern.READER)
MESSAGE_REFUSED = Refusal(verdict=RefusalVerdict.FAIL, about=Concern.MESSAGE)
CONNECTION_REFUSED = Refusal(verdict=RefusalVerdict.FAIL, about=Concern.CONNECTION)
SENDER_DOUBTED = Refusal(verdict=RefusalVerdict.FAIL, about=Concern.SENDER)
"""The sender is refused, it seems; a short run of equal refusals proves it, and takes them back."""
SENDER_REFUSED = Refusal(verdict=RefusalVerdict.STOP, about=Concern.SENDER)
CONNECTION_STOPPED = Refusal(verdict=RefusalVerdict.STOP, about=Concern.CONNECTION)
PROVIDER_BUSY = Refusal(verdict=RefusalVerdict.RETRY, about=Concern.CONNECTION)
NOT_CLEAR = Refusal(verdict=RefusalVerdict.UNKNOWN, about=Concern.CONNECTION)

_OUTCOMES = {
    RefusalVerdict.RETRY: Outcome.BUSY,
    RefusalVerdict.FAIL: Outcome.REJECTED,
    RefusalVerdict.SUPPRESS: Outcome.REJECTED,
    RefusalVerdict.STOP: Outcome.BUSY,
    RefusalVerdict.UNKNOWN: Outcome.UNKNOWN,
}

_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")
_ADDRESS = re.compile(r"<[^<>\s]*>|\S+@\S+")
_VARYING = re.compile(r"<[^<>]*>|\S*@\S*|[\w./-]*\d[\w./-]*")
"""Words that differ from reader to reader: addresses, numbers, and the server's names for messages."""
_STAGE_WORDS = re.compile(r"\brecipient address rejected:", re.I)
"""Postfix puts this before whatever it refuses in its answer to RCPT."""


def _pattern(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.I)


_RELAYED = _pattern(r"\bhost \S+ said\b", r"\bun(?:verified|deliverable) address\b")
"""The server quotes the reader's own one, which it asked about the address."""
_RECIPIENT = _pattern(
    r"\b(?:user|recipient|mailbox|addressee) (?:is )?(?:unknown|unavailable|disabled|inactive|full|over)\b",
    r"\b(?:unknown|invalid|inactive|no such|bad) (?:local )?(?:user|recipient|mailbox|person|address|account)",
    r"\b(?:user|recipient|mailbox|address|account)\b.{0,40}\b(?:not found|not exist|doesn't exist|not listed)\b",
    r"\bmailbox\b.{0,20}\b(?:full|quota)\b",
    r"\b(?:inbox|recipient)\b.{0,30}\b(?:storage|quota|full)\b",
    r"\bno mailbox\b",
    r"\baccount that you tried to reach\b",
    r"\bgr[ea]y-?list",
    r"\bto (?:send|post)(?: \w+){0,3} to (?:this|that|the) (?:\w+ )?(?:list|group|address|recipient|user|mailbox)",
)
_SENDER = _pattern(
    r"\brelay(?:ing|ed)?\b.*\b(?:denied|prohibited|not permitted|not allowed|refused)\b",
    r"\bunable to relay\b",
    r"\b(?:denied|prohibited|not permitted|not allowed|not authori[sz]ed|refused)\b.{0,20}\brelay",
    r"\bsender\b.{0,30}\b(?:rejected|denied|refused|blocked|invalid|unknown|failed|not verified|not allowed)",
    r"\b(?:sender|sending|send|outbound|outgoing)\b.{0,40}\b(?:quota|limit|limits|storage|full|suspended|disabled|paused)\b",
    r"\b(?:daily|hourly|monthly)\b.{0,30}\b(?:quota|limit)\b",
    r"\b(?:quota|limit)\b.{0,40}\b(?:sender|sending|outbound|outgoing)\b",
    r"\bdomain of sender\b",
    r"\bmail from\b.{0,30}\b(?:rejected|denied|refused|not allowed|not permitted|not verified)\b",
    r"\bnot (?:allowed|permitted|authori[sz]ed) to send\b(?!(?: \w+){0,3} to\b)",
    r"\b(?:permissions?|right|rights) to send\b",
    r"\bnot owned by user\b",
    r"\bauthentication (?:is )?required\b",
    r"\b(?:not|must) (?:be )?authenticated?\b",
    r"\b(?:email address|identity|identities|sending domain|from address) (?:is |are )?not verified\b",
    r"\bhelo\b.{0,20}\brejected\b",
    r"\bclient host rejected\b",
)
"""The server refuses the sender, the account or this machine itself: the next message would be refused as well."""
_CONNECTION = _pattern(
    r"\btoo many (?:connections|recipients|messages|errors|commands)",
    r"\brate\b.{0,10}\blimit",
    r"\bthrottl",
    r"\b(?:dns|r)bls?\b",
    r"\bspamhaus\b",
    r"\bblock(?:ed)? (?:list|using)\b",
    r"\bblack-?list",
    r"\breverse (?:dns|hostname|lookup)\b",
    r"\bptr\b",
    r"\bip\b.{0,30}\b(?:blocked|reputation|refused|denied|listed)\b",
    r"\b(?:starttls|tls)\b",
)
_POLICY = _pattern(r"\baccess denied\b", r"\bblocked\b", r"\bpolicy\b", r"\badministrative", r"\bnot authori[sz]ed\b")
_CONTENT = _pattern(
    r"\bspam\b", r"\bvirus\b", r"\bcontent\b", r"\btoo (?:large|big|long)\b", r"\bmessage size\b", r"\bheader"
)

_OF_SENDER = frozenset({"1.7", "1.8", "4.5"})
"""Subjects and details of RFC 3463 that are about the sender: bad address, bad system, and (at Google) the quota."""
_OF_READER = frozenset({"4.1", "4.4", "4.6", "4.7", "7.2", "7.17", "7.18", "7.19", "7.124", "7.129", "7.133"})
"""Further ones that are about the reader: no route, a loop, expiry; a closed list; an address with a new owner."""
_OF_MACHINE = frozenset({"7.10", "7.11", "7.25", "7.28"})
_ABOUT_SUBJECT = {
    "1": Concern.READER,
    "2": Concern.READER,
    "3": Concern.CONNECTION,
    "4": Concern.CONNECTION,
    "5": Concern.CONNECTION,
    "6": Concern.MESSAGE,
    "7": Concern.SENDER,
}
"""What a subject of RFC 3463 is about, but for the details above."""
_LOGIN = frozenset({530, 534, 535, 538})
_ABOUT_CODE = {521: Concern.CONNECTION, 554: Concern.SENDER, 556: Concern.READER, 571: Concern.SENDER}
"""Codes that say so by themselves (RFC 7504 for 521 and 556), whatever was offered."""

_API_RECIPIENT = _pattern(
    r"[`'\"]?\b(?:to|recipients?)\b[`'\"]? (?:parameter|field|address|email|list)",
    r"[`'\"](?:to|recipients?)[`'\"]",
)
_API_SENDER = _pattern(
    r"[`'\"]?\b(?:from|sender|reply[-_ ]?to)\b[`'\"]? (?:parameter|field|address|email|domain|header|signature)",
    r"[`'\"](?:from|sender)[`'\"]",
)
_API_ACCOUNT = _pattern(
    r"\baccount\b",
    r"\bquota\b",
    r"\bcredits?\b",
    r"\bsandbox\b",
    r"\bprobation\b",
    r"\bnot verified\b",
    r"\bunverified\b",
    r"\bnot allowed to send\b",
    r"\bsuspended\b",
)


def result(refusal: Refusal, reason: str, *, retry_after: float | None = None) -> Result:
    """Return the result of one message that was refused, in the words of `reason`."""
    return Result(
        outcome=_OUTCOMES[refusal.verdict],
        reason=reason,
        retry_after=retry_after,
        retryable=refusal.verdict is RefusalVerdict.FAIL,
        alone=refusal == READER_DEFERRED,
        about=refusal.about,
    )


def listed(entries: Iterable[Result | tuple[Refusal, str]]) -> Answer:
    """Return the answer of an API that has an entry for each recipient, in their order.

    An entry is the Result of an accepted message, or a refusal with the API's words. A STOP pauses the campaign.
    """
    rows = [*entries]
    results = tuple(row if isinstance(row, Result) else result(*row) for row in rows)
    stopped = (row[1] for row in rows if not isinstance(row, Result) and row[0].verdict is RefusalVerdict.STOP)
    return Answer(results=results, stop=next(stopped, ""))


def whole(batch: Batch, refusal: Refusal, reason: str, *, retry_after: float | None = None) -> Answer:
    """Return the answer of an API that refused a call as a whole, so that nobody of the batch has the message.

    With FAIL or SUPPRESS, one recipient may be the cause: the halves of a larger batch are tried.
    """
    is_for_one = refusal.verdict in (RefusalVerdict.FAIL, RefusalVerdict.SUPPRESS)
    if is_for_one and len(batch.recipients) > 1:
        return Answer(results=batch.everyone(Outcome.BUSY, reason).results, split=True)
    results = (result(refusal, reason, retry_after=retry_after),) * len(batch.recipients)
    return Answer(results=results, stop=reason if refusal.verdict is RefusalVerdict.STOP else "")


def by_words(words: str, default: Refusal) -> Refusal:
    """Classify a refusal of an API by its words; `default` when they name neither sender, account nor recipient."""
    if _API_SENDER.search(words):
        return SENDER_REFUSED
    if _API_RECIPIENT.search(words):
        return READER_REFUSED
    return SENDER_REFUSED if _API_ACCOUNT.search(words) else default


def smtp_refusal(code: int, said: str, stage: Concern) -> Refusal:
    """Classify a mail server's refusal by its words, then enhanced status (RFC 3463, RFC 5248), then code (RFC 5321).

    `stage` is what was offered when the refusal came: READER for RCPT, SENDER for MAIL, MESSAGE for DATA and the body,
    CONNECTION for anything earlier. It counts only when code and words say nothing.
    """
    words = _STAGE_WORDS.sub(" ", _ADDRESS.sub(" ", said))
    status = match[0][2:] if (match := _STATUS.search(said)) else ""
    if code < 500:
        return _deferral(code, status, words, stage)
    if _is_of_sender(code, status, words):
        return SENDER_REFUSED
    about = _about(code, status, words, stage)
    if about is Concern.READER:
        return READER_GONE if _is_gone(code, status, words, stage) else READER_REFUSED
    if stage in (Concern.SENDER, Concern.CONNECTION) and about is not Concern.MESSAGE:
        return Refusal(verdict=RefusalVerdict.STOP, about=about)
    return Refusal(verdict=RefusalVerdict.FAIL, about=about)


def cause(reason: str) -> str:
    """Return what equal refusals have in common: the enhanced status, else the words without what differs by reader."""
    if status := _STATUS.search(reason):
        return status[0]
    return " ".join(_VARYING.sub("#", reason).lower().split())


def _is_of_sender(code: int, status: str, words: str) -> bool:
    """Tell whether a refusal is certainly about the sender, the account or this machine."""
    if relayed := _RELAYED.search(words):  # what follows are another server's words
        return bool(_SENDER.search(words[: relayed.start()]))
    return code in _LOGIN or status in _OF_SENDER or bool(_SENDER.search(words))


def _about(code: int, status: str, words: str, stage: Concern) -> Concern:
    if status.startswith(("1.", "2.")) or status in _OF_READER or _RECIPIENT.search(words) or _RELAYED.search(words):
        return Concern.READER
    if status in _OF_MACHINE or _CONNECTION.search(words):
        return Concern.CONNECTION
    if status == "3.4" or _CONTENT.search(words):
        return Concern.MESSAGE
    if about := _ABOUT_SUBJECT.get(status.partition(".")[0]):
        return about
    if _POLICY.search(words):
        return Concern.SENDER
    if code == 552 and stage is not Concern.READER:  # at MAIL it is about the announced size (RFC 1870)
        return Concern.MESSAGE
    return _ABOUT_CODE.get(code, stage)


def _deferral(code: int, status: str, words: str, stage: Concern) -> Refusal:
    """Classify a 4xx: the reader waits alone only where the reader is the cause."""
    if code == 421 or _is_of_sender(code, status, words):
        return PROVIDER_BUSY
    if status.startswith(("1.", "2.")) or _RECIPIENT.search(words) or _RELAYED.search(words):
        return READER_DEFERRED
    if _CONNECTION.search(words):
        return PROVIDER_BUSY
    if status.startswith(("3.", "5.")):
        return PROVIDER_BUSY
    return READER_DEFERRED if stage is Concern.READER else PROVIDER_BUSY


def _is_gone(code: int, status: str, words: str, stage: Concern) -> bool:
    """Tell whether the address takes no mail: 5.1.x or 5.2.1, or without a status 550 of RFC 5321 in answer to RCPT."""
    if status:
        return status.startswith("1.") or status == "2.1"
    return code == 550 and (stage is Concern.READER or bool(_RECIPIENT.search(words)))


def unreadable(body: bytes, error: Exception) -> str:
    """Say why a body is not the provider's answer: a page of a proxy or portal, or what is wrong with it."""
    return "a web page, as of a proxy or a portal" if body.lstrip()[:1] == b"<" else f"no list of results: {error}"
