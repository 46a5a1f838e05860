"""Write many readers at once, each from an entry: what a row of a file, a form or a command says about one reader.

The rules that protect readers are here: readers who left are not brought back unless named, a suppressed address is
not added, and an empty value erases nothing. Files are read by `files/`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, bindparam, select, text, update

from newsletter.addresses import address_key
from newsletter.config.fields import BUILT_IN, FieldValue
from newsletter.counters import readers as counters
from newsletter.counters.mailboxes import domain_of
from newsletter.database.bulk import among, among_these, insert_many, reserve_ids, these
from newsletter.database.tables import subscriber, subscription
from newsletter.signed_links import new_keys
from newsletter.subscribers import consent, suppressions
from newsletter.subscribers.consent import Change
from newsletter.subscribers.evidence import read_list, read_object
from newsletter.times import stamp

MOST_ENTRIES = 5_000
"""The most entries of one call: its transaction then takes a quarter of a second, for which others wait."""

encode = msgspec.json.Encoder(order="sorted").encode

EVERYWHERE = "*"
"""Stands for each list the reader is on, in the place of a list's name in a SubscriberEntry."""
_ENTRY_COLUMNS = (*BUILT_IN, "fields", "tags")
"""The columns that an entry may change."""
_NOTHING_KNOWN: Mapping[str, str] = dict.fromkeys(BUILT_IN, "")


class Status(StrEnum):
    """The status of a reader on a list."""

    PENDING = "pending"
    """Asked to join, not yet confirmed."""
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


class SubscriberEntry(NamedTuple):
    """Facts about one reader, to be written; an empty value changes nothing."""

    email: str
    """The address as `addresses.parse_address` returns it."""
    statuses: tuple[tuple[str, str], ...]
    """Pairs of list (or EVERYWHERE) and Status."""
    columns: Mapping[str, str] = {}
    """Values of the built-in fields, by name."""
    fields: Mapping[str, FieldValue] = {}
    tags: tuple[str, ...] = ()
    """Sorted, each once."""
    proof: str = ""
    """The `detail` of these changes' evidence, see `consent.Change`."""


class Effect(StrEnum):
    """The effect of an entry."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """The address is suppressed, and no reader has it."""


class EntryResult(NamedTuple):
    """The result of an entry."""

    effect: Effect
    kept_unsubscribed: bool = False
    """True when the entry would have brought back a reader who left, and did not."""
    reason: str = ""
    """Why the entry was refused."""


class _ReaderState:
    """A reader while entries are applied: first as in the database, then as it will be written."""

    __slots__ = (
        "changes", "columns", "email", "fields", "id", "is_barred", "is_new", "key", "learned", "statuses", "stored",
        "tags",
    )  # fmt: skip

    def __init__(self, key: str, email: str, *, is_new: bool = True) -> None:
        self.id = 0
        self.key = key
        self.email = email
        self.is_new = is_new
        self.is_barred = False
        """Whether the address is suppressed, and not only its hash: what the counters of readers ask."""
        self.learned = False
        """Whether an entry changed columns of the row of `subscriber`."""
        self.columns: Mapping[str, str] = _NOTHING_KNOWN
        """Values of all built-in fields, by name; empty where not known."""
        self.fields = "{}"
        self.tags = "[]"
        self.statuses: dict[str, str] = {}
        self.stored: Container[str] = ()
        """The lists that have a row in the database."""
        self.changes: list[tuple[str, str, str]] = []
        """The changes of lists: list, status, and the proof of that change alone."""

    @property
    def changed_lists(self) -> dict[str, str]:
        """The lists that change, each with its last status."""
        return {name: status for name, status, _proof in self.changes}

    @property
    def standing(self) -> counters.Standing:
        """The standing and domain under which the reader is counted."""
        best = next((status for status in (Status.ACTIVE, Status.PENDING) if status in self.statuses.values()), None)
        standing = counters.SUPPRESSED if self.is_barred else str(best or Status.UNSUBSCRIBED)
        return counters.Standing(standing, domain_of(self.key))

    def has_left(self) -> bool:
        """Tell whether the reader was on lists, and is active or pending on none."""
        return bool(self.statuses) and all(status == Status.UNSUBSCRIBED for status in self.statuses.values())

    def learn(self, entry: SubscriberEntry) -> bool:
        """Take over the entry's columns, fields and tags; return whether any of them changed."""
        before = self.columns, self.fields, self.tags
        if entry.columns:
            self.columns = {**self.columns, **{name: value for name, value in entry.columns.items() if value}}
        if entry.fields:
            known = entry.fields if self.fields == "{}" else {**read_object(self.fields), **entry.fields}
            self.fields = encode(known).decode()
        if entry.tags:
            tags = entry.tags if self.tags == "[]" else sorted({*read_list(self.tags), *entry.tags})
            self.tags = encode(tags).decode()
        has_changed = before != (self.columns, self.fields, self.tags)
        self.learned |= has_changed
        return has_changed

    def change_lists(self, entry: SubscriberEntry, *, stays_out: bool, revives: bool) -> bool:
        """Apply the entry's statuses; return whether a reader who left was kept out of a list."""
        kept_out, statuses = False, entry.statuses
        if statuses and statuses[0][0] == EVERYWHERE:
            statuses = (*((name, statuses[0][1]) for name in self.statuses), *statuses[1:])
        for list_name, wanted in statuses:
            now = self.statuses.get(list_name)
            if now == wanted or (wanted == Status.PENDING and now == Status.ACTIVE):
                continue
            if wanted != Status.UNSUBSCRIBED and (stays_out or (now == Status.UNSUBSCRIBED and not revives)):
                kept_out = True
                continue
            self.statuses[list_name] = wanted
            self.changes.append((list_name, wanted, entry.proof))
        return kept_out


def enter(
    connection: Connection,
    entries: Sequence[SubscriberEntry],
    source_id: int,
    now: datetime,
    resubscribe: Container[str] = (),
    asked_by_owner: Container[str] = (),
) -> list[EntryResult]:
    """Write entries (at most MOST_ENTRIES) in their order; return the result of each.

    `source_id` is that of `consent.record_source`. `resubscribe` has the address keys of readers who may be brought
    back; `asked_by_owner` of suppressed addresses that may be added, because their owner asks to join. Needs a
    transaction of `Database.begin`.
    """
    keys = [address_key(entry.email) for entry in entries]
    _lock_readers(connection)
    readers = _load(connection, keys)
    suppressed = suppressions.suppressed(connection, keys)
    barred = {key: reason for key, reason in suppressed.items() if key not in asked_by_owner}
    results = []
    for key, entry in zip(keys, entries, strict=True):
        is_named = key in resubscribe
        if key in barred and is_named:
            suppressions.lift(connection, [key], now)
            del barred[key]
        results.append(_apply(readers, key, entry, barred.get(key, ""), is_named))
    if suppressed:
        for key in suppressions.barred_by_address(connection, list(suppressed.keys() & readers.keys())):
            readers[key].is_barred = True
    _write(connection, readers, source_id, stamp(now))
    return results


def _apply(
    readers: dict[str, _ReaderState], key: str, entry: SubscriberEntry, barred: str, is_named: bool
) -> EntryResult:
    """Apply one entry to the readers in memory. `barred` is why the address is suppressed; empty when it is not."""
    reader = readers.get(key)
    effect = Effect.UNCHANGED
    if reader is None:
        if barred:
            return EntryResult(Effect.REFUSED, reason=f"this address is suppressed ({barred})")
        reader = readers[key] = _ReaderState(key, entry.email)
        effect = Effect.ADDED
    has_learned, changes_before = reader.learn(entry), len(reader.changes)
    stays_out = bool(barred) or (not is_named and reader.has_left())
    kept_out = reader.change_lists(entry, stays_out=stays_out, revives=is_named)
    if effect is Effect.UNCHANGED and (has_learned or len(reader.changes) > changes_before):
        effect = Effect.UPDATED
    return EntryResult(effect, kept_unsubscribed=kept_out)


def _lock_readers(connection: Connection) -> None:
    """Let one transaction at a time write readers."""
    # SQLite needs nothing: `Database.begin` takes its only write lock.
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE subscriber IN SHARE ROW EXCLUSIVE MODE"))


@cache
def _of_keys(dialect: str) -> Select[Any]:
    """Return the query for the readers who have one of the wanted addresses; made once, since every write asks it."""
    columns = subscriber.c
    built_in = (columns[name] for name in BUILT_IN)
    rows = select(columns.id, columns.email_key, columns.email, columns.fields, columns.tags, *built_in)
    return rows.where(among_these(dialect, columns.email_key, "wanted"))


def _load(connection: Connection, keys: Sequence[str]) -> dict[str, _ReaderState]:
    """Return the readers who have one of these addresses, by key."""
    readers: dict[int, _ReaderState] = {}
    for row in connection.execute(_of_keys(connection.dialect.name), {"wanted": these(connection, keys)}):
        reader = readers[row[0]] = _ReaderState(row[1], row[2], is_new=False)
        reader.id, reader.fields, reader.tags = row[0], row[3], row[4]
        reader.columns = dict(zip(BUILT_IN, row[5:], strict=True))
    if readers:
        _load_statuses(connection, readers)
    return {reader.key: reader for reader in readers.values()}


def _load_statuses(connection: Connection, readers: dict[int, _ReaderState]) -> None:
    columns = subscription.c
    rows = select(columns.subscriber_id, columns.list, columns.status)
    rows = rows.where(among(connection, columns.subscriber_id, list(readers)))
    for subscriber_id, list_name, status in connection.execute(rows):
        readers[subscriber_id].statuses[list_name] = status
    for reader in readers.values():
        reader.stored = frozenset(reader.statuses)


def _write(connection: Connection, readers: dict[str, _ReaderState], source_id: int, at: str) -> None:
    added = [reader for reader in readers.values() if reader.is_new]
    if added:
        _insert(connection, added, at)
    _update(connection, [reader for reader in readers.values() if reader.learned and not reader.is_new], at)
    known = [reader.id for reader in readers.values() if reader.changes and not reader.is_new]
    with counters.changing(connection, known, at):
        _change_lists(connection, [reader for reader in readers.values() if reader.changes], source_id, at)
    counters.added(connection, [reader.standing for reader in added], at)


def _insert(connection: Connection, readers: list[_ReaderState], at: str) -> None:
    for reader, subscriber_id in zip(readers, reserve_ids(connection, subscriber, len(readers)), strict=True):
        reader.id = subscriber_id
    columns = ("id", "email", "email_key", *_ENTRY_COLUMNS, "created_at", "updated_at", "link_key")
    link_keys = new_keys(len(readers))
    rows = [
        (r.id, r.email, r.key, *_values(r), at, at, link_key) for r, link_key in zip(readers, link_keys, strict=True)
    ]
    insert_many(connection, subscriber, columns, rows)


def _values(reader: _ReaderState) -> tuple[str, ...]:
    """Return the values of `_ENTRY_COLUMNS`, in their order."""
    return (*(reader.columns[name] for name in BUILT_IN), reader.fields, reader.tags)


def _update(connection: Connection, readers: list[_ReaderState], at: str) -> None:
    if readers:
        changed = [dict(zip(_ENTRY_COLUMNS, _values(r), strict=True)) for r in readers]
        rows = [row | {"reader": r.id, "updated_at": at} for r, row in zip(readers, changed, strict=True)]
        connection.execute(update(subscriber).where(subscriber.c.id == bindparam("reader")), rows)


def _change_lists(connection: Connection, readers: list[_ReaderState], source_id: int, at: str) -> None:
    """Write the final status per list, and every step to it as evidence."""
    final = [(r, Change(r.id, name, r.statuses[name])) for r in readers for name in r.changed_lists]
    added = [change for reader, change in final if change.list not in reader.stored]
    changed = [change for reader, change in final if change.list in reader.stored]
    subscribe(connection, added=added, changed=changed, at=at)
    new, known = [r for r in readers if r.is_new], [r for r in readers if not r.is_new]
    # New readers have no evidence yet, so the highest numbers need not be asked for.
    for group, last in ((new, {}), (known, None)):
        changes = [Change(reader.id, *change) for reader in group for change in reader.changes]
        consent.record(connection, changes, source_id, at, last)


def subscribe(connection: Connection, *, added: Sequence[Change], changed: Sequence[Change], at: str) -> None:
    """Write statuses without evidence: `added` on lists where the reader had none, `changed` on the others.

    A change ends a pause of the list.
    """
    rows = [(change.list, change.subscriber_id, change.status, at) for change in added]
    insert_many(connection, subscription, ("list", "subscriber_id", "status", "changed_at"), rows)
    if changed:
        this = (subscription.c.list == bindparam("of")) & (subscription.c.subscriber_id == bindparam("reader"))
        updates = [{"of": c.list, "reader": c.subscriber_id, "status": c.status, "changed_at": at} for c in changed]
        connection.execute(update(subscription).where(this).values(paused_until=None), updates)
