"""Select the readers of a list or segment from the database.

Reads only. The rules of `[segments]` are parsed by `config/segments.py`; the differences between SQLite's and
PostgreSQL's JSON functions are in this module alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Numeric,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from newsletter.config import PublicationSettings
from newsletter.config.segments import COLUMNS, INACTIVE, SegmentRule, rules_of
from newsletter.database.bulk import numbers
from newsletter.database.tables import subscriber, subscription, suppression
from newsletter.subscribers import inactivity
from newsletter.times import Duration, stamp

Condition = ColumnElement[bool]
_TURN = 2**32
"""The range of the scattered ids."""
_GOLDEN = 2654435769
"""_TURN divided by the golden ratio."""


def members(
    connection: Connection,
    publication: PublicationSettings,
    list_name: str,
    segment: str | None = None,
    *,
    now: datetime,
    after: int = 0,
    limit: int = 10_000,
    among: Condition | None = None,
) -> list[int]:
    """Return the ids of readers who get the list's mail and are in the segment: ascending, above `after`.

    `among` is another condition, on a row of `subscription`.

    Raises ConfigError when newsletter.toml has no such segment or it is wrong.
    """
    ids = select(subscription.c.subscriber_id).where(subscription.c.subscriber_id > after)
    ids = _of_segment(ids, connection, publication, list_name, segment, now, among)
    return numbers(connection, ids.order_by(subscription.c.subscriber_id).limit(limit))


def count(
    connection: Connection,
    publication: PublicationSettings,
    list_name: str,
    segment: str | None = None,
    *,
    now: datetime,
    among: Condition | None = None,
) -> int:
    """Return how many `members` there are. Raises ConfigError like it."""
    number = select(func.count()).select_from(subscription)
    number = _of_segment(number, connection, publication, list_name, segment, now, among)
    return int(connection.execute(number).scalar_one())


def count_suppressed(
    connection: Connection,
    publication: PublicationSettings,
    list_name: str,
    segment: str | None = None,
    *,
    now: datetime,
    among: Condition | None = None,
) -> int:
    """Return how many of the `members` have a suppressed address, and are skipped. Raises ConfigError like it."""
    number = select(func.count()).select_from(subscription)
    number = _of_segment(number, connection, publication, list_name, segment, now, among)
    address = subscriber.alias()
    is_suppressed = exists().where(
        address.c.id == subscription.c.subscriber_id, address.c.email_key == suppression.c.email_key
    )
    return int(connection.execute(number.where(is_suppressed)).scalar_one())


def sample(
    connection: Connection,
    publication: PublicationSettings,
    list_name: str,
    segment: str | None = None,
    *,
    number: int,
    now: datetime,
) -> list[int]:
    """Return the ids of about `number` members, spread over the list, ascending; of all members when there are fewer.

    A list that does not change gives one sample. Raises ConfigError like `members`.
    """
    total = count(connection, publication, list_name, segment, now=now)
    ids = _of_segment(select(subscription.c.subscriber_id), connection, publication, list_name, segment, now)
    if total > number:
        # Multiples of the golden ratio lie evenly, whatever pattern the ids have (Knuth, TAOCP 3, section 6.4).
        scattered = subscription.c.subscriber_id * literal(_GOLDEN, BigInteger) % literal(_TURN, BigInteger)
        ids = ids.where(scattered < literal(_TURN * number // total, BigInteger))
    return list(connection.scalars(ids.order_by(subscription.c.subscriber_id).limit(number)))


def by_zone(
    connection: Connection,
    publication: PublicationSettings,
    list_name: str,
    segment: str | None = None,
    *,
    now: datetime,
    among: Condition | None = None,
) -> dict[str, int]:
    """Return the number of `members` per time zone, "" for readers who named none. Raises ConfigError like it."""
    zones = select(subscriber.c.timezone, func.count()).join_from(
        subscription, subscriber, subscriber.c.id == subscription.c.subscriber_id
    )
    zones = zones.where(gets_mail(list_name, now), *(() if among is None else (among,)))
    if segment:
        zones = zones.where(condition(connection, publication, segment, now))
    return {zone: int(number) for zone, number in connection.execute(zones.group_by(subscriber.c.timezone))}


def gets_mail(list_name: str, now: datetime) -> Condition:
    """Return the condition that a row of `subscription` is active on the list, and not paused."""
    paused = and_(subscription.c.paused_until.is_not(None), subscription.c.paused_until > stamp(now))
    return and_(subscription.c.list == list_name, subscription.c.status == "active", not_(paused))


def condition(connection: Connection, publication: PublicationSettings, segment: str, now: datetime) -> Condition:
    """Return the segment's condition on a row of `subscriber`, whatever its lists. Raises ConfigError."""
    rules = rules_of(publication, segment)
    for rule in rules:
        if rule.kind == INACTIVE:
            inactivity.require_individual(publication, Duration(str(rule.values[0])))
    return and_(true(), *(_where(rule, connection.dialect.name, now) for rule in rules))


def has_tag(connection: Connection, tag: str) -> Condition:
    """Return the condition that a row of `subscriber` has the tag."""
    return _any_tag((tag,), connection.dialect.name)


def field_names(connection: Connection) -> list[str]:
    """Return the names of all own fields that readers have, sorted."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(subscriber.c.fields).table_valued("key")
        names = select(each.c.key).select_from(subscriber).join(each, true())
    else:
        names = select(func.jsonb_object_keys(cast(subscriber.c.fields, JSONB)))
    return sorted(connection.scalars(names.distinct()))


def _of_segment(
    rows: Select[Any],
    connection: Connection,
    publication: PublicationSettings,
    list_name: str,
    segment: str | None,
    now: datetime,
    among: Condition | None = None,
) -> Select[Any]:
    rows = rows.where(gets_mail(list_name, now), *(() if among is None else (among,)))
    if not segment:
        return rows
    return rows.join_from(subscription, subscriber).where(condition(connection, publication, segment, now))


def _where(rule: SegmentRule, dialect: str, now: datetime) -> Condition:
    if rule.kind == INACTIVE:
        return inactivity.is_inactive(Duration(str(rule.values[0])).delta, now)
    if rule.kind == "tags":
        return _tags(rule, dialect)
    value = _value(rule, dialect)
    missing = _missing(value, rule.kind)
    match rule.operator:
        case "missing":
            return missing if rule.values[0] else not_(missing)
        case "is":
            return and_(not_(missing), value.in_(rule.values))
        case "not":
            return or_(missing, value.not_in(rule.values))
        case "contains":
            return and_(not_(missing), _contains(value, str(rule.values[0]), dialect))
    return and_(not_(missing), _ordered(value, rule))


def _tags(rule: SegmentRule, dialect: str) -> Condition:
    if rule.operator == "all":
        return and_(*(_any_tag((tag,), dialect) for tag in rule.values))
    has_any = _any_tag(rule.values, dialect)
    return has_any if rule.operator == "any" else not_(has_any)


def _missing(value: ColumnElement[Any], kind: str) -> Condition:
    """Return the condition that the value is missing; an empty text counts as missing."""
    return or_(value.is_(None), value == "") if kind in ("text", "date") else value.is_(None)


def _ordered(value: ColumnElement[Any], rule: SegmentRule) -> Condition:
    bound = rule.values[0]
    compared = {"at_least": value >= bound, "at_most": value <= bound, "above": value > bound, "below": value < bound}
    return compared[rule.operator]


def _contains(value: ColumnElement[Any], part: str, dialect: str) -> Condition:
    # Not LIKE, which ignores case in SQLite and takes % and _ for patterns.
    position: ColumnElement[int] = (func.instr if dialect == "sqlite" else func.strpos)(value, part)
    return position > 0


def _any_tag(tags: tuple[Any, ...], dialect: str) -> Condition:
    if dialect == "sqlite":
        each = func.json_each(subscriber.c.tags).table_valued("value")
    else:
        each = func.jsonb_array_elements_text(cast(subscriber.c.tags, JSONB)).table_valued("value")
    return exists(select(1).select_from(each).where(each.c.value.in_(tags)))


def _value(rule: SegmentRule, dialect: str) -> ColumnElement[Any]:
    """Return the field's value; null when it is missing or of another kind."""
    if rule.subject in COLUMNS:
        return subscriber.c[rule.subject]
    return (_sqlite_value if dialect == "sqlite" else _postgresql_value)(rule)


def _sqlite_value(rule: SegmentRule) -> ColumnElement[Any]:
    path = f'$."{rule.subject}"'
    value: ColumnElement[Any] = func.json_extract(subscriber.c.fields, path)
    types = {"number": ("integer", "real"), "boolean": ("true", "false")}.get(rule.kind, ("text",))
    return case((func.json_type(subscriber.c.fields, path).in_(types), value))


def _postgresql_value(rule: SegmentRule) -> ColumnElement[Any]:
    fields = cast(subscriber.c.fields, JSONB)
    types = {"number": "number", "boolean": "boolean"}.get(rule.kind, "string")
    text = fields[rule.subject].astext
    value = cast(text, Numeric) if rule.kind == "number" else text == "true" if rule.kind == "boolean" else text
    return case((func.jsonb_typeof(fields[rule.subject]) == types, value))
