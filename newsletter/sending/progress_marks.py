"""Marks: which messages of a batch are in the air, for providers that take one message a call.

A bit per recipient is set before the first byte leaves and another after the answer, a few
recipients at a time; after a crash only what was between the two is unknown. Writes only these
bits, and what became of recipients whose batch had them; everything else of it is `deliveries`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, update

from newsletter.campaigns import deliveries
from newsletter.campaigns.abandoned_batches import SILENCE, Recovered
from newsletter.campaigns.batch_states import IN_HAND, BatchState
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.deliveries import Claim
from newsletter.database.tables import batch, campaign, delivery, delivery_exception, is_in
from newsletter.messages.types import Recipient
from newsletter.providers.base import Outcome, Result
from newsletter.sending.job import SendState
from newsletter.times import Clock, stamp


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
        """See `handover.Marks`; on disk once per window. Raises LostError when the batch is another's by now."""
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
            self._places = self._places or _places(connection, self._held.campaign_id, self._held.no)
            self._finished |= self._bits(id for id, one in done.items() if one.outcome is Outcome.ACCEPTED)
            self._started &= ~self._bits(id for id, one in done.items() if one.outcome is Outcome.BUSY)
            self._started |= self._bits(map(_subscriber, starting))
            bits = self._packed(self._started), self._packed(self._finished)
            deliveries.note(connection, self._held, others, self._clock())
            deliveries.mark(connection, self._held, *bits, self._clock())
        self.noted |= others.keys()
        self._done, self._left = [], len(starting)

    def _bits(self, ids: Iterable[int]) -> int:
        return sum(1 << self._places[id] for id in ids)

    def _packed(self, bits: int) -> bytes:
        return bits.to_bytes(len(self._places) // 8 + 1, "little")


def recover(connection: Connection, now: datetime, *, expired: datetime | None = None) -> Recovered:
    """Take over marked batches from dead senders: what was in the air is unknown, what had not started is queued."""
    lease = [batch.c.lease_until < stamp(expired)] if expired else []
    held = select(batch, campaign.c.state.label("campaign_state")).join(campaign, campaign.c.id == batch.c.campaign_id)
    held = held.where(is_in(*IN_HAND), batch.c.state == BatchState.HANDED, batch.c.started.is_not(None), *lease)
    unknown_of = Counter[int]()
    for row in connection.execute(held).all():
        unknown_of[row.campaign_id] += _recover_one(connection, row, now)
    return Recovered(replayed_of={}, unknown_of=+unknown_of)


def _recover_one(connection: Connection, row: Row[Any], now: datetime) -> int:
    """How many of it are unknown."""
    states = _states(connection, row)
    is_left = Outcome.BUSY in states.values()
    usual = Outcome.BUSY if is_left else Outcome.ACCEPTED
    apart = [
        {"subscriber_id": id, "state": state, "detail": SILENCE if state is Outcome.UNKNOWN else ""}
        for id, state in states.items()
        if state is not usual
    ]
    common = {"campaign_id": row.campaign_id, "batch_no": row.no, "at": stamp(now), "retryable": False}
    if apart:
        connection.execute(insert(delivery_exception), [{**common, **one} for one in apart])
    values: dict[str, object] = {"state": BatchState.SETTLED, "settled_at": stamp(now)}
    if is_left:
        over = row.campaign_state == CampaignState.CANCELLED
        values = {"state": BatchState.CANCELLED, "settled_at": stamp(now)} if over else {"state": BatchState.QUEUED}
        values |= {"generation": row.generation + 1, "first_handed_at": None}
    this = and_(batch.c.campaign_id == row.campaign_id, batch.c.no == row.no)
    connection.execute(update(batch).where(this).values(owner="", lease_until=None, **values))
    return sum(state is Outcome.UNKNOWN for state in states.values())


def _states(connection: Connection, row: Row[Any]) -> dict[int, Outcome]:
    """What the bits say of everyone of whom the ledger says nothing yet."""
    apart = select(delivery_exception.c.subscriber_id).where(
        delivery_exception.c.campaign_id == row.campaign_id, delivery_exception.c.batch_no == row.no
    )
    known = {*connection.execute(apart).scalars()}
    started, finished = (int.from_bytes(bits or b"", "little") for bits in (row.started, row.finished))
    return {
        id: Outcome.ACCEPTED if finished >> place & 1 else Outcome.UNKNOWN if started >> place & 1 else Outcome.BUSY
        for id, place in _places(connection, row.campaign_id, row.no).items()
        if id not in known
    }


def _places(connection: Connection, campaign_id: int, no: int) -> dict[int, int]:
    """Each subscriber's bit: all of the batch, in their order, whatever became of them."""
    members = select(delivery.c.subscriber_id).where(delivery.c.campaign_id == campaign_id, delivery.c.batch_no == no)
    ids = connection.execute(members.order_by(delivery.c.subscriber_id)).scalars()
    return {id: place for place, id in enumerate(ids)}


def _subscriber(recipient: Recipient) -> int:
    return int(recipient.delivery_id.rpartition(".")[2])
