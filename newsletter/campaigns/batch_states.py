"""Define the states of a batch, and every change from one to another.

A batch is the recipients of one provider call. Everything here is pure: `ledger.transition` makes the changes and
refuses those that ARROWS does not have; `docs/sending.md` draws them.
"""

from __future__ import annotations

from enum import StrEnum

from newsletter.errors import NewsletterError
from newsletter.providers.base import Answer, Outcome


class BatchState(StrEnum):
    """The states of a batch."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    HANDED = "handed"
    SETTLED = "settled"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


OPEN = (BatchState.QUEUED, BatchState.CLAIMED, BatchState.HANDED)
"""States in which something is still to be done."""
IN_HAND = (BatchState.CLAIMED, BatchState.HANDED)
"""States in which a sender works on the batch, under a lease."""

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
"""Every change of state: verb, from, to."""


class TransitionError(NewsletterError):
    """A change of state that ARROWS does not have: a mistake in this program."""


def require_arrow(verb: str, before: BatchState, after: BatchState) -> None:
    """Raise TransitionError when no arrow `verb` leads from `before` to `after`."""
    if after not in ARROWS.get(verb, {}).get(before, ()):
        raise TransitionError(f"no batch goes from {before} to {after} by `{verb}`")


def after_answer(answer: Answer, *, cancelled: bool = False, handed_before: bool = False) -> BatchState:
    """Return the state of a handed batch after the provider's answer; busy recipients wait for another call.

    A `cancelled` campaign makes no other call: then nobody of the batch has the message, unless the batch was
    `handed_before` in a call whose outcome is unknown.
    """
    outcomes = answer.outcomes
    if Outcome.BUSY in outcomes:
        return after_cancelling(handed_before=handed_before) if cancelled else BatchState.QUEUED
    if Outcome.UNKNOWN in outcomes and Outcome.ACCEPTED not in outcomes:
        return BatchState.UNKNOWN
    return BatchState.SETTLED


def after_death(state: BatchState, *, may_replay: bool) -> BatchState:
    """Return the state of a batch whose sender died: nothing of a claimed one has left, a handed one may have.

    `may_replay` means that the provider still knows the key and answers the same call as it did the first time.
    """
    is_safe = state is BatchState.CLAIMED or may_replay
    return BatchState.QUEUED if is_safe else BatchState.UNKNOWN


def after_cancelling(*, handed_before: bool) -> BatchState:
    """Return the state of a batch that will not be handed over any more."""
    return BatchState.UNKNOWN if handed_before else BatchState.CANCELLED
