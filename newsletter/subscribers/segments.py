"""Segments: who of a list is meant, asked from the database.

Reads only. The rules themselves are `segment_rules`; what SQLite and PostgreSQL say differently
about JSON is here and nowhere else.
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

from newsletter.config import Publication
from newsletter.config.segments import COLUMNS, SegmentRule, rules_of
from newsletter.database.bulk import numbers
from newsletter.database.tables import subscriber, subscription
from newsletter.times import stamp

Condition = ColumnElement[bool]
_TURN = 2**32
_GOLDEN = 2654435769
"""A turn divided by the golden ratio."""


def members(
    connection: Connection,
    publication: Publication,
    list_name: str,
    segment: str | None = None,
    *,
    now: datetime,
    after: int = 0,
    limit: int = 10_000,
) -> list[int]:
    """The ids of those who get mail of the list and are in the segment: ascending, above `after`, at most `limit`.

    Raises ConfigError when newsletter.toml has no such segment or it is wrong.
    """
    found = select(subscription.c.subscriber_id).where(subscription.c.subscriber_id > after)
    found = _chosen(found, connection, publication, list_name, segment, now)
    return numbers(connection, found.order_by(subscription.c.subscriber_id).limit(limit))


def count(
    connection: Connection, publication: Publication, list_name: str, segment: str | None = None, *, now: datetime
) -> int:
    """How many `members` there are. Raises ConfigError as it does."""
    found = _chosen(select(func.count()).select_from(subscription), connection, publication, list_name, segment, now)
    return int(connection.execute(found).scalar_one())


def sample(
    connection: Connection,
    publication: Publication,
    list_name: str,
    segment: str | None = None,
    *,
    number: int,
    now: datetime,
) -> list[int]:
    """The ids of about `number` members, from all over the list, ascending; all of them when there are no more.

    The same list gives the same sample. Raises ConfigError as `members` does.
    """
    everyone = count(connection, publication, list_name, segment, now=now)
    found = _chosen(select(subscription.c.subscriber_id), connection, publication, list_name, segment, now)
    if everyone > number:
        # Multiples of the golden ratio lie evenly, whatever pattern the ids have (Knuth, TAOCP 3, section 6.4).
        scattered = subscription.c.subscriber_id * literal(_GOLDEN, BigInteger) % literal(_TURN, BigInteger)
        found = found.where(scattered < literal(_TURN * number // everyone, BigInteger))
    return list(connection.scalars(found.order_by(subscription.c.subscriber_id).limit(number)))


def by_zone(
    connection: Connection, publication: Publication, list_name: str, segment: str | None = None, *, now: datetime
) -> dict[str, int]:
    """How many `members` there are by the time zone they named; "": none. Raises ConfigError as it does."""
    each = select(subscriber.c.timezone, func.count()).join_from(
        subscription, subscriber, subscriber.c.id == subscription.c.subscriber_id
    )
    found = each.where(gets_mail(list_name, now))
    if segment:
        found = found.where(condition(connection, publication, segment))
    return {zone: int(number) for zone, number in connection.execute(found.group_by(subscriber.c.timezone))}


def gets_mail(list_name: str, now: datetime) -> Condition:
    """Whether a row of `subscription` is of somebody active on the list, and not paused."""
    paused = and_(subscription.c.paused_until.is_not(None), subscription.c.paused_until > stamp(now))
    return and_(subscription.c.list == list_name, subscription.c.status == "active", not_(paused))


def condition(connection: Connection, publication: Publication, segment: str) -> Condition:
    """What the segment says about a row of `subscriber`, whatever its lists. Raises ConfigError."""
    return and_(true(), *(_where(rule, connection.dialect.name) for rule in rules_of(publication, segment)))


def has_tag(connection: Connection, tag: str) -> Condition:
    """Whether a row of `subscriber` has the tag."""
    return _any_tag((tag,), connection.dialect.name)


def field_names(connection: Connection) -> list[str]:
    """Every own field that any reader has, sorted."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(subscriber.c.fields).table_valued("key")
        asked = select(each.c.key).select_from(subscriber).join(each, true())
    else:
        asked = select(func.jsonb_object_keys(cast(subscriber.c.fields, JSONB)))
    return sorted(connection.scalars(asked.distinct()))


def _chosen(
    found: Select[Any],
    connection: Connection,
    publication: Publication,
    list_name: str,
    segment: str | None,
    now: datetime,
) -> Select[Any]:
    found = found.where(gets_mail(list_name, now))
    if not segment:
        return found
    return found.join_from(subscription, subscriber).where(condition(connection, publication, segment))


def _where(rule: SegmentRule, dialect: str) -> Condition:
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
    found = _any_tag(rule.values, dialect)
    return found if rule.operator == "any" else not_(found)


def _missing(value: ColumnElement[Any], kind: str) -> Condition:
    """An empty text is a missing one."""
    return or_(value.is_(None), value == "") if kind in ("text", "date") else value.is_(None)


def _ordered(value: ColumnElement[Any], rule: SegmentRule) -> Condition:
    bound = rule.values[0]
    compared = {"at_least": value >= bound, "at_most": value <= bound, "above": value > bound, "below": value < bound}
    return compared[rule.operator]


def _contains(value: ColumnElement[Any], part: str, dialect: str) -> Condition:
    found: ColumnElement[int] = (func.instr if dialect == "sqlite" else func.strpos)(value, part)
    return found > 0


def _any_tag(tags: tuple[Any, ...], dialect: str) -> Condition:
    if dialect == "sqlite":
        each = func.json_each(subscriber.c.tags).table_valued("value")
    else:
        each = func.jsonb_array_elements_text(cast(subscriber.c.tags, JSONB)).table_valued("value")
    return exists(select(1).select_from(each).where(each.c.value.in_(tags)))


def _value(rule: SegmentRule, dialect: str) -> ColumnElement[Any]:
    """The field's value; null when it is missing or of another kind."""
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
