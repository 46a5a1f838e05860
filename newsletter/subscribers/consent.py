"""Consent: the evidence of who joined or left which list, when, and how we know.

Rows are appended, never changed; no other module writes `consent` and `consent_source`. Evidence is deleted only
with its reader. A source is shared and names no reader, so that erasing a reader erases all of it: facts about one
change alone (the network address it came from) are kept with that change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select

from newsletter.config import EventKind
from newsletter.database.bulk import among, insert_many
from newsletter.database.tables import consent, consent_source, subscriber
from newsletter.outbound import queue
from newsletter.outbound.queue import Happening
from newsletter.subscribers.evidence import read_details
from newsletter.times import stamp


@dataclass(frozen=True, kw_only=True)
class Consent:
    """A change of one reader's status on one list."""

    list: str
    status: str
    at: str
    source: str
    """The kind of its source: `import`, `command line`, ..."""
    detail: Mapping[str, Any]
    """More about the source (the file and its SHA-256, the form's wording), and about this change."""


class Change(NamedTuple):
    """A change to put on record."""

    subscriber_id: int
    list: str
    status: str
    detail: str = ""
    """JSON about this change alone, such as the network address it came from; may be empty."""


def shared_source(connection: Connection, kind: str, detail: Mapping[str, object], at: datetime) -> int:
    """Return the id of the source with exactly this kind and detail; insert it when there is none.

    Many sign-ups come through one form, and share its source.
    """
    same = consent_source.c.kind == kind, consent_source.c.detail == msgspec.json.encode(detail).decode()
    # The lowest id: two processes may have inserted equal sources at once.
    source_id = connection.execute(select(func.min(consent_source.c.id)).where(*same)).scalar()
    return int(source_id) if source_id else record_source(connection, kind, detail, at)


# Made once, see `subscriber.py`.
_NEW_SOURCE = insert(consent_source).returning(consent_source.c.id)


def record_source(connection: Connection, kind: str, detail: Mapping[str, object], at: datetime) -> int:
    """Insert the source of a number of changes; return the id that `record` takes."""
    row = {"kind": kind, "detail": msgspec.json.encode(detail).decode(), "at": stamp(at)}
    return int(connection.execute(_NEW_SOURCE, row).scalar_one())


def record(
    connection: Connection, changes: Sequence[Change], source_id: int, at: str, last: Mapping[int, int] | None = None
) -> None:
    """Append changes, numbered per reader; `last` has each reader's highest number when the caller knows it."""
    if not changes:
        return
    numbers = dict(_last(connection, {change.subscriber_id for change in changes}) if last is None else last)
    rows = []
    for subscriber_id, list_name, status, detail in changes:
        no = numbers[subscriber_id] = numbers.get(subscriber_id, 0) + 1
        rows.append((subscriber_id, no, list_name, status, at, source_id, detail))
    insert_many(connection, consent, ("subscriber_id", "no", "list", "status", "at", "source_id", "detail"), rows)
    _tell(connection, changes, source_id, at)


_TOLD = {"active": EventKind.CONFIRMED, "unsubscribed": EventKind.UNSUBSCRIBED}
"""The statuses that other programs are told of."""


def _tell(connection: Connection, changes: Sequence[Change], source_id: int, at: str) -> None:
    """Queue these changes for other programs. An import tells nobody: whoever has the file knows."""
    if not queue.is_wanted(connection, *_TOLD.values()):
        return
    source = connection.scalar(select(consent_source.c.kind).where(consent_source.c.id == source_id))
    if source == "import":
        return
    readers = select(subscriber.c.id, subscriber.c.email, subscriber.c.email_key)
    these = among(connection, subscriber.c.id, sorted({change.subscriber_id for change in changes}))
    rows = {row.id: row for row in connection.execute(readers.where(these))}
    told = [change for change in changes if change.status in _TOLD and change.subscriber_id in rows]
    queue.tell(connection, [_happening(rows[change.subscriber_id], change, str(source)) for change in told], at)


def _happening(reader: Any, change: Change, source: str) -> Happening:
    data = {"email": reader.email, "list": change.list, "status": change.status, "source": source}
    return Happening(_TOLD[change.status], reader.email_key, data)


def evidence(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, list[Consent]]:
    """Return the evidence of these readers, oldest first; readers without any are left out."""
    with_source = (
        select(consent, consent_source.c.kind, consent_source.c.detail.label("shared"))
        .join(consent_source, consent.c.source_id == consent_source.c.id)
        .where(among(connection, consent.c.subscriber_id, list(subscriber_ids)))
        .order_by(consent.c.subscriber_id, consent.c.no)
    )
    records: dict[int, list[Consent]] = defaultdict(list)
    for row in connection.execute(with_source):
        records[row.subscriber_id].append(_consent(row))
    return records


# Made once, see `subscriber.py`.
_OF_ONE = (
    select(
        *(consent.c[name] for name in ("list", "status", "at", "detail")),
        consent_source.c.kind,
        consent_source.c.detail.label("shared"),
    )
    .join(consent_source, consent.c.source_id == consent_source.c.id)
    .where(consent.c.subscriber_id == bindparam("wanted"))
    .order_by(consent.c.no)
)


def evidence_of(connection: Connection, subscriber_id: int) -> list[Consent]:
    """Return the evidence of one reader, oldest first."""
    return [_consent(row) for row in connection.execute(_OF_ONE, {"wanted": subscriber_id})]


def _consent(row: Any) -> Consent:
    detail = read_details(row.shared) | (read_details(row.detail) if row.detail else {})
    return Consent(list=row.list, status=row.status, at=row.at, source=row.kind, detail=detail)


def once_active(connection: Connection, subscriber_ids: Iterable[int]) -> frozenset[int]:
    """Return those of these readers who were active on some list at some time: their address is known to be theirs."""
    active = select(consent.c.subscriber_id).where(consent.c.status == "active").distinct()
    return frozenset(connection.scalars(active.where(among(connection, consent.c.subscriber_id, list(subscriber_ids)))))


def _last(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, int]:
    """Return the highest number of each reader's evidence."""
    highest = select(consent.c.subscriber_id, func.max(consent.c.no).label("no")).group_by(consent.c.subscriber_id)
    rows = connection.execute(highest.where(among(connection, consent.c.subscriber_id, list(subscriber_ids))))
    return {row.subscriber_id: row.no for row in rows}
