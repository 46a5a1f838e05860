"""Batch: the recipients of one provider call, and every state it may come to be in.

Pure: says which change follows from what. `deliveries` makes the changes; `docs/sending.md` draws them.
"""

from __future__ import annotations

from enum import StrEnum

from newsletter.providers.base import Answer, Outcome


class BatchState(StrEnum):
    """Where a batch stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    HANDED = "handed"
    SETTLED = "settled"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


OPEN = (BatchState.QUEUED, BatchState.CLAIMED, BatchState.HANDED)
"""States in which something is still to be done."""
IN_HAND = (BatchState.CLAIMED, BatchState.HANDED)
"""States in which a sender holds it."""

ARROWS: dict[str, dict[BatchState, tuple[BatchState, ...]]] = {
    "claim": {BatchState.QUEUED: (BatchState.CLAIMED,)},
    "release": {BatchState.CLAIMED: (BatchState.QUEUED,)},
    "close": {BatchState.CLAIMED: (BatchState.SETTLED,)},
    "hand": {BatchState.CLAIMED: (BatchState.HANDED,)},
    "give up": {BatchState.CLAIMED: (BatchState.UNKNOWN,)},
    "settle": {
        BatchState.HANDED: (BatchState.SETTLED, BatchState.QUEUED, BatchState.UNKNOWN, BatchState.CANCELLED),
    },
    "recover": {
        BatchState.CLAIMED: (BatchState.QUEUED,),
        BatchState.HANDED: (BatchState.QUEUED, BatchState.UNKNOWN, BatchState.SETTLED, BatchState.CANCELLED),
    },
    "cancel": {
        BatchState.QUEUED: (BatchState.CANCELLED, BatchState.UNKNOWN),
        BatchState.CLAIMED: (BatchState.CANCELLED, BatchState.UNKNOWN),
    },
    "leave behind": {BatchState.QUEUED: (BatchState.UNKNOWN,)},
    "resolve": {BatchState.UNKNOWN: (BatchState.SETTLED, BatchState.QUEUED)},
}
"""Every change of state: verb, from, to. What is not here does not happen."""


def after_answer(answer: Answer, *, cancelled: bool = False, handed_before: bool = False) -> BatchState:
    """Where a handed batch goes by what the provider said; those it was too busy for wait for another try.

    Of a `cancelled` campaign there is no other try: nobody of them has it, unless the batch was
    `handed_before` and what became of that call is not known.
    """
    outcomes = answer.outcomes
    if Outcome.BUSY in outcomes:
        return after_cancelling(handed_before=handed_before) if cancelled else BatchState.QUEUED
    if Outcome.UNKNOWN in outcomes and Outcome.ACCEPTED not in outcomes:
        return BatchState.UNKNOWN
    return BatchState.SETTLED


def after_death(state: BatchState, *, may_replay: bool) -> BatchState:
    """Where a batch goes whose sender is gone: claimed, nothing left; handed, it may have.

    `may_replay`: the provider still knows the key, so that the same call again is answered as the first was.
    """
    replay = state is BatchState.CLAIMED or may_replay
    return BatchState.QUEUED if replay else BatchState.UNKNOWN


def after_cancelling(*, handed_before: bool) -> BatchState:
    """Where a batch goes that will not be handed over any more."""
    return BatchState.UNKNOWN if handed_before else BatchState.CANCELLED
