"""Define a provider's webhook: how a call is verified, and the reports of events that it carries.

Pure, like the rest of a provider: bytes in, values out. What a report changes is for `newsletter/events/`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import msgspec

MAX_AGE = timedelta(minutes=5)
"""How far the time that a signature names may be from now, before and after."""


class ReportKind(StrEnum):
    """The kinds of events that providers report, in our words."""

    TAKEN = "taken"
    """The provider took the message: a delivery that is handed or unknown is accepted."""
    DELIVERED = "delivered"
    """The reader's mail server took the message."""
    DEFERRED = "deferred"
    """The provider will try again."""
    HARD_BOUNCE = "hard bounce"
    """The mailbox does not exist: its address is suppressed."""
    SOFT_BOUNCE = "soft bounce"
    """The mailbox takes no mail at the moment, and the provider gave up."""
    BLOCKED = "blocked"
    """A policy of the provider or the mail server refused the message; says nothing about the mailbox."""
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OPENED = "opened"
    CLICKED = "clicked"


class Report(msgspec.Struct, frozen=True, kw_only=True):  # many a call: a struct takes a seventh of a dataclass's time
    """An event of one message, as a provider reports it."""

    kind: ReportKind
    delivery_id: str
    """Our id from the provider's metadata, `<campaign>.<subscriber>`; empty when the report has none of ours."""
    address: str
    """The recipient, as the provider writes it; empty when it does not."""
    at: datetime
    """When it happened; aware."""
    key: str
    """Names the event among all of this provider's: a report that is repeated has the same key."""
    tag: str = ""
    """The tag of the batch, `<campaign's key>-<number>`, where the provider's metadata holds it."""
    is_ours: bool = False
    """Whether our own signature proves the delivery id, so that neither tag nor address has to."""
    provider_id: str = ""
    """The provider's own name for the message."""
    link: str = ""
    """The address that was clicked."""
    machine: str = ""
    """The provider's sign that a program did it; empty for a person, as far as the provider can see."""
    detail: str = ""
    """The words of the provider or the mail server."""


@dataclass(frozen=True, kw_only=True)
class WebhookCall:
    """A call to a webhook address, before anything about it is believed."""

    headers: Mapping[str, str]
    """Header values by lower-case name."""
    body: bytes
    at: datetime
    """When it came; aware."""


class UnverifiedError(Exception):
    """The call is not proved to be the provider's: answered 401, and nothing of it is kept."""


class UnreadableError(Exception):
    """The body is not what the provider documents: answered 400."""


FetchCertificate = Callable[[str], bytes]
"""Returns the PEM certificate at an address; raises UnverifiedError when it cannot be had."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """The inbound half of a provider."""

    verify: Callable[[WebhookCall, Mapping[str, str], FetchCertificate], None] | None
    """Checks the signature over the raw body, in constant time; None for a provider that signs nothing.

    Takes the provider's settings (`webhook_secret`); raises UnverifiedError, also when the time is over MAX_AGE off.
    """
    needs_secret: bool = False
    """Whether `verify` needs `webhook_secret`; without it every call is refused."""
    reports: Callable[[bytes], Sequence[Report]]
    """Reads a body; kinds that change nothing and pings give no report. Raises UnreadableError."""
    token: Callable[[bytes], str] | None = None
    """Returns the token of a verified body, where the signature covers that and not the event: it is good for once."""
    modules: tuple[str, ...] = ()
    """What has to be installed for `verify`, beyond what sending needs: the extra `webhooks`."""
    confirmation: Callable[[bytes], str] | None = None
    """Returns the address that confirms the subscription which a verified call asks for; else empty (SNS)."""
    switch_on: tuple[str, ...] = ()
    """The events to switch on at the provider, in its words."""


Body = TypeVar("Body")


def decode(body: bytes, kind: type[Body]) -> Body:
    """Return a JSON body as a type of msgspec. Raises UnreadableError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"the body is not what the provider documents: {error}"[:200]) from error


def moment(text: str) -> datetime:
    """Return the time that a report names in ISO 8601, in UTC when it names no zone. Raises UnreadableError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnreadableError(f"{text[:40]!r} is not a time") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def unix_moment(seconds: float) -> datetime:
    """Return the time that a report names as Unix time. Raises UnreadableError."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableError(f"{seconds!r} is not a time") from error


def check_age(call: WebhookCall, seconds: str) -> None:
    """Raise UnverifiedError unless the signed time, Unix seconds as text, is within MAX_AGE of the call."""
    is_number = seconds.isascii() and seconds.isdigit() and len(seconds) < 12
    if not is_number or abs(call.at - unix_moment(int(seconds))) > MAX_AGE:
        raise UnverifiedError("the time of the signature is more than five minutes off")


def check_hmac(secret: bytes, content: bytes, signatures: Sequence[str], spelled: Callable[[bytes], str]) -> None:
    """Raise UnverifiedError unless one of the signatures is the HMAC-SHA256 (RFC 2104) of the content, as spelled."""
    expected = spelled(hmac.digest(secret, content, hashlib.sha256)).encode()
    if not any(hmac.compare_digest(signature.encode(), expected) for signature in signatures):
        raise UnverifiedError("the signature is missing or wrong")


def event_key(*parts: object) -> str:
    """Return the key of an event that the provider gives no stable id: a hash of what tells it from others."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
