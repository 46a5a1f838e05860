"""Hand one batch over to one provider, in two steps: `prepare` makes the calls, `hand_over` makes them leave.

The ledger writes `handed` between the two. Knows no ledger and never tries again, but that a call which was refused
as a whole is made once more in halves.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from newsletter.errors import NewsletterError
from newsletter.messages.types import Recipient
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Request, Result, Settings

Call = Callable[[], Answer]
Watch = Callable[[Call], Answer | None]
"""Makes a call and counts its answer; returns None when no further call may be made."""
MOST_ALONE = 10
"""Recipients in a row who are put off for themselves; then the provider is taken to put everyone off."""


class IncompleteProviderError(NewsletterError):
    """A provider's record lacks the function that sends."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The recipients of one call: nearly always all of a batch."""

    batch: Batch
    call: Call
    halves: Callable[[], list[Part]]
    """Makes two calls to half of the recipients each."""
    digest: bytes = b""
    """The digest of the request's body, where a repeat under the same key must equal it; else empty."""


class Step(StrEnum):
    """The next step with a message, for providers that take one a call."""

    GO = "go"
    """It leaves."""
    SKIP = "skip"
    """It does not leave: its reader is not to be mailed any more. The next one is asked about."""
    STOP = "stop"
    """Nothing more may leave."""


class ProgressLog(Protocol):
    """Keeps what has begun and what is done, for providers that take one message a call."""

    def advance(self, done: Sequence[tuple[Recipient, Result]], coming: Iterable[Recipient]) -> Step:
        """Keep the results of `done`; return what becomes of the first of `coming`."""


def prepare(provider: Provider, batch: Batch, settings: Settings) -> list[Part]:
    """Make everything up to the first byte; split the batch where the provider's limits ask for it."""
    size = 1 if provider.window else provider.batch_size
    if len(batch.recipients) > size:
        return [part for piece in _cut(batch, size) for part in prepare(provider, piece, settings)]
    if provider.send is not None:
        send = provider.send
        return [_part(provider, batch, settings, lambda: send(batch, settings))]
    if provider.request is None:
        raise IncompleteProviderError(f"{provider.name} has neither `send` nor `request`")
    request = provider.request(batch, settings)
    excess = _excess(provider, request)
    if not excess:
        return [_part(provider, batch, settings, _http(provider, batch, request, settings), request)]
    if len(batch.recipients) == 1:
        return [_too_large(provider, batch, settings, excess)]
    return _halves(provider, batch, settings)


def _excess(provider: Provider, request: Request) -> str:
    """Return what of a request is more than the provider takes; empty when nothing is."""
    if provider.byte_cap is not None and len(request.body) > provider.byte_cap:
        return f"the message has {len(request.body):,} bytes; {provider.title} takes {provider.byte_cap:,}"
    return request.excess


def payload_hash(parts: Sequence[Part]) -> str:
    """Return the digest of all that is about to be sent; empty where the provider knows no keys."""
    digests = [part.digest for part in parts]
    return hashlib.sha256(b"".join(digests)).hexdigest() if all(digests) else ""


def make(call: Call) -> Answer | None:
    """Make a call that nobody watches."""
    return call()


def hand_over(parts: Sequence[Part], progress: ProgressLog | None = None, watch: Watch = make) -> Answer:
    """Make the calls, one after the other; after one that was not taken, the others are not made and BUSY.

    The answer has no results of the recipients whom `progress` skips.
    """
    results: list[Result] = []
    done: list[tuple[Recipient, Result]] = []
    waiting, stop, cut = deque(parts), "", False
    while waiting and not _is_refused(results, stop):
        coming = (part.batch.recipients[0] for part in waiting)
        step = progress.advance(done, coming) if progress else Step.GO
        if cut := step is Step.STOP:
            break
        if step is Step.SKIP:
            waiting.popleft()
            done = []
            continue
        answer = watch(waiting[0].call)
        if answer is None:
            cut = True
            break
        part, done = waiting.popleft(), []
        if answer.split and len(part.batch.recipients) > 1:
            waiting.extendleft(reversed(part.halves()))
            continue
        done = [*zip(part.batch.recipients, answer.results, strict=True)]
        results.extend(answer.results)
        stop = answer.stop
    reason = "asked to stop" if cut or not results else results[-1].reason
    left = [result for part in waiting for result in part.batch.everyone(Outcome.BUSY, reason).results]
    return Answer(results=(*results, *left), stop=stop, cut=cut)


def _is_refused(results: Sequence[Result], stop: str) -> bool:
    """Tell whether the calls that are left would be refused as well."""
    if stop or not results or results[-1].outcome is not Outcome.BUSY:
        return bool(stop)
    return not (results[-1].alone and _is_chance(results[-MOST_ALONE:]))


def _is_chance(last: Sequence[Result]) -> bool:
    return len(last) < MOST_ALONE or not all(result.alone for result in last)


def _part(provider: Provider, batch: Batch, settings: Settings, call: Call, request: Request | None = None) -> Part:
    digest = request.body.digest() if request and provider.dedupe else b""
    return Part(batch=batch, call=call, halves=lambda: _halves(provider, batch, settings), digest=digest)


def _http(provider: Provider, batch: Batch, request: Request, settings: Settings) -> Call:
    from newsletter.providers import transport  # imports requests: 113 ms that the outbox does not need

    read = float(settings.get("timeout", transport.READ_SECONDS))
    return lambda: transport.send(provider, batch, request, read=read)


def _halves(provider: Provider, batch: Batch, settings: Settings) -> list[Part]:
    pieces = _cut(batch, -(-len(batch.recipients) // 2))
    return [part for piece in pieces for part in prepare(provider, piece, settings)]


def _cut(batch: Batch, size: int) -> list[Batch]:
    """Cut a batch into pieces of `size`; each has a key of its own, which every attempt repeats."""
    people = batch.recipients
    starts = range(0, len(people), size)
    return [
        batch.piece(people[start : start + size], f"{batch.key}-{number}")
        for number, start in enumerate(starts, start=1)
    ]


def _too_large(provider: Provider, batch: Batch, settings: Settings, reason: str) -> Part:
    digest = hashlib.sha256(reason.encode()).digest()
    part = _part(provider, batch, settings, lambda: batch.everyone(Outcome.REJECTED, reason))
    return replace(part, digest=digest)
