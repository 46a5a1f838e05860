"""Marks: which messages of a batch are in the air, for providers that take one message a call.

A bit per recipient is set before the first byte leaves and another after the answer, a few
recipients at a time; after a crash only what was between the two is unknown. Writes only these
bits, and what became of recipients whose batch had them; everything else of it is `deliveries`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from sqlalchemy import Connection

from newsletter.campaigns import claims
from newsletter.campaigns.claims import Claim
from newsletter.messages.types import Recipient
from newsletter.providers.base import Outcome, Result
from newsletter.sending.job import SendState
from newsletter.times import Clock


class BatchProgressLog:
    """`handover.Marks` of one batch that was handed over."""

    def __init__(
        self, send_state: SendState, held: Claim, clock: Clock, may_go_on: Callable[[], bool], window: int
    ) -> None:
        self._send_state, self._held, self._clock, self._may_go_on = send_state, held, clock, may_go_on
        self._window = window
        self._left = 0
        """How many of those whose start is written down have not begun."""
        self._done: list[tuple[Recipient, Result]] = []
        """Not written down yet."""
        self._started, self._finished = 0, 0
        self._places: dict[int, int] = {}
        self.noted: set[int] = set()
        """Subscribers of whom the ledger has the outcome already."""

    def advance(self, done: Sequence[tuple[Recipient, Result]], coming: Iterable[Recipient]) -> bool:
        """See `handover.Marks`; on disk once per window. Raises LostClaimError when the batch is another's by now."""
        self._done += done
        if not self._may_go_on():
            return False
        if not self._left:
            self._write(list(islice(coming, self._window)))
        self._left -= 1
        return True

    def _write(self, starting: Sequence[Recipient]) -> None:
        done = {_subscriber(person): result for person, result in self._done}
        others = {id: one for id, one in done.items() if one.outcome in (Outcome.REJECTED, Outcome.UNKNOWN)}
        with self._send_state.writer() if others or not self._places else self._send_state.changer() as connection:
            self._places = self._places or _places(connection, self._held)
            self._finished |= self._bits(id for id, one in done.items() if one.outcome is Outcome.ACCEPTED)
            self._started &= ~self._bits(id for id, one in done.items() if one.outcome is Outcome.BUSY)
            self._started |= self._bits(map(_subscriber, starting))
            bits = self._packed(self._started), self._packed(self._finished)
            claims.record_exceptions(connection, self._held, others, self._clock())
            claims.save_progress(connection, self._held, *bits, self._clock())
        self.noted |= others.keys()
        self._done, self._left = [], len(starting)

    def _bits(self, ids: Iterable[int]) -> int:
        return sum(1 << self._places[id] for id in ids)

    def _packed(self, bits: int) -> bytes:
        return bits.to_bytes(len(self._places) // 8 + 1, "little")


def _places(connection: Connection, claim: Claim) -> dict[int, int]:
    """Return each subscriber's bit: its place among all of the batch."""
    return {id: place for place, id in enumerate(claims.members(connection, claim.campaign_id, claim.no))}


def _subscriber(recipient: Recipient) -> int:
    return int(recipient.delivery_id.rpartition(".")[2])
