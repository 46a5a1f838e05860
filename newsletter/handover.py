"""One batch to one provider: what will be sent is made first, then handed over.

Two steps, so that the ledger can say `handed` between them. Knows no ledger and
never tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from newsletter.providers.record import Answer, Batch, Outcome, Provider, Request, Result, Settings

Call = Callable[[], Answer]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Recipients of a batch that travel in one call: nearly always all of them."""

    batch: Batch
    call: Call


def prepare(provider: Provider, batch: Batch, settings: Settings) -> list[Part]:
    """Everything up to the first byte; split where the provider's byte cap wants it."""
    if provider.send is not None:
        send = provider.send
        return [Part(batch=batch, call=lambda: send(batch, settings))]
    assert provider.request is not None
    request = provider.request(batch, settings)
    if provider.byte_cap is None or len(request.body) <= provider.byte_cap:
        return [Part(batch=batch, call=_http(provider, batch, request))]
    if len(batch.recipients) == 1:
        return [_too_large(provider, batch, len(request.body))]
    del request  # tens of megabytes, while its halves are made
    return [part for half in _halves(batch) for part in prepare(provider, half, settings)]


def hand_over(parts: Sequence[Part]) -> Answer:
    """Make the calls, one after the other; after one that was not taken, the others are not made."""
    results: list[Result] = []
    stop = ""
    for part in parts:
        if stop or any(result.outcome is Outcome.BUSY for result in results):
            results.extend(part.batch.everyone(Outcome.BUSY, results[-1].reason).results)
            continue
        answer = part.call()
        results.extend(answer.results)
        stop = answer.stop
    return Answer(results=tuple(results), stop=stop)


def _http(provider: Provider, batch: Batch, request: Request) -> Call:
    from newsletter.providers import transport  # requests: 113 ms that the outbox does not need

    return lambda: transport.send(provider, batch, request)


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    middle = len(batch.recipients) // 2
    first = replace(batch, recipients=batch.recipients[:middle], key=f"{batch.key}-1")
    return first, replace(batch, recipients=batch.recipients[middle:], key=f"{batch.key}-2")


def _too_large(provider: Provider, batch: Batch, size: int) -> Part:
    reason = f"the message has {size:,} bytes; {provider.title} takes {provider.byte_cap:,}"
    return Part(batch=batch, call=lambda: batch.everyone(Outcome.REJECTED, reason))
