"""Keep how fast a provider may be used: a pace and quotas, which all senders share through the database.

Only this module writes `rate_bucket` (a row per provider: its pace, and the ceiling that a busy provider gets) and
`rate_spent` (what of each quota is used up). A rolling quota holds for any stretch of its time, a warm-up plan's for a
day of the calendar. The arithmetic is backoff.py; senders come here through rate_gate.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql

from newsletter.database.tables import rate_bucket, rate_spent
from newsletter.rates import Rate, SlottedWindow, Warmup, Window
from newsletter.sending import backoff
from newsletter.times import stamp

JITTER = timedelta(seconds=5)
"""How far the clocks of several senders may differ."""


@dataclass(frozen=True, kw_only=True)
class ProviderLimits:
    """The limits of the settings."""

    rate: Rate
    warmup: Warmup
    zone: tzinfo
    """The time zone in which the days of a warm-up plan begin."""


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A turn of some messages, or the reason why there is none."""

    wait: float
    """Seconds until they may leave, or until it is worth asking again."""
    full: str = ""
    """The quota that is used up, in which case nothing was reserved; else empty."""
    is_far: bool = False
    """Whether too many others are before them, in which case nothing was reserved either."""


@dataclass(frozen=True, kw_only=True)
class _Bucket:
    """A row of the rate_bucket."""

    tat: str = datetime.fromtimestamp(0, UTC).isoformat()
    warm_since: str | None = None
    ceiling: float | None = None
    slowed_at: str | None = None
    seen_at: str | None = None

    def due(self, now: datetime) -> float:
        """Return the Unix time at which the last reserved message is due, by the clock as it is now."""
        seen = datetime.fromisoformat(self.seen_at) if self.seen_at else now
        set_back = max(timedelta(0), seen - now - JITTER)
        return (datetime.fromisoformat(self.tat) - set_back).timestamp()


_FIELDS = [rate_bucket.c[name] for name in _Bucket.__dataclass_fields__]
_PEEK = select(*_FIELDS).where(rate_bucket.c.key == bindparam("provider"))
_GET = _PEEK.with_for_update()


def reserve(
    connection: Connection,
    key: str,
    count: int,
    limits: ProviderLimits,
    now: datetime,
    most_ahead: float = math.inf,
) -> Reservation:
    """Reserve the next `count` messages of the pace and quotas of the provider `key`.

    Nothing is reserved when there are more than `most_ahead` seconds of other messages before them.
    """
    bucket = _bucket(connection, key)
    if (ahead := bucket.due(now) - now.timestamp()) > most_ahead:
        return Reservation(wait=ahead, is_far=True)
    all_quotas = _quotas(connection, key, bucket, limits, now)
    for quota in all_quotas:
        if wait := quota.wait(connection, count, now):
            return Reservation(wait=wait, full=quota.name)
    for quota in all_quotas:
        quota.spend(connection, count)
    pace = _pace(bucket, limits.rate, now)
    if not pace:
        return Reservation(wait=0.0)
    due, wait = backoff.reserve(bucket.due(now), now.timestamp(), count, pace)
    _keep(connection, key, tat=_text(due), seen_at=stamp(now))
    return Reservation(wait=wait)


def is_free(connection: Connection, key: str, limits: ProviderLimits, now: datetime) -> bool:
    """Tell whether nothing limits the provider `key` at present, so that nothing has to be reserved."""
    has_quotas = bool(limits.rate.quotas or limits.warmup.first)
    row = connection.execute(_PEEK, {"provider": key}).one_or_none()
    return not has_quotas and not _pace(_Bucket(**row._asdict()) if row else _Bucket(), limits.rate, now)


def refund(connection: Connection, key: str, count: int, limits: ProviderLimits, now: datetime) -> None:
    """Give back `count` messages that were reserved and not sent."""
    bucket = _bucket(connection, key)
    for quota in _quotas(connection, key, bucket, limits, now):
        quota.spend(connection, -count)
    if pace := _pace(bucket, limits.rate, now):
        _keep(connection, key, tat=_text(max(0.0, bucket.due(now) - count / pace)), seen_at=stamp(now))


def slow_down(
    connection: Connection, key: str, rate: Rate, *, seen: float, handed_at: datetime, wait: float, now: datetime
) -> None:
    """Let nothing leave for `wait` seconds, then go slower: a call handed over at `handed_at` was refused as too much.

    `seen` is how many messages a second went through lately; it counts where no rate is configured.
    Calls that were under way together slow it down once.
    """
    bucket = _bucket(connection, key)
    hold = _text(max(bucket.due(now), now.timestamp() + wait))
    if bucket.slowed_at and stamp(handed_at) < bucket.slowed_at:
        return _keep(connection, key, tat=hold, seen_at=stamp(now))
    pace = (_pace(bucket, rate, now) or seen) * backoff.SLOWER
    _keep(connection, key, tat=hold, seen_at=stamp(now), ceiling=pace, slowed_at=stamp(now + timedelta(seconds=wait)))


def _quotas(connection: Connection, key: str, bucket: _Bucket, limits: ProviderLimits, now: datetime) -> list[Quota]:
    quotas = [rolling(key, window, now) for window in limits.rate.quotas]
    if limits.warmup.first:
        today = now.astimezone(limits.zone).date()
        if not bucket.warm_since:
            _keep(connection, key, warm_since=today.isoformat())
        since = date.fromisoformat(bucket.warm_since or today.isoformat())
        quotas.append(of_the_day(key, limits.warmup, since, now, limits.zone))
    return quotas


def _pace(bucket: _Bucket, rate: Rate, now: datetime) -> float:
    """Return the messages a second at present; 0 for no limit."""
    if not bucket.slowed_at:
        return rate.per_second
    seconds = (now - datetime.fromisoformat(bucket.slowed_at)).total_seconds()
    ceiling = backoff.ceiling(bucket.ceiling, seconds)
    return min(rate.per_second or ceiling or 0.0, ceiling or rate.per_second)


def _bucket(connection: Connection, key: str) -> _Bucket:
    """Read the provider's row, and lock it where the database can: senders of one provider come one by one."""
    row = connection.execute(_GET, {"provider": key}).one_or_none()
    if row is None and connection.dialect.name == "postgresql":  # there is no lock on a row that is not there
        connection.execute(postgresql.insert(rate_bucket).values(key=key, tat=_Bucket.tat).on_conflict_do_nothing())
        row = connection.execute(_GET, {"provider": key}).one_or_none()
    return _Bucket(**row._asdict()) if row else _Bucket()


def _text(due: float) -> str:
    return datetime.fromtimestamp(due, UTC).isoformat(timespec="microseconds")


def _keep(connection: Connection, key: str, **values: object) -> None:
    if connection.execute(update(rate_bucket).where(rate_bucket.c.key == key).values(values)).rowcount == 0:
        connection.execute(insert(rate_bucket).values({"key": key, "tat": _Bucket.tat, **values}))


_WORDS = {60: "a minute", 3600: "an hour", 86400: "a day"}


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A number of messages that may leave in a time, which is cut into slots."""

    name: str
    """The quota's name for a person: `50,000 a day`."""
    key: str
    """The provider's name."""
    span: str
    most: int
    slot: int
    """The present slot."""
    oldest: int
    """The first slot that still counts."""
    slot_0_until: float
    """The Unix time at which messages of slot 0 stop to count."""
    length: float
    """Seconds from one slot to the next."""

    def wait(self, connection: Connection, count: int, now: datetime) -> float:
        """Return the seconds until `count` more messages fit; 0 when they fit now."""
        counting = select(rate_spent.c.slot, rate_spent.c.messages).where(self._mine, rate_spent.c.slot >= self.oldest)
        rows = connection.execute(counting.order_by(rate_spent.c.slot))
        spent = [(self.slot_0_until + slot * self.length, messages) for slot, messages in rows]
        return backoff.room_in(spent, count, self.most, now.timestamp())

    def spend(self, connection: Connection, count: int) -> None:
        """Add `count` messages, or give them back when negative; delete slots that do not count any more."""
        spent = (
            update(rate_spent)
            .where(self._mine, rate_spent.c.slot == self.slot)
            .values(messages=rate_spent.c.messages + count)
        )
        if connection.execute(spent).rowcount or count < 0:
            return
        connection.execute(delete(rate_spent).where(self._mine, rate_spent.c.slot < self.oldest))
        values = {"key": self.key, "span": self.span, "slot": self.slot, "messages": count}
        connection.execute(insert(rate_spent).values(values))

    @property
    def _mine(self) -> ColumnElement[bool]:
        return (rate_spent.c.key == self.key) & (rate_spent.c.span == self.span)


def rolling(key: str, window: Window, now: datetime) -> Quota:
    """Return the quota of a rolling window: `50000/d` is never more than that in any 24 hours."""
    slotted = SlottedWindow(seconds=window.per, slots=backoff.SLOTS)
    slot = slotted.slot_at(now.timestamp())
    return Quota(
        name=f"{window.messages:,} {_WORDS.get(window.per, 'a second')}",
        key=key,
        span=str(window.per),
        most=window.messages,
        slot=slot,
        oldest=slot - backoff.SLOTS - 1,
        slot_0_until=slotted.counts_until(0),
        length=slotted.length,
    )


def of_the_day(key: str, plan: Warmup, since: date, now: datetime, zone: tzinfo) -> Quota:
    """Return the quota that a warm-up plan which began on `since` has for today, a day of `zone`."""
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
