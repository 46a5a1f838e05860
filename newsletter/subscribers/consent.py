"""Consent: the evidence of who joined or left which list, when, and how we know.

Appended, never changed; no other module writes `consent` and `consent_source`. It goes
only with its reader, and a source names no reader, so that erasing one erases all: what is
known of one change alone (the network address it came from) stands with that change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, func, insert, select

from newsletter.database.bulk import among, insert_many
from newsletter.database.tables import consent, consent_source
from newsletter.times import stamp


@dataclass(frozen=True, kw_only=True)
class Consent:
    """One change of one reader on one list."""

    list: str
    status: str
    at: str
    source: str
    """What said so: `import`, `command line`, ..."""
    detail: Mapping[str, Any]
    """More about the source (the file and its SHA-256, the form's wording), and about this change."""


class Change(NamedTuple):
    """A change to put on record."""

    subscriber_id: int
    list: str
    status: str
    detail: str = ""
    """JSON, of this change alone: where it came from, when it was asked for; empty: nothing is."""


def shared_source(connection: Connection, kind: str, detail: Mapping[str, object], at: datetime) -> int:
    """The source that says exactly this, made when it is new: many come through one form."""
    same = consent_source.c.kind == kind, consent_source.c.detail == msgspec.json.encode(detail).decode()
    found = connection.execute(select(func.min(consent_source.c.id)).where(*same)).scalar()
    return int(found) if found else record_source(connection, kind, detail, at)


def record_source(connection: Connection, kind: str, detail: Mapping[str, object], at: datetime) -> int:
    """Say where a number of changes come from; returns the id that `record` wants."""
    row = {"kind": kind, "detail": msgspec.json.encode(detail).decode(), "at": stamp(at)}
    found = connection.execute(insert(consent_source).values(row).returning(consent_source.c.id))
    return int(found.scalar_one())


def record(
    connection: Connection, changes: Sequence[Change], source_id: int, at: str, last: Mapping[int, int] | None = None
) -> None:
    """Append changes; `last` holds the numbers already taken, by subscriber, when the caller knows them."""
    if not changes:
        return
    numbers = dict(_last(connection, {change.subscriber_id for change in changes}) if last is None else last)
    rows = []
    for subscriber_id, list_name, status, detail in changes:
        no = numbers[subscriber_id] = numbers.get(subscriber_id, 0) + 1
        rows.append((subscriber_id, no, list_name, status, at, source_id, detail))
    insert_many(connection, consent, ("subscriber_id", "no", "list", "status", "at", "source_id", "detail"), rows)


def evidence(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, list[Consent]]:
    """All that is on record of these readers, oldest first."""
    asked = (
        select(consent, consent_source.c.kind, consent_source.c.detail.label("shared"))
        .join(consent_source, consent.c.source_id == consent_source.c.id)
        .where(among(connection, consent.c.subscriber_id, list(subscriber_ids)))
        .order_by(consent.c.subscriber_id, consent.c.no)
    )
    found: dict[int, list[Consent]] = defaultdict(list)
    for row in connection.execute(asked):
        detail = msgspec.json.decode(row.shared) | (msgspec.json.decode(row.detail) if row.detail else {})
        one = Consent(list=row.list, status=row.status, at=row.at, source=row.kind, detail=detail)
        found[row.subscriber_id].append(one)
    return found


def once_active(connection: Connection, subscriber_ids: Iterable[int]) -> frozenset[int]:
    """Of these readers, those who were active on some list at some time: their address is theirs."""
    asked = select(consent.c.subscriber_id).where(consent.c.status == "active").distinct()
    return frozenset(connection.scalars(asked.where(among(connection, consent.c.subscriber_id, list(subscriber_ids)))))


def _last(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, int]:
    """The highest number of each reader's evidence."""
    asked = select(consent.c.subscriber_id, func.max(consent.c.no).label("no")).group_by(consent.c.subscriber_id)
    found = connection.execute(asked.where(among(connection, consent.c.subscriber_id, list(subscriber_ids))))
    return {row.subscriber_id: row.no for row in found}
