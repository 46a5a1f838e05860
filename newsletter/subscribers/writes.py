"""Entries: what a row of a file or a command says about one reader, and writing many at once.

The rules that protect readers are here: who left is not brought back unless named, a suppressed
address is not added, nothing said erases nothing known. Reading files is `imports`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, select, text, update

from newsletter.addresses import address_key
from newsletter.config.fields import BUILT_IN, FieldValue
from newsletter.database.bulk import among, insert_many, reserve_ids
from newsletter.database.tables import subscriber, subscription
from newsletter.subscribers import consent, suppressions
from newsletter.subscribers.consent import Change
from newsletter.times import stamp

MOST_ENTRIES = 5_000
"""In one call: a transaction that others wait for a quarter of a second at most."""

encode = msgspec.json.Encoder(order="sorted").encode
decode = msgspec.json.Decoder().decode


EVERYWHERE = "*"
"""Instead of a list in an Entry: each list the reader is on."""
_SAID = (*BUILT_IN, "fields", "tags")
"""The columns that an entry may change."""
_NOTHING_KNOWN: Mapping[str, str] = dict.fromkeys(BUILT_IN, "")


class Status(StrEnum):
    """Of a reader on a list."""

    PENDING = "pending"
    """Asked to join, not yet confirmed."""
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


class SubscriberEntry(NamedTuple):
    """What is said about one reader; an empty value says nothing."""

    email: str
    """As `addresses.parse_address` returns it."""
    statuses: tuple[tuple[str, str], ...]
    """Pairs of list (or EVERYWHERE) and Status."""
    columns: Mapping[str, str] = {}
    """Values of the built-in fields, by name."""
    fields: Mapping[str, FieldValue] = {}
    tags: tuple[str, ...] = ()
    """Sorted, each once."""
    proof: str = ""
    """What `consent.Change` says of these changes alone."""


class Effect(StrEnum):
    """What an entry did."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """The address is suppressed and unknown."""


class Entered(NamedTuple):
    """What became of an entry."""

    effect: Effect
    kept_unsubscribed: bool = False
    """It would have brought back somebody who left; it did not."""
    reason: str = ""
    """Why it was refused."""


class _ReaderState:
    """A reader while a batch is entered: as in the database, and then as it will be."""

    __slots__ = (
        "changes", "columns", "email", "fields", "id", "is_new", "key", "learned", "statuses", "stored", "tags",
    )  # fmt: skip

    def __init__(self, key: str, email: str, *, is_new: bool = True) -> None:
        self.id = 0
        self.key = key
        self.email = email
        self.is_new = is_new
        self.learned = False
        """Whether something is known that is not in the row of `subscriber`."""
        self.columns: Mapping[str, str] = _NOTHING_KNOWN
        """Values of all built-in fields, by name; empty where not known."""
        self.fields = "{}"
        self.tags = "[]"
        self.statuses: dict[str, str] = {}
        self.stored: Container[str] = ()
        """The lists that have a row in the database."""
        self.changes: list[tuple[str, str, str]] = []
        """List, status, and what is known of that change alone."""

    @property
    def moved(self) -> dict[str, str]:
        """The lists that change, each with its last status."""
        return {name: status for name, status, _proof in self.changes}

    def has_left(self) -> bool:
        """Active and pending nowhere, after having been somewhere."""
        return bool(self.statuses) and all(status == Status.UNSUBSCRIBED for status in self.statuses.values())

    def learn(self, entry: SubscriberEntry) -> bool:
        """Take over what the entry says besides consent; returns whether any of it is news."""
        before = self.columns, self.fields, self.tags
        if entry.columns:
            self.columns = {**self.columns, **{name: value for name, value in entry.columns.items() if value}}
        if entry.fields:
            known = entry.fields if self.fields == "{}" else decode(self.fields) | entry.fields
            self.fields = encode(known).decode()
        if entry.tags:
            tags = entry.tags if self.tags == "[]" else sorted({*decode(self.tags), *entry.tags})
            self.tags = encode(tags).decode()
        is_news = before != (self.columns, self.fields, self.tags)
        self.learned |= is_news
        return is_news

    def move(self, entry: SubscriberEntry, *, stays_out: bool, revives: bool) -> bool:
        """Change lists; returns whether somebody who left was kept out of one."""
        kept, statuses = False, entry.statuses
        if statuses and statuses[0][0] == EVERYWHERE:
            statuses = (*((name, statuses[0][1]) for name in self.statuses), *statuses[1:])
        for list_name, wanted in statuses:
            now = self.statuses.get(list_name)
            if now == wanted or (wanted == Status.PENDING and now == Status.ACTIVE):
                continue
            if wanted != Status.UNSUBSCRIBED and (stays_out or (now == Status.UNSUBSCRIBED and not revives)):
                kept = True
                continue
            self.statuses[list_name] = wanted
            self.changes.append((list_name, wanted, entry.proof))
        return kept


def enter(
    connection: Connection,
    entries: Sequence[SubscriberEntry],
    source_id: int,
    now: datetime,
    resubscribe: Container[str] = (),
    asking: Container[str] = (),
) -> list[Entered]:
    """Write entries (at most MOST_ENTRIES), each in its turn; returns what each did.

    `source_id` is the evidence's, of `consent.record_source`; `resubscribe` holds the address
    keys of those who may be brought back, `asking` of those who may be taken in although they are
    suppressed, because they ask themselves. Needs a transaction of `Database.begin`.
    """
    keys = [address_key(entry.email) for entry in entries]
    _hold(connection)
    readers = _load(connection, keys)
    barred = {key: why for key, why in suppressions.suppressed(connection, keys).items() if key not in asking}
    effects = []
    for key, entry in zip(keys, entries, strict=True):
        named = key in resubscribe
        if key in barred and named:
            suppressions.lift(connection, [key])
            del barred[key]
        effects.append(_enter_one(readers, key, entry, barred.get(key, ""), named))
    _write(connection, readers, source_id, stamp(now))
    return effects


def _enter_one(readers: dict[str, _ReaderState], key: str, entry: SubscriberEntry, barred: str, named: bool) -> Entered:
    reader = readers.get(key)
    effect = Effect.UNCHANGED
    if reader is None:
        if barred:
            return Entered(Effect.REFUSED, reason=f"this address is suppressed ({barred})")
        reader = readers[key] = _ReaderState(key, entry.email)
        effect = Effect.ADDED
    is_news, moves = reader.learn(entry), len(reader.changes)
    stays_out = bool(barred) or (not named and reader.has_left())
    kept = reader.move(entry, stays_out=stays_out, revives=named)
    if effect is Effect.UNCHANGED and (is_news or len(reader.changes) > moves):
        effect = Effect.UPDATED
    return Entered(effect, kept)


def _hold(connection: Connection) -> None:
    """On PostgreSQL, let one writer of readers in at a time; on SQLite, `begin` has done so."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE subscriber IN SHARE ROW EXCLUSIVE MODE"))


def _load(connection: Connection, keys: Sequence[str]) -> dict[str, _ReaderState]:
    """Those of the addresses that are known, by key."""
    columns = subscriber.c
    built_in = (columns[name] for name in BUILT_IN)
    asked = select(columns.id, columns.email_key, columns.email, columns.fields, columns.tags, *built_in)
    readers: dict[int, _ReaderState] = {}
    for row in connection.execute(asked.where(among(connection, columns.email_key, keys))):
        reader = readers[row[0]] = _ReaderState(row[1], row[2], is_new=False)
        reader.id, reader.fields, reader.tags = row[0], row[3], row[4]
        reader.columns = dict(zip(BUILT_IN, row[5:], strict=True))
    if readers:
        _load_statuses(connection, readers)
    return {reader.key: reader for reader in readers.values()}


def _load_statuses(connection: Connection, readers: dict[int, _ReaderState]) -> None:
    columns = subscription.c
    asked = select(columns.subscriber_id, columns.list, columns.status)
    asked = asked.where(among(connection, columns.subscriber_id, list(readers)))
    for subscriber_id, list_name, status in connection.execute(asked):
        readers[subscriber_id].statuses[list_name] = status
    for reader in readers.values():
        reader.stored = frozenset(reader.statuses)


def _write(connection: Connection, readers: dict[str, _ReaderState], source_id: int, at: str) -> None:
    added = [reader for reader in readers.values() if reader.is_new]
    if added:
        _insert(connection, added, at)
    _update(connection, [reader for reader in readers.values() if reader.learned and not reader.is_new], at)
    _move(connection, [reader for reader in readers.values() if reader.changes], source_id, at)


def _insert(connection: Connection, readers: list[_ReaderState], at: str) -> None:
    for reader, subscriber_id in zip(readers, reserve_ids(connection, subscriber, len(readers)), strict=True):
        reader.id = subscriber_id
    columns = ("id", "email", "email_key", *_SAID, "created_at", "updated_at")
    rows = [(r.id, r.email, r.key, *_said(r), at, at) for r in readers]
    insert_many(connection, subscriber, columns, rows)


def _said(reader: _ReaderState) -> tuple[str, ...]:
    """Return the values of `_SAID`, in its order."""
    return (*(reader.columns[name] for name in BUILT_IN), reader.fields, reader.tags)


def _update(connection: Connection, readers: list[_ReaderState], at: str) -> None:
    if readers:
        changed = [dict(zip(_SAID, _said(r), strict=True)) for r in readers]
        rows = [row | {"reader": r.id, "updated_at": at} for r, row in zip(readers, changed, strict=True)]
        connection.execute(update(subscriber).where(subscriber.c.id == bindparam("reader")), rows)


def _move(connection: Connection, readers: list[_ReaderState], source_id: int, at: str) -> None:
    """Write the final status per list, and every step to it as evidence."""
    final = [Change(r.id, name, r.statuses[name]) for r in readers for name in r.moved if name not in r.stored]
    again = [Change(r.id, name, r.statuses[name]) for r in readers for name in r.moved if name in r.stored]
    subscribe(connection, added=final, changed=again, at=at)
    for some, last in (([r for r in readers if r.is_new], {}), ([r for r in readers if not r.is_new], None)):
        changes = [Change(reader.id, *change) for reader in some for change in reader.changes]
        consent.record(connection, changes, source_id, at, last)


def subscribe(connection: Connection, *, added: Sequence[Change], changed: Sequence[Change], at: str) -> None:
    """Write statuses without evidence: `added` to lists the reader had none on, `changed` where there was one.

    A pause ends with it.
    """
    rows = [(change.list, change.subscriber_id, change.status, at) for change in added]
    insert_many(connection, subscription, ("list", "subscriber_id", "status", "changed_at"), rows)
    if changed:
        this = (subscription.c.list == bindparam("of")) & (subscription.c.subscriber_id == bindparam("reader"))
        updates = [{"of": c.list, "reader": c.subscriber_id, "status": c.status, "changed_at": at} for c in changed]
        connection.execute(update(subscription).where(this).values(paused_until=None), updates)
