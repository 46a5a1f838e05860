"""Write which messages of a batch are under way, for providers that take one message a call.

A bit per recipient is set before the first byte leaves and another after the answer, a few recipients at a time.
After a crash only the messages between the two are unknown: `abandoned_batches.recover_in_progress` reads the bits.
A batch may be going out for hours, so each time the next few recipients are looked at again: who left is skipped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection

from newsletter.campaigns import claims
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.claims import Claim
from newsletter.messages.types import Recipient
from newsletter.providers.base import Outcome, Result
from newsletter.providers.dispatch import Step
from newsletter.sending.job import SendState
from newsletter.sending.recipients import departed
from newsletter.times import Clock

LOOK = 1.0
"""Seconds after which a slow server's next recipients are looked at again, before the window ends."""


class BatchProgressLog:
    """A `dispatch.ProgressLog` that writes the progress of one handed batch into the ledger."""

    def __init__(
        self,
        send_state: SendState,
        claim: Claim,
        list_name: str,
        clock: Clock,
        may_go_on: Callable[[], bool],
        window: int,
        threads: int,
    ) -> None:
        """`threads` work on batches at once: together they look at the readers again after `window` messages."""
        self._send_state, self._claim, self._list = send_state, claim, list_name
        self._clock, self._may_go_on = clock, may_go_on
        self._window, self._look_after = window, max(window // threads, 1)
        self._seen = 0
        """How many may leave before those left of the window are looked at again."""
        self._coming = deque[int]()
        """Those whose start is written, or who are skipped, and who have not been asked for yet."""
        self._written_at = 0.0
        self._done: list[tuple[Recipient, Result]] = []
        """Outcomes that are not written yet."""
        self._started, self._finished = 0, 0
        self._places: dict[int, int] = {}
        self.recorded: set[int] = set()
        """Subscribers whose outcome the ledger has as an exception."""
        self.skipped: set[int] = set()
        """Subscribers who left while the batch was going out; the ledger has them as skipped."""

    def advance(self, done: Sequence[tuple[Recipient, Result]], coming: Iterable[Recipient]) -> Step:
        """See `dispatch.ProgressLog`. Writes once per window. Raises LostClaimError when the batch is another's."""
        self._done += done
        if not self._may_go_on():
            return Step.STOP
        if not self._coming or time.monotonic() - self._written_at > LOOK:
            self._coming = deque(_subscriber(recipient) for recipient in islice(coming, self._window))
            self._write(self._departed())
            self._written_at = time.monotonic()
        elif not self._seen and (gone := self._departed()):
            self._write(gone)
        self._seen -= 1
        return Step.SKIP if self._coming.popleft() in self.skipped else Step.GO

    def _write(self, gone: Mapping[int, str]) -> None:
        """Write the outcomes so far, who of the window is skipped, and that the others begin."""
        done = {_subscriber(recipient): result for recipient, result in self._done}
        unusual = (Outcome.REJECTED, Outcome.UNKNOWN)
        exceptions = {id: result for id, result in done.items() if result.outcome in unusual}
        is_single = self._places and not exceptions and not gone
        with self._send_state.single_writer() if is_single else self._send_state.writer() as connection:
            self._places = self._places or _places(connection, self._claim)
            if gone:
                now = self._clock()
                claims.skip(connection, self._claim, gone, now, state_of_batch=BatchState.HANDED)
            self.skipped |= gone.keys()
            self._finished |= self._bits(id for id, result in done.items() if result.outcome is Outcome.ACCEPTED)
            self._started &= ~self._bits(id for id, result in done.items() if result.outcome is Outcome.BUSY)
            self._started &= ~self._bits(gone)
            self._started |= self._bits(id for id in self._coming if id not in self.skipped)
            bits = self._packed(self._started), self._packed(self._finished)
            claims.record_exceptions(connection, self._claim, exceptions, self._clock())
            claims.save_progress(connection, self._claim, *bits, self._clock())
        self.recorded |= exceptions.keys()
        self._done = []

    def _departed(self) -> dict[int, str]:
        """Return who of the window is not to be mailed any more; whoever is skipped already is not among them."""
        self._seen = self._look_after
        with self._send_state.database.read() as connection:  # beside the writer, who has others to serve
            return departed(connection, self._claim, self._list, self._coming, self._clock())

    def _bits(self, ids: Iterable[int]) -> int:
        return sum(1 << self._places[id] for id in ids)

    def _packed(self, bits: int) -> bytes:
        return bits.to_bytes(len(self._places) // 8 + 1, "little")


def _places(connection: Connection, claim: Claim) -> dict[int, int]:
    """Return each subscriber's bit: its place among all of the batch."""
    return {id: place for place, id in enumerate(claims.members(connection, claim.campaign_id, claim.no))}


def _subscriber(recipient: Recipient) -> int:
    return int(recipient.delivery_id.rpartition(".")[2])
