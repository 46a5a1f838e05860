"""Write which messages of a batch are under way, for providers that take one message a call.

A bit per recipient is set before the first byte leaves and another after the answer, a few recipients at a time.
After a crash only the messages between the two are unknown: `abandoned_batches.recover_in_progress` reads the bits.
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
    """A `dispatch.ProgressLog` that writes the progress of one handed batch into the ledger."""

    def __init__(
        self, send_state: SendState, claim: Claim, clock: Clock, may_go_on: Callable[[], bool], window: int
    ) -> None:
        self._send_state, self._claim, self._clock, self._may_go_on = send_state, claim, clock, may_go_on
        self._window = window
        self._not_begun = 0
        """How many of those whose start is written have not begun."""
        self._done: list[tuple[Recipient, Result]] = []
        """Outcomes that are not written yet."""
        self._started, self._finished = 0, 0
        self._places: dict[int, int] = {}
        self.recorded: set[int] = set()
        """Subscribers whose outcome the ledger has as an exception."""

    def advance(self, done: Sequence[tuple[Recipient, Result]], coming: Iterable[Recipient]) -> bool:
        """See `dispatch.ProgressLog`. Writes once per window. Raises LostClaimError when the batch is another's."""
        self._done += done
        if not self._may_go_on():
            return False
        if not self._not_begun:
            self._write(list(islice(coming, self._window)))
        self._not_begun -= 1
        return True

    def _write(self, starting: Sequence[Recipient]) -> None:
        done = {_subscriber(recipient): result for recipient, result in self._done}
        unusual = (Outcome.REJECTED, Outcome.UNKNOWN)
        exceptions = {id: result for id, result in done.items() if result.outcome in unusual}
        is_single = self._places and not exceptions
        with self._send_state.single_writer() if is_single else self._send_state.writer() as connection:
            self._places = self._places or _places(connection, self._claim)
            self._finished |= self._bits(id for id, result in done.items() if result.outcome is Outcome.ACCEPTED)
            self._started &= ~self._bits(id for id, result in done.items() if result.outcome is Outcome.BUSY)
            self._started |= self._bits(map(_subscriber, starting))
            bits = self._packed(self._started), self._packed(self._finished)
            claims.record_exceptions(connection, self._claim, exceptions, self._clock())
            claims.save_progress(connection, self._claim, *bits, self._clock())
        self.recorded |= exceptions.keys()
        self._done, self._not_begun = [], len(starting)

    def _bits(self, ids: Iterable[int]) -> int:
        return sum(1 << self._places[id] for id in ids)

    def _packed(self, bits: int) -> bytes:
        return bits.to_bytes(len(self._places) // 8 + 1, "little")


def _places(connection: Connection, claim: Claim) -> dict[int, int]:
    """Return each subscriber's bit: its place among all of the batch."""
    return {id: place for place, id in enumerate(claims.members(connection, claim.campaign_id, claim.no))}


def _subscriber(recipient: Recipient) -> int:
    return int(recipient.delivery_id.rpartition(".")[2])
