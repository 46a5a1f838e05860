"""Add, change and remove readers: what commands, the Python face and the HTTP API do, each with its evidence.

The functions take a transaction; `Subscribers` opens its own. Whoever left, or is suppressed, stays out unless the
caller says that they asked to be back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from io import BufferedIOBase
from pathlib import Path

from sqlalchemy import ColumnElement, Connection

from newsletter.addresses import address_key, parse_address
from newsletter.config import PublicationSettings
from newsletter.config.fields import BUILT_IN, FieldValue, check_name, parse_built_in, parse_field
from newsletter.config.segments import list_named
from newsletter.database.connection import Database
from newsletter.errors import ConfigError, NewsletterError
from newsletter.subscribers import consent, erasure, segments
from newsletter.subscribers.files.imports import ImportListener, ImportReport, import_csv
from newsletter.subscribers.importers.cells import parse_tags
from newsletter.subscribers.importers.options import ImportOptions
from newsletter.subscribers.subscriber import (
    Subscriber,
    find_subscriber,
    is_on_list,
    store_facts,
    subscriber_pages,
)
from newsletter.subscribers.writes import EVERYWHERE, Effect, EntryResult, Status, SubscriberEntry, enter
from newsletter.times import utc_now


class KeptOutError(NewsletterError):
    """Raised when a reader who left, or a suppressed address, would get mail again; nothing is changed."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Say how a change of a reader is known: the kind and the details of its evidence."""

    kind: str
    """`command line`, `python`, `api:shop`."""
    detail: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class ReaderChange:
    """Name what changes of a reader; None erases a field, and what is not named stays."""

    columns: Mapping[str, str | None]
    """Built-in fields, by name."""
    fields: Mapping[str, FieldValue | None]
    tags: Collection[str] | None = None
    """All tags from now on; None leaves them."""
    lists: Mapping[str, str]
    """Statuses by list."""


@dataclass(frozen=True, kw_only=True)
class AddedReader:
    """Hold a reader after `add`, and the effect that it had."""

    subscriber: Subscriber
    effect: Effect


def reader_entry(
    publication: PublicationSettings,
    email: str,
    *,
    columns: Mapping[str, str],
    fields: Mapping[str, FieldValue],
    tags: Iterable[str],
    lists: Mapping[str, str],
) -> SubscriberEntry:
    """Return the entry of one reader; without `lists` active on the default one. Raises ConfigError."""
    statuses = lists or {publication.default_list: Status.ACTIVE}
    try:
        return SubscriberEntry(
            email=parse_address(email),
            statuses=_statuses(publication, statuses),
            columns={name: parse_built_in(name, value.strip()) for name, value in columns.items() if value.strip()},
            fields={name: value for name, given in fields.items() if (value := _field(publication, name, given)) != ""},
            tags=parse_tags(list(tags)),
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _statuses(publication: PublicationSettings, lists: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return pairs of list and status, EVERYWHERE first. Raises ConfigError for an unknown list."""
    everywhere = tuple((name, Status(status)) for name, status in lists.items() if name == EVERYWHERE)
    named = ((list_named(publication, name), Status(status)) for name, status in lists.items() if name != EVERYWHERE)
    return (*everywhere, *named)


def _field(publication: PublicationSettings, name: str, value: FieldValue) -> FieldValue:
    """Return the value of an own field as its kind wants it. Raises ValueError."""
    check_name(name)
    text = str(value).lower() if isinstance(value, bool) else str(value).strip()
    return parse_field(name, text, publication.config.fields) if text else ""


def add_reader(
    connection: Connection, entry: SubscriberEntry, source: Source, now: datetime, *, resubscribe: bool = False
) -> AddedReader:
    """Add a reader, or learn more about one who is there. Raises KeptOutError."""
    result = _enter(connection, entry, source, now, resubscribe=resubscribe)
    reader = find_subscriber(connection, entry.email)
    assert reader is not None
    return AddedReader(subscriber=reader, effect=result.effect)


def _enter(
    connection: Connection, entry: SubscriberEntry, source: Source, now: datetime, *, resubscribe: bool
) -> EntryResult:
    source_id = consent.record_source(connection, source.kind, source.detail, now)
    named = {address_key(entry.email)} if resubscribe else ()
    [result] = enter(connection, [entry], source_id, now, named)
    hint = "Nothing was changed. If they asked to be back, say so with --resubscribe."
    if result.effect is Effect.REFUSED:
        raise KeptOutError(f"{entry.email}: {result.reason}", hint=hint)
    if result.kept_unsubscribed:
        raise KeptOutError(f"{entry.email} has left", hint=hint)
    return result


def change_reader(
    connection: Connection,
    publication: PublicationSettings,
    reader: Subscriber,
    change: ReaderChange,
    source: Source,
    now: datetime,
    *,
    resubscribe: bool = False,
) -> Subscriber:
    """Change one reader's fields, tags and lists; return the reader as it is then. Raises KeptOutError, ConfigError."""
    columns, fields, tags = _facts(publication, reader, change)
    store_facts(connection, reader.id, columns, fields, tags, now)
    if change.lists:
        entry = SubscriberEntry(email=reader.email, statuses=_statuses(publication, change.lists))
        _enter(connection, entry, source, now, resubscribe=resubscribe)
    changed = find_subscriber(connection, reader.email)
    assert changed is not None
    return changed


def _facts(
    publication: PublicationSettings, reader: Subscriber, change: ReaderChange
) -> tuple[dict[str, str], dict[str, FieldValue], tuple[str, ...]]:
    """Return the reader's built-in fields, own fields and tags after the change. Raises ConfigError."""
    try:
        columns = {
            name: parse_built_in(name, value.strip()) if value and value.strip() else ""
            for name, value in change.columns.items()
        }
        fields = {name: value for name, value in reader.fields.items() if name not in BUILT_IN}
        for name, given in change.fields.items():
            value = "" if given is None else _field(publication, name, given)
            fields[name] = value
        tags = reader.tags if change.tags is None else parse_tags(list(change.tags))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return columns, {name: value for name, value in fields.items() if value != ""}, tags


def unknown_reader(address: str, hint: str) -> NewsletterError:
    """Return the error about an address that no reader has."""
    return NewsletterError(f'no reader has the address "{address}"', hint=hint)


class Subscribers:
    """The readers of one publication."""

    def __init__(self, publication: PublicationSettings, database: Callable[[], Database]) -> None:
        self._publication, self._database = publication, database

    def add(
        self,
        email: str,
        *,
        lists: Mapping[str, str] | Iterable[str] = (),
        tags: Iterable[str] = (),
        fields: Mapping[str, FieldValue] | None = None,
        resubscribe: bool = False,
        source: Source | None = None,
        **built_in: str,
    ) -> AddedReader:
        """Add a reader, or tell more about one who is there, as `newsletter subscribers add` does.

        `lists` are names (the reader is active there), or statuses by name; without, the default list. `built_in` are
        first_name, last_name, timezone and language. Raises KeptOutError for who left, unless `resubscribe`.
        """
        if unknown := [name for name in built_in if name not in BUILT_IN]:
            raise TypeError(f"add() has no argument {unknown[0]!r}; own fields go into `fields`")
        statuses = lists if isinstance(lists, Mapping) else dict.fromkeys(lists, str(Status.ACTIVE))
        entry = reader_entry(self._publication, email, columns=built_in, fields=fields or {}, tags=tags, lists=statuses)
        told = source or Source(kind="python", detail={"call": "subscribers.add"})
        with self._database().begin() as connection:
            return add_reader(connection, entry, told, utc_now(), resubscribe=resubscribe)

    def import_csv(
        self,
        file: str | Path | BufferedIOBase,
        *,
        name: str = "",
        resubscribe: Iterable[str] = (),
        options: ImportOptions | None = None,
        listener: ImportListener | None = None,
        source: str = "import",
    ) -> ImportReport:
        """Import readers from a CSV file, or a platform's zip file, as `newsletter subscribers import` does.

        `file` is a path, or an open file that can be read twice. Bad rows are in the report and cost no good one.
        """
        with ExitStack() as stack:
            if isinstance(file, str | Path):
                name = name or Path(file).name
                file = stack.enter_context(Path(file).open("rb"))
            return import_csv(
                self._database(),
                self._publication,
                file,
                name or "a file",
                now=utc_now(),
                resubscribe={address_key(address) for address in resubscribe},
                options=options,
                listener=listener,
                source=source,
            )

    def find(self, email: str) -> Subscriber | None:
        """Return the reader with this address, in any spelling of it, or None."""
        with self._database().read() as connection:
            return find_subscriber(connection, email)

    def all(
        self, *, list: str | None = None, segment: str | None = None, status: str | None = None, tag: str | None = None
    ) -> Iterator[Subscriber]:
        """Yield readers in the order they joined: those who meet every condition, in one reading of the database."""
        with self._database().read() as connection:
            wanted = reader_conditions(connection, self._publication, list, segment, status, tag)
            for page in subscriber_pages(connection, *wanted):
                yield from page

    def remove(self, email: str) -> None:
        """Erase a reader: fields, lists, tags and evidence. Raises NewsletterError for an unknown address."""
        with self._database().begin() as connection:
            if not erasure.erase(connection, email):
                raise unknown_reader(email, "")


def reader_conditions(
    connection: Connection,
    publication: PublicationSettings,
    list_name: str | None,
    segment: str | None,
    status: str | None,
    tag: str | None,
) -> list[ColumnElement[bool]]:
    """Return the conditions on a row of `subscriber` that these choices are. Raises ConfigError."""
    conditions = []
    if list_name or status:
        conditions.append(is_on_list(list_named(publication, list_name) if list_name else None, status))
    if segment:
        conditions.append(segments.condition(connection, publication, segment, utc_now()))
    if tag:
        conditions.append(segments.has_tag(connection, tag))
    return conditions
