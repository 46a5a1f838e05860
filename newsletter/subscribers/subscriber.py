"""Find, page through, change and remove single readers: their fields, and their status per list.

Many readers at once are written by `writes.py`; no module but these two writes `subscriber` and `subscription`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, bindparam, delete, exists, select, update

from newsletter.addresses import address_key
from newsletter.config.fields import BUILT_IN, FieldValue, full_name
from newsletter.counters import readers as counters
from newsletter.database.bulk import among, among_these, numbers, read_as, these
from newsletter.database.tables import subscriber, subscription
from newsletter.messages.expressions import Present, present
from newsletter.subscribers import consent
from newsletter.subscribers.consent import Change, Consent
from newsletter.subscribers.evidence import read_list, read_object
from newsletter.subscribers.writes import Status, subscribe
from newsletter.times import stamp, utc_now

PAGE = 1_000
"""Readers that are loaded together."""


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """A reader: the address, what is known, and consent per list."""

    id: int
    email: str
    fields: Mapping[str, FieldValue]
    """Built-in fields (`first_name`, ...) and the publication's own; empty fields are absent."""
    tags: tuple[str, ...]
    lists: Mapping[str, Status]
    pauses: Mapping[str, str]
    """The end of each list's pause (UTC, ISO 8601), past or not."""
    consent: tuple[Consent, ...]
    """The evidence, oldest first."""
    link_key: str
    """The key in the reader's links."""

    @property
    def named(self) -> tuple[int, str]:
        """The two things that name the reader in links: id and key."""
        return self.id, self.link_key

    @property
    def status(self) -> Status:
        """The status over all lists: active if any list is, else pending if any is, else unsubscribed."""
        return whole_status(self.lists.values())

    def paused(self, now: datetime) -> dict[str, str]:
        """Return the pauses that last, by list."""
        return {name: until for name, until in self.pauses.items() if until > stamp(now)}

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return what `subscribers show --json` prints; `paused` is there while a list is paused."""
        paused = self.paused(now)
        return {
            "email": self.email,
            "status": self.status,
            "lists": self.lists,
            **({"paused": paused} if paused else {}),
            "fields": self.fields,
            "tags": self.tags,
            "consent": [msgspec.to_builtins(proof) for proof in self.consent],
        }


def whole_status(statuses: Iterable[str]) -> Status:
    """Return the status over lists with these statuses: active before pending before unsubscribed."""
    known = tuple(statuses)
    return next((status for status in (Status.ACTIVE, Status.PENDING) if status in known), Status.UNSUBSCRIBED)


def subscriber_fields(row: Any) -> Present:
    """Return the values that merge tags print, from a row with the columns of `tables.subscriber`.

    The sender adds the links to leave.
    """
    own = {} if row.fields == "{}" else _own_fields(row.fields)
    values = Present(present(own)) if own else Present()
    values["email"] = row.email
    if name := full_name(row.first_name, row.last_name, own):
        values["name"] = name
    elif own:  # an own field `name` without content is not printed
        values.pop("name", None)
    for column in BUILT_IN:
        if value := getattr(row, column):
            values[column] = value
    return values


def _own_fields(stored: str) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = msgspec.json.decode(stored)
    except msgspec.DecodeError:  # one reader's damaged row must not stop the others' mail
        return read_object(stored)
    return fields


# Made once: putting statements together takes longer than running them, and these are run for every request about one
# reader.
_WITH_LISTS = (
    select(subscriber, subscription.c.list, subscription.c.status, subscription.c.paused_until)
    .outerjoin(subscription, subscription.c.subscriber_id == subscriber.c.id)
    .order_by(subscription.c.list)
)
_BY_ID = _WITH_LISTS.where(subscriber.c.id == bindparam("wanted"))
_BY_ADDRESS = _WITH_LISTS.where(subscriber.c.email_key == bindparam("wanted"))


def get_subscriber(connection: Connection, subscriber_id: int) -> Subscriber | None:
    """Return the reader with this id, or None."""
    return _one(connection, connection.execute(_BY_ID, {"wanted": subscriber_id}).all())


def find_subscriber(connection: Connection, address: str) -> Subscriber | None:
    """Return the reader with this address, in any spelling of it, or None."""
    return _one(connection, connection.execute(_BY_ADDRESS, {"wanted": address_key(address)}).all())


def _one(connection: Connection, rows: Sequence[Row[Any]]) -> Subscriber | None:
    """Return the reader of these rows, one for each list, with the evidence; None for no rows."""
    if not rows:
        return None
    statuses = {row.list: Status(row.status) for row in rows if row.list is not None}
    pauses = {row.list: row.paused_until for row in rows if row.paused_until}
    return _subscriber(rows[0], statuses, pauses, consent.evidence_of(connection, rows[0].id))


def subscribers_by_id(connection: Connection, ids: Sequence[int]) -> list[Subscriber]:
    """Return the readers with these ids, ascending, without their consent."""
    return _complete(connection, sorted(set(ids)), with_consent=False)


def subscriber_pages(
    connection: Connection, *conditions: ColumnElement[bool], size: int = PAGE, with_consent: bool = True
) -> Iterator[list[Subscriber]]:
    """Yield the readers that meet the conditions, in the order they joined, a page at a time.

    Without consent, `Subscriber.consent` is empty, and reading them takes half the time.
    """
    last = 0
    # By keyset, not by OFFSET: readers who are removed meanwhile move no others to another page.
    while True:
        page = select(subscriber.c.id).where(subscriber.c.id > last, *conditions).order_by(subscriber.c.id).limit(size)
        ids = sorted(numbers(connection, page))
        if not ids:
            return
        last = ids[-1]
        yield _complete(connection, ids, with_consent=with_consent)


def is_on_list(list_name: str | None, status: str | None) -> ColumnElement[bool]:
    """Return the condition that a row of `subscriber` is on the list with that status.

    Without a list, the condition is on the status over all lists; without a status, any status will do.
    """
    if list_name is None and status is not None:
        return _has_whole(status)
    on_list = [subscription.c.list == list_name, subscription.c.subscriber_id == subscriber.c.id]
    return exists().where(*on_list, *([subscription.c.status == status] if status else []))


def _has_whole(status: str) -> ColumnElement[bool]:
    def somewhere(status: Status) -> ColumnElement[bool]:
        return exists().where(subscription.c.subscriber_id == subscriber.c.id, subscription.c.status == status)

    if status == Status.ACTIVE:
        return somewhere(Status.ACTIVE)
    if status == Status.PENDING:
        return somewhere(Status.PENDING) & ~somewhere(Status.ACTIVE)
    return ~somewhere(Status.ACTIVE) & ~somewhere(Status.PENDING)


def set_status(
    connection: Connection, subscriber_id: int, statuses: Mapping[str, Status], source_id: int, now: datetime
) -> None:
    """Set one reader's status on these lists, with evidence of each that changes.

    `source_id` is that of `consent.record_source`. The caller knows that the reader may be moved.
    """
    columns = subscription.c
    stored = select(columns.list, columns.status).where(columns.subscriber_id == subscriber_id)
    known = {row.list: row.status for row in connection.execute(stored)}
    changes = [Change(subscriber_id, name, status) for name, status in statuses.items() if known.get(name) != status]
    with counters.changing(connection, [subscriber_id], stamp(now)):
        subscribe(
            connection,
            added=[change for change in changes if change.list not in known],
            changed=[change for change in changes if change.list in known],
            at=stamp(now),
        )
    consent.record(connection, changes, source_id, stamp(now))


def pause_subscriptions(connection: Connection, until: Mapping[tuple[int, str], str]) -> None:
    """Pause lists until these times (UTC, ISO 8601), by reader and list; the readers stay active."""
    this = (subscription.c.subscriber_id == bindparam("reader")) & (subscription.c.list == bindparam("of"))
    rows = [{"reader": id, "of": name, "paused_until": time} for (id, name), time in until.items()]
    if rows:
        connection.execute(update(subscription).where(this), rows)


def update_own_fields(
    connection: Connection, subscriber_id: int, built_in: Mapping[str, str], name: str, now: datetime
) -> None:
    """Store what readers say of themselves: built-in fields, and their full name; an empty value deletes the field."""
    row = connection.execute(select(subscriber).where(subscriber.c.id == subscriber_id)).one_or_none()
    if row is None:
        return
    own = read_object(row.fields)
    columns = dict(built_in)
    if name != full_name(row.first_name, row.last_name, own):
        own.pop("name", None)
        columns["first_name"], _, columns["last_name"] = name.partition(" ")
    fields = msgspec.json.encode(own, order="sorted").decode()
    values = {**columns, "fields": fields, "updated_at": stamp(now)}
    connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(values))


def store_facts(
    connection: Connection,
    subscriber_id: int,
    columns: Mapping[str, str],
    fields: Mapping[str, FieldValue],
    tags: Sequence[str],
    now: datetime,
) -> None:
    """Store these built-in fields, and all own fields and tags of one reader, in the place of what was there."""
    values = {
        **columns,
        "fields": msgspec.json.encode(fields, order="sorted").decode(),
        "tags": msgspec.json.encode(sorted(tags)).decode(),
        "updated_at": stamp(now),
    }
    connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(values))


def rename(connection: Connection, subscriber_id: int, name: str, now: datetime) -> None:
    """Store the reader's full name; an empty one deletes it."""
    row = connection.execute(select(subscriber.c.fields).where(subscriber.c.id == subscriber_id)).one_or_none()
    if row is None:
        return
    own = read_object(row.fields)
    own.pop("name", None)
    values = {**split_name(name), "fields": msgspec.json.encode(own, order="sorted").decode(), "updated_at": stamp(now)}
    connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(values))


def split_name(name: str) -> dict[str, str]:
    """Return the columns of a full name: first_name up to the first space, last_name the rest."""
    first, _, last = name.strip().partition(" ")
    return {"first_name": first, "last_name": last.strip()}


def link_keys(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, str]:
    """Return the key in the links of each of these readers; unknown readers are left out."""
    keys = select(subscriber.c.id, subscriber.c.link_key)
    wanted = among(connection, subscriber.c.id, list(subscriber_ids))
    return {row.id: row.link_key for row in connection.execute(keys.where(wanted))}


def address_keys(connection: Connection, subscriber_ids: Iterable[int]) -> list[str]:
    """Return the address keys of these readers."""
    keys = select(subscriber.c.email_key).where(among(connection, subscriber.c.id, list(subscriber_ids)))
    return list(connection.scalars(keys))


def remove_subscriber(connection: Connection, address: str, now: datetime | None = None) -> bool:
    """Delete a reader with fields, lists, tags and evidence; return False when the address is unknown.

    The ledger's rows stay; deliveries that were not yet handed to a provider are skipped by the sender. `now` is the
    day on which the list lost the reader; by default the clock says.
    """
    id = connection.execute(select(subscriber.c.id).where(subscriber.c.email_key == address_key(address))).scalar()
    if id is None:
        return False
    counters.removing(connection, id, stamp(now or utc_now()))
    return connection.execute(delete(subscriber).where(subscriber.c.id == id)).rowcount > 0


class _SubscriberRow(msgspec.Struct, array_like=True):
    """The columns of `subscriber` that are read for each of many."""

    id: int
    email: str
    first_name: str
    last_name: str
    timezone: str
    language: str
    fields: str
    tags: str
    link_key: str


class _SubscriptionRow(msgspec.Struct, array_like=True):
    """The columns of `subscription` that are read for each of many."""

    subscriber_id: int
    list: str
    status: str
    paused_until: str | None


@cache
def _of_these(dialect: str, table: Table, id: str, kind: type[msgspec.Struct]) -> Select[Any]:
    """Return the query for the rows of these readers, as structs of `kind`; made once for each table."""
    columns = (table.c[name] for name in kind.__struct_fields__)
    return select(*columns).where(among_these(dialect, table.c[id], "wanted"))


def _complete(connection: Connection, ids: Sequence[int], *, with_consent: bool = True) -> list[Subscriber]:
    """Return the readers with these ids in this order, with their lists and, if wanted, their evidence."""
    wanted, dialect = {"wanted": these(connection, ids)}, connection.dialect.name
    rows_of = _of_these(dialect, subscriber, "id", _SubscriberRow)
    rows = {row.id: row for row in read_as(connection, rows_of, _SubscriberRow, wanted)}
    lists: dict[int, dict[str, Status]] = {id: {} for id in ids}
    pauses: dict[int, dict[str, str]] = {id: {} for id in ids}
    lists_of = _of_these(dialect, subscription, "subscriber_id", _SubscriptionRow)
    for row in sorted(read_as(connection, lists_of, _SubscriptionRow, wanted), key=attrgetter("list")):
        lists[row.subscriber_id][row.list] = Status(row.status)
        if row.paused_until:
            pauses[row.subscriber_id][row.list] = row.paused_until
    proof = consent.evidence(connection, ids) if with_consent else {}
    return [_subscriber(rows[id], lists[id], pauses[id], proof.get(id, [])) for id in ids if id in rows]


def _subscriber(row: Any, lists: dict[str, Status], pauses: dict[str, str], proof: list[Consent]) -> Subscriber:
    built_in = {name: value for name in BUILT_IN if (value := getattr(row, name))}
    return Subscriber(
        id=row.id,
        email=row.email,
        fields=built_in | read_object(row.fields),
        tags=tuple(read_list(row.tags)),
        lists=lists,
        pauses=pauses,
        consent=tuple(proof),
        link_key=row.link_key,
    )
