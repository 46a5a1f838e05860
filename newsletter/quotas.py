"""Quotas: so many messages in a time, and how many of them are used up.

A rolling one holds for whatever stretch of its time, a warm-up plan's for a day of the
calendar. Kept in `rate_spent`, which only this writes; how fast what is left may go is `rates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from newsletter import throttle
from newsletter.database.tables import rate_spent as table
from newsletter.times import Warmup, Window

_WORDS = {60: "a minute", 3600: "an hour", 86400: "a day"}


@dataclass(frozen=True, kw_only=True)
class Quota:
    """So many messages in a time that is cut into slots."""

    name: str
    """`50,000 a day`: for messages."""
    key: str
    """Whose: the provider's name."""
    span: str
    most: int
    slot: int
    """The present one."""
    oldest: int
    """The first that still counts."""
    slot_0_until: float
    """Unix time at which what was spent in slot 0 stops to count."""
    length: float
    """Seconds from one slot to the next."""

    def wait(self, connection: Connection, count: int, now: datetime) -> float:
        """Seconds until `count` more fit; 0: now."""
        counting = select(table.c.slot, table.c.messages).where(self._mine, table.c.slot >= self.oldest)
        rows = connection.execute(counting.order_by(table.c.slot))
        spent = [(self.slot_0_until + slot * self.length, messages) for slot, messages in rows]
        return throttle.room_in(spent, count, self.most, now.timestamp())

    def spend(self, connection: Connection, count: int) -> None:
        """Write down what is used, or with a negative `count` given back; what does not count any more is deleted."""
        spent = update(table).where(self._mine, table.c.slot == self.slot).values(messages=table.c.messages + count)
        if connection.execute(spent).rowcount or count < 0:
            return
        connection.execute(delete(table).where(self._mine, table.c.slot < self.oldest))
        values = {"key": self.key, "span": self.span, "slot": self.slot, "messages": count}
        connection.execute(insert(table).values(values))

    @property
    def _mine(self) -> ColumnElement[bool]:
        return (table.c.key == self.key) & (table.c.span == self.span)


def rolling(key: str, window: Window, now: datetime) -> Quota:
    """`50000/d`: never more than that in any 24 hours."""
    length = window.per / throttle.SLOTS
    slot = int(now.timestamp() // length)
    return Quota(
        name=f"{window.messages:,} {_WORDS.get(window.per, 'a second')}",
        key=key,
        span=str(window.per),
        most=window.messages,
        slot=slot,
        oldest=slot - throttle.SLOTS - 1,
        slot_0_until=length + window.per,
        length=length,
    )


def of_the_day(key: str, plan: Warmup, since: date, now: datetime, zone: tzinfo) -> Quota:
    """What the warm-up plan that began on `since` allows today, a day of `zone`."""
    today = now.astimezone(zone).date()
    most = plan.allowance((today - since).days)
    return Quota(
        name=f"{most:,} today, by the warm-up plan",
        key=key,
        span="warm-up",
        most=most,
        slot=today.toordinal(),
        oldest=today.toordinal(),
        slot_0_until=datetime.combine(today + timedelta(days=1), time(), tzinfo=zone).timestamp(),
        length=0.0,
    )
