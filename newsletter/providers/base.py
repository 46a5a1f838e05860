"""What a provider is: facts, pure functions, and what it may say to a batch.

No I/O, no database, no settings file: a provider sees recipients, a mailing and its
own settings, and is tested as data in, data out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Literal, Protocol

import msgspec

from newsletter.config.provider_settings import Setting
from newsletter.messages.types import Envelope, JsonMessage, Recipient, Syntax, Template
from newsletter.providers.body import NOTHING, RequestBody


class Outcome(StrEnum):
    """What became of one message when it was handed over."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """Not sent, and never will be: the provider refuses this message or address."""
    BUSY = "busy"
    """Certainly not sent; may be tried again."""
    UNKNOWN = "unknown"
    """May have been sent: the request left, and no whole answer came back."""


class Result(msgspec.Struct, frozen=True, kw_only=True):  # a seventh of a dataclass's time, once per message
    """The outcome of one message."""

    outcome: Outcome
    provider_id: str = ""
    """The provider's own name for an accepted message."""
    reason: str = ""
    """The provider's words."""
    retry_after: float | None = None
    """Seconds to wait before trying again, when the provider says so."""
    retryable: bool = False
    """Rejected, but a person may sensibly send it once more: the address can be corrected, the message was refused.

    Not so where the provider says of the address itself that it takes no mail.
    """
    alone: bool = False
    """Busy, but for this recipient only: the provider takes the others."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a provider said to a batch: one result per recipient, in their order."""

    results: tuple[Result, ...]
    stop: str = ""
    """STOP: why everything else would be refused as well (bad key, suspended, quota). Pauses the campaign.

    Recipients whose message was not taken for this reason are BUSY in `results`.
    """
    split: bool = False
    """Refused as a whole, for one of its recipients or for its size: nobody has it, and its halves may do."""
    cut: bool = False
    """Broken off by us: those at the end are BUSY for no fault of the provider's."""

    @cached_property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How often each occurs, those that do."""
        return Counter([result.outcome for result in self.results])

    @property
    def doubt(self) -> str:
        """Why outcomes are unknown, by the first of them; empty when none is."""
        if Outcome.UNKNOWN not in self.outcomes:
            return ""
        return next(result.reason for result in self.results if result.outcome is Outcome.UNKNOWN)

    @property
    def is_busy(self) -> bool:
        """Nothing of the call was taken, and all of it may be tried again."""
        is_all = self.outcomes.keys() <= {Outcome.BUSY}
        return not self.cut and is_all and not any(result.alone for result in self.results)

    @property
    def retry_after(self) -> float | None:
        """The longest wait asked for, in seconds."""
        return max((r.retry_after for r in self.results if r.retry_after is not None), default=None)


class ProviderMailing(Protocol):
    """A compiled message and its envelope, ready to be filled per recipient."""

    @property
    def envelope(self) -> Envelope:
        """The headers that all its messages share."""

    def mime(self, recipient: Recipient) -> bytes:
        """The finished RFC 5322 message, CRLF."""

    def json_message(self, recipient: Recipient) -> JsonMessage:
        """The same in parts, for providers that take JSON."""

    def template(self, syntax: Syntax) -> Template:
        """The message for providers that substitute, slots numbered from 0."""

    def variables(self, recipients: Sequence[Recipient], syntax: Syntax) -> Sequence[Sequence[str]]:
        """What stands in the template's slots, slot by slot the readers' values, made safe for where they stand."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The recipients of one provider call."""

    mailing: ProviderMailing
    recipients: tuple[Recipient, ...]
    key: str
    """Names this call for providers that recognise a repeat; the same for every attempt."""
    label: str
    """`<campaign>-<slug>`, or `other` for mail that belongs to no campaign."""
    tag: str = ""
    """Names the ledger's batch in the provider's own search; the same for every part and attempt."""

    def piece(self, recipients: tuple[Recipient, ...], key: str) -> Batch:
        """Some of them under a key of their own; `dataclasses.replace` takes five times as long, once per message."""
        return Batch(mailing=self.mailing, recipients=recipients, key=key, label=self.label, tag=self.tag)

    def everyone(
        self,
        outcome: Outcome,
        reason: str,
        *,
        retry_after: float | None = None,
        stop: bool = False,
        retryable: bool = False,
    ) -> Answer:
        """The answer that says the same of every recipient; with `stop`, `reason` pauses the campaign."""
        result = Result(outcome=outcome, reason=reason, retry_after=retry_after, retryable=retryable)
        return Answer(results=(result,) * len(self.recipients), stop=reason if stop else "")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request, complete."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: RequestBody = NOTHING


@dataclass(frozen=True, kw_only=True)
class Response:
    """One HTTP response that arrived whole."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Search:
    """What to look for at a provider: the messages of one batch."""

    tag: str
    """The batch's, as it was handed over."""
    handed_at: datetime
    """Aware; when it first was."""
    page: str = ""
    """Where the last answer said that there is more; empty: the first page."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One page of what a provider's search shows."""

    delivery_ids: frozenset[str]
    """Ours, of the messages it has."""
    more: str = ""
    """Names the next page; empty: that was the last."""


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """How to ask a provider which messages of a batch it has."""

    request: Callable[[Search, Settings], Request]
    sight: Callable[[Response], Sight | None]
    """What an answer shows; None when it shows nothing (an error, a page of a proxy)."""
    settle: timedelta
    """How long the search may lag behind: absence says nothing earlier."""


Settings = Mapping[str, str]
"""The keys of `[providers.<name>]`, defaults filled in, secrets read, paths absolute."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Facts about a provider, and the functions that speak its language.

    An HTTP provider has `request` and `outcomes`, both pure, and the shared transport
    does the rest; any other has `send`, which does its own I/O and answers like them.
    """

    name: str
    title: str
    """How people write it."""
    settings: tuple[Setting, ...]
    batch_size: int
    """Recipients a call may have."""
    calls_per_second: float = 5.0
    """Calls that a rate is spread over: as many small ones as the provider likes, so that the rate is even."""
    byte_cap: int | None = None
    """Bytes a request's body may have."""
    window: int | None = None
    """One message a call: how many leave between two marks in the ledger, so that a crash leaves no more unknown."""
    dedupe: Literal["replay", "refuse"] | None = None
    """What a repeat under the same key does: `replay` is answered as the first was, `refuse` is refused."""
    dedupe_ttl: timedelta | None = None
    """How long keys are remembered; None: for ever."""
    replaces: bool = False
    """A message that is handed over again takes its own place, whatever the key: nobody can have it twice."""
    unsubscribe: Literal["ours", "option", "theirs"] = "ours"
    """Whose List-Unsubscribe header readers get; `option`: ours when the account is set up so."""
    lookup: Lookup | None = None
    """None: it cannot be asked."""
    request: Callable[[Batch, Settings], Request] | None = None
    outcomes: Callable[[Response, Batch], Answer] | None = None
    send: Callable[[Batch, Settings], Answer] | None = None
