"""Define a provider: facts, pure functions, and the answers it may give to a batch.

No I/O, no database, no settings file: a provider sees recipients, a mailing and its own settings, and is tested as
data in, data out.

A provider's errors are data, too: a table from its own code or name to a `refusals.Refusal`, which has a verdict and
says what the refusal is about.

    READER_GONE        SUPPRESS  the address takes no mail            REJECTED, never tried again
    READER_REFUSED     FAIL      this reader, for now                 REJECTED, `newsletter retry` tries again
    READER_DEFERRED    RETRY     this reader, later                   BUSY; the others are served meanwhile
    MESSAGE_REFUSED    FAIL      content, size, or not clear          REJECTED; a run of equal ones pauses the campaign
    SENDER_REFUSED     STOP      key, account, quota, from address    BUSY for all; the campaign pauses at once
    PROVIDER_BUSY      RETRY     too many calls, maintenance          BUSY for all; waited for
    NOT_CLEAR          UNKNOWN   it may have been taken               UNKNOWN

`refusals.listed` makes the Answer of an API with an entry for each recipient, `refusals.whole` that of a call that was
refused as a whole (FAIL halves it, to find the one recipient), `refusals.by_words` looks at the words where one code
means many things: sender and recipient have the same status at most APIs. postmark.py and resend.py are examples.
What is in no table is MESSAGE_REFUSED for one message and SENDER_REFUSED for a call, so that nobody is rejected by
mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Literal, Protocol

import msgspec

from newsletter.config.provider_settings import Setting
from newsletter.messages.types import Envelope, JsonMessage, Message, Recipient, Syntax, Template
from newsletter.providers.body import NOTHING, RequestBody
from newsletter.providers.webhooks import ReportKind, Webhook


class Outcome(StrEnum):
    """The outcomes of handing one message over."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """Not sent, and never will be: the provider refuses this message or address."""
    BUSY = "busy"
    """Certainly not sent; may be tried again."""
    UNKNOWN = "unknown"
    """May have been sent: the request left, and no whole answer came back."""


class Concern(StrEnum):
    """The things that a refusal can be about."""

    READER = "reader"
    """The address, or what its own server allows it."""
    MESSAGE = "message"
    """The content or the size, which all readers' messages share."""
    CONNECTION = "connection"
    """The client's address or greeting, the encryption, the number of connections or calls."""
    SENDER = "sender"
    """The sender's address or domain, the account, its quota, its right to send."""


class Result(msgspec.Struct, frozen=True, kw_only=True):  # once per message: takes a seventh of a dataclass's time
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
    about: Concern = Concern.READER
    """What a refusal is about: a run of equal ones that are not about readers pauses the campaign."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of a provider to a batch: one result per recipient, in their order."""

    results: tuple[Result, ...]
    stop: str = ""
    """Why everything else would be refused as well (bad key, suspended, quota): pauses the campaign; else empty.

    Recipients whose message was not taken for this reason are BUSY in `results`.
    """
    split: bool = False
    """Whether it was refused as a whole for one recipient or its size: nobody has it, and its halves may pass."""
    cut: bool = False
    """Whether we broke it off: the recipients at the end are BUSY through no fault of the provider."""

    @cached_property
    def outcomes(self) -> Mapping[Outcome, int]:
        """Return how often each outcome occurs, without zeros."""
        return Counter([result.outcome for result in self.results])

    @property
    def unknown_reason(self) -> str:
        """Return why the first unknown outcome is unknown; empty when there is none."""
        if Outcome.UNKNOWN not in self.outcomes:
            return ""
        return next(result.reason for result in self.results if result.outcome is Outcome.UNKNOWN)

    @property
    def is_busy(self) -> bool:
        """Tell whether nothing of the call was taken, and all of it may be tried again."""
        is_all = self.outcomes.keys() == {Outcome.BUSY}
        return not self.cut and is_all and not any(result.alone for result in self.results)

    @property
    def retry_after(self) -> float | None:
        """Return the longest wait that was asked for, in seconds."""
        return max((r.retry_after for r in self.results if r.retry_after is not None), default=None)


class ProviderMailing(Protocol):
    """A compiled message and its envelope, ready to be filled per recipient."""

    @property
    def envelope(self) -> Envelope:
        """Return the headers that all its messages share."""

    def mime(self, recipient: Recipient) -> bytes:
        """Return the finished RFC 5322 message, with CRLF."""

    def message(self, recipient: Recipient) -> Message:
        """Return the message in parts, decoded, for providers that look at its text."""

    def json_message(self, recipient: Recipient) -> JsonMessage:
        """Return the message in parts, for providers that take JSON."""

    def template(self, syntax: Syntax) -> Template:
        """Return the message for providers that substitute, its slots numbered from 0."""

    def variables(self, recipients: Sequence[Recipient], syntax: Syntax) -> Sequence[Sequence[str]]:
        """Return the readers' values of each of the template's slots, made safe for where they stand."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The recipients of one provider call."""

    mailing: ProviderMailing
    recipients: tuple[Recipient, ...]
    key: str
    """Names the call for providers that recognise a repeat; every attempt repeats it."""
    label: str
    """`<campaign>-<slug>`, or `other` for mail that belongs to no campaign."""
    tag: str = ""
    """Names the ledger's batch in the provider's own search; every part and attempt repeats it."""

    return_path: Callable[[str], str] | None = None
    """Returns the address that gets a delivery's bounces, by its id; None: the sender's. For SMTP alone."""

    def piece(self, recipients: tuple[Recipient, ...], key: str) -> Batch:
        """Return a batch of some of the recipients, under a key of its own."""
        # Called once per message; `dataclasses.replace` takes five times as long.
        return Batch(
            mailing=self.mailing,
            recipients=recipients,
            key=key,
            label=self.label,
            tag=self.tag,
            return_path=self.return_path,
        )

    def everyone(
        self,
        outcome: Outcome,
        reason: str,
        *,
        retry_after: float | None = None,
        stop: bool = False,
        retryable: bool = False,
    ) -> Answer:
        """Return the answer with one outcome for every recipient; with `stop`, `reason` pauses the campaign."""
        result = Result(outcome=outcome, reason=reason, retry_after=retry_after, retryable=retryable)
        return Answer(results=(result,) * len(self.recipients), stop=reason if stop else "")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A complete HTTP request."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: RequestBody = NOTHING
    excess: str = ""
    """What of it is more than the provider takes, in words, besides the bytes of the whole; empty when nothing is."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """An HTTP response that arrived whole."""

    status: int
    headers: Mapping[str, str]
    """Header values by lower-case name."""
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Search:
    """A question to a provider's search: the messages of one batch."""

    tag: str
    """The tag of the batch, as it was handed over."""
    handed_at: datetime
    """When it was first handed over; aware."""
    readers: Mapping[str, str] = field(default_factory=dict)
    """The delivery ids that are asked about, by the key of the address; empty: any message of the batch will do."""
    page: str = ""
    """The page that the last answer named; empty for the first page."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A page of a provider's search results."""

    delivery_ids: frozenset[str]
    """Our delivery ids of the messages it has; without `Search.readers` any texts will do that are not empty."""
    more: str = ""
    """The name of the next page; empty after the last."""


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """A provider's search for the messages of a batch."""

    request: Callable[[Search, Settings], Request]
    sight: Callable[[Response, Search], Sight | None]
    """Reads an answer to a search; returns None when it has no results (an error, a page of a proxy)."""
    settle: timedelta
    """How long the search may lag behind; absence says nothing earlier."""
    knows_addresses_alone: bool = False
    """Whether it shows addresses, and not our ids: of a reader who has another one since, absence says nothing."""


Settings = Mapping[str, str]
"""The keys of `[providers.<name>]`, defaults filled in, secrets read, paths absolute."""


class ListedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address that the provider does not mail."""

    address: str
    kind: ReportKind
    """HARD_BOUNCE, COMPLAINED or UNSUBSCRIBED."""
    at: datetime | None = None
    """Since when; aware, None when it does not say."""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class SuppressionPage:
    """A page of a provider's list."""

    addresses: Sequence[ListedAddress]
    more: Request | None = None
    """The request for the next page; None after the last."""


@dataclass(frozen=True, kw_only=True)
class SuppressionList:
    """A provider's own suppression list."""

    requests: Callable[[Settings], Sequence[Request]]
    """The requests for the first pages, one for each of its lists."""
    page: Callable[[Request, Response, Settings], SuppressionPage | None]
    """Reads an answer to a request; returns None when it is no page (an error)."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider: its facts, and the functions that speak its protocol.

    An HTTP provider has `request` and `outcomes`, both pure, and the shared transport
    does the rest; any other has `send`, which does its own I/O and answers like them.
    """

    name: str
    title: str
    """Its name as people write it."""
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
    """What it does with a repeat under one key: `replay` answers as the first time, `refuse` refuses it."""
    dedupe_ttl: timedelta | None = None
    """How long it remembers keys; None for ever."""
    replaces: bool = False
    """Whether a message that is handed over again takes its own place, so that nobody can have it twice."""
    unsubscribe: Literal["ours", "option", "theirs"] = "ours"
    """Whose List-Unsubscribe header readers get; `option`: ours when the account is set up so."""
    unsubscribe_of: Callable[[Mapping[str, str]], Literal["ours", "option", "theirs"]] | None = None
    """The same, where a key of `[providers.<name>]` decides; takes the keys that newsletter.toml gives."""
    lookup: Lookup | None = None
    """Its search; None when it cannot be asked."""
    suppressions: SuppressionList | None = None
    """Its own list of addresses that it does not mail; None when it cannot be read."""
    webhook: Webhook | None = None
    """What it reports afterwards; None when it reports nothing."""
    request: Callable[[Batch, Settings], Request] | None = None
    outcomes: Callable[[Response, Batch], Answer] | None = None
    send: Callable[[Batch, Settings], Answer] | None = None
    abort: Callable[[], None] | None = None
    """Ends the calls under way, when the program has to end: those whose outcome is open are UNKNOWN."""
    rest: Callable[[], None] | None = None
    """Closes connections that no call uses, when there is nothing to send for a while."""
