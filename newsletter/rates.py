"""How fast a provider may be used: limits that all senders share, and what a busy provider made of them.

Kept in the database, one row per provider. How long to wait is `throttle`'s to say, what a
quota has left `quotas`'; this remembers the pace.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from sqlalchemy import Connection, bindparam, insert, select, update

from newsletter import quotas, throttle
from newsletter.database.tables import rate_bucket as table
from newsletter.quotas import Quota
from newsletter.times import Rate, Warmup, stamp

JITTER = timedelta(seconds=5)
"""By so much the times that several senders bring along may differ."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the settings say."""

    rate: Rate
    warmup: Warmup
    zone: tzinfo
    """Where the days of a warm-up plan begin."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """When messages may leave."""

    wait: float
    """Seconds until they do, or else until it is worth asking again."""
    full: str = ""
    """The quota that is used up: then nothing was reserved."""


@dataclass(frozen=True, kw_only=True)
class _Bucket:
    """A row of the table."""

    tat: str = datetime.fromtimestamp(0, UTC).isoformat()
    warm_since: str | None = None
    ceiling: float | None = None
    slowed_at: str | None = None
    seen_at: str | None = None

    def due(self, now: datetime) -> float:
        """Unix time at which the last message that was reserved is due, by the clock as it is now."""
        seen = datetime.fromisoformat(self.seen_at) if self.seen_at else now
        set_back = max(timedelta(0), seen - now - JITTER)
        return (datetime.fromisoformat(self.tat) - set_back).timestamp()


_FIELDS = [table.c[name] for name in _Bucket.__dataclass_fields__]
_GET = select(*_FIELDS).where(table.c.key == bindparam("its")).with_for_update()


def reserve(connection: Connection, key: str, count: int, limits: Limits, now: datetime) -> Turn:
    """Take the next `count` messages of the provider `key`'s pace and quotas."""
    bucket = _bucket(connection, key)
    all_quotas = _quotas(connection, key, bucket, limits, now)
    for quota in all_quotas:
        if wait := quota.wait(connection, count, now):
            return Turn(wait=wait, full=quota.name)
    for quota in all_quotas:
        quota.spend(connection, count)
    pace = _pace(bucket, limits.rate, now)
    if not pace:
        return Turn(wait=0.0)
    due, wait = throttle.reserve(bucket.due(now), now.timestamp(), count, pace)
    _keep(connection, key, tat=_text(due), seen_at=stamp(now))
    return Turn(wait=wait)


def is_free(connection: Connection, key: str, limits: Limits, now: datetime) -> bool:
    """Whether nothing limits the provider `key` at present, so that nothing has to be reserved."""
    has_quotas = bool(limits.rate.quotas or limits.warmup.first)
    return not has_quotas and not _pace(_bucket(connection, key), limits.rate, now)


def refund(connection: Connection, key: str, count: int, limits: Limits, now: datetime) -> None:
    """Give back `count` messages that were reserved and not sent."""
    bucket = _bucket(connection, key)
    for quota in _quotas(connection, key, bucket, limits, now):
        quota.spend(connection, -count)
    if pace := _pace(bucket, limits.rate, now):
        _keep(connection, key, tat=_text(max(0.0, bucket.due(now) - count / pace)), seen_at=stamp(now))


def slow_down(
    connection: Connection, key: str, rate: Rate, *, seen: float, handed_at: datetime, wait: float, now: datetime
) -> None:
    """A call handed over at `handed_at` was refused as too much: nothing for `wait` seconds, then slower.

    `seen` is how many messages a second went through lately; it counts where no rate is configured.
    Calls that were in the air together slow it down once.
    """
    bucket = _bucket(connection, key)
    hold = _text(max(bucket.due(now), now.timestamp() + wait))
    if bucket.slowed_at and stamp(handed_at) < bucket.slowed_at:
        return _keep(connection, key, tat=hold, seen_at=stamp(now))
    pace = (_pace(bucket, rate, now) or seen) * throttle.SLOWER
    _keep(connection, key, tat=hold, seen_at=stamp(now), ceiling=pace, slowed_at=stamp(now + timedelta(seconds=wait)))


def _quotas(connection: Connection, key: str, bucket: _Bucket, limits: Limits, now: datetime) -> list[Quota]:
    found = [quotas.rolling(key, window, now) for window in limits.rate.quotas]
    if limits.warmup.first:
        today = now.astimezone(limits.zone).date()
        if not bucket.warm_since:
            _keep(connection, key, warm_since=today.isoformat())
        since = date.fromisoformat(bucket.warm_since or today.isoformat())
        found.append(quotas.of_the_day(key, limits.warmup, since, now, limits.zone))
    return found


def _pace(bucket: _Bucket, rate: Rate, now: datetime) -> float:
    """Messages a second at present; 0: as many as will go."""
    if not bucket.slowed_at:
        return rate.per_second
    seconds = (now - datetime.fromisoformat(bucket.slowed_at)).total_seconds()
    ceiling = throttle.ceiling(bucket.ceiling, seconds)
    return min(rate.per_second or ceiling or 0.0, ceiling or rate.per_second)


def _bucket(connection: Connection, key: str) -> _Bucket:
    """The provider's row, locked where rows can be."""
    row = connection.execute(_GET, {"its": key}).one_or_none()
    return _Bucket(**row._asdict()) if row else _Bucket()


def _text(due: float) -> str:
    return datetime.fromtimestamp(due, UTC).isoformat(timespec="microseconds")


def _keep(connection: Connection, key: str, **values: object) -> None:
    if connection.execute(update(table).where(table.c.key == key).values(values)).rowcount == 0:
        connection.execute(insert(table).values({"key": key, "tat": _Bucket.tat, **values}))
