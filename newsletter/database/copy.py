"""Copy everything from one database into another, of the same kind or of the other.

Rows travel in the order of their primary key, and each page is committed with all before it, so that what the target
has is always a beginning of the source's table: a copy that was killed goes on behind the target's last row. Text is
ordered by bytes on both databases. At the end every table is read on both sides, and counted and summed up.

The table `host`, which says where a database sends from, is not copied: here it marks the target while the copy is not
complete, and the source from the beginning on, so that neither sends (`sending/database_guard.py` reads it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Select, Table, Text, delete, func, insert, select, text, tuple_
from sqlalchemy.exc import DBAPIError

from newsletter.database.bulk import insert_many
from newsletter.database.connection import Database
from newsletter.database.process_tables import host, job_schema, worker
from newsletter.database.tables import metadata
from newsletter.database.types import JsonText, normal_json
from newsletter.errors import NewsletterError

PAGE = 5_000
"""Rows that are written in one transaction."""
_SUM = 2**64
LEFT_FOR = "copied to "
"""What `host` of the source begins with; the target's name follows."""
UNFINISHED = "unfinished copy of "
"""What `host` of the target begins with until the copy is complete; the source's name follows."""
Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class TableSum:
    """Count a table's rows, and keep a sum over their contents that no order of the rows changes."""

    table: str
    rows: int
    checksum: str


def tables() -> list[Table]:
    """Return every table that is copied, those that others refer to first."""
    return [table for table in metadata.sorted_tables if table not in (host, job_schema, worker)]


def copy_database(
    source: Database, target: Database, at: str, *, tell: Callable[[int, int], None] = lambda done, total: None
) -> list[TableSum]:
    """Copy all rows; return the tables, which are equal on both sides. `tell` is told rows done and rows in all.

    `at` is the time, as `times.stamp` writes it. Raises NewsletterError when the target holds something else, or when
    a table of the source was changed meanwhile.
    """
    _mark(source, target, at)
    with source.read() as reading:
        total, done = sum(_count(reading, table) for table in tables()), 0
        for table in tables():
            for number in _copy_table(reading, table, target):
                done += number
                tell(done, total)
    sums = [_equal(source, target, table) for table in tables()]
    with source.read() as reading, target.begin() as writing:
        _continue_numbers(reading, writing)
        writing.execute(delete(host))
    return sums


def _mark(source: Database, target: Database, at: str) -> None:
    """Let neither of the two send. Raises NewsletterError when the target is not empty, nor a copy of this source."""
    mark = f"{UNFINISHED}{source.name}"
    with target.begin() as connection:
        known = connection.execute(select(host.c.host_id)).scalar()
        if known != mark:
            _require_empty(connection, target.name)
            _write_host(connection, mark, at)
    with source.begin() as connection:
        _write_host(connection, f"{LEFT_FOR}{target.name}", at)


def _require_empty(connection: Connection, name: str) -> None:
    for table in (*tables(), host):
        if connection.execute(select(table).limit(1)).first():
            hint = "Nothing was copied. Name an empty database; an unfinished copy goes on only from its own source."
            raise NewsletterError(f'the target holds something else: its table "{table.name}"', place=name, hint=hint)


def _write_host(connection: Connection, mark: str, at: str) -> None:
    connection.execute(delete(host))
    connection.execute(insert(host).values(id=1, host_id=mark, since=at))


def _copy_table(reading: Connection, table: Table, target: Database) -> Iterator[int]:
    """Copy what the target does not have yet; yield numbers of rows, those first that it has."""
    with target.read() as connection:
        last = connection.execute(_last(connection, table)).one_or_none()
        if last:
            yield _count(connection, table)
    names = [column.name for column in table.columns]
    for page in _pages(reading, table, last):
        _require_writable(table, page, target)
        try:
            with target.begin() as connection:
                insert_many(connection, table, names, page)
        except DBAPIError as error:
            hint = "Empty the target, then copy again; the source is as it was."
            raise NewsletterError(f'a row of "{table.name}" does not fit: {error.orig}', hint=hint) from error
        yield len(page)


def _pages(connection: Connection, table: Table, last: Row | None) -> Iterator[list[Row]]:
    """Yield the rows behind `last` in the order of the key, as one statement, so that they are of one moment."""
    key = _key(connection, table)
    rows: Select[Any] = select(*table.columns).order_by(*key)
    if last:
        rows = rows.where(tuple_(*key) > tuple_(*last))
    streamed = connection.execution_options(stream_results=True, yield_per=PAGE).execute(rows)
    for page in streamed.partitions():
        yield [tuple(row) for row in page]


def _key(connection: Connection, table: Table) -> list[Any]:
    """Return the columns of the primary key; text sorts by bytes, as in SQLite."""
    if connection.dialect.name == "sqlite":
        return list(table.primary_key.columns)
    return [column.collate("C") if isinstance(column.type, Text) else column for column in table.primary_key.columns]


def _last(connection: Connection, table: Table) -> Select[Any]:
    key = _key(connection, table)
    return select(*table.primary_key.columns).order_by(*(column.desc() for column in key)).limit(1)


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _require_writable(table: Table, page: Sequence[Row], target: Database) -> None:
    """Raise NewsletterError for what only SQLite stores: text with a NUL, and damaged JSON."""
    if target.engine.dialect.name == "sqlite":
        return
    columns = list(table.columns)
    json_at = [index for index, column in enumerate(columns) if isinstance(column.type, JsonText)]
    for row in page:
        for index in json_at:
            _require(_is_json(row[index]), table, row, columns[index], "is damaged JSON")
        for index, value in enumerate(row):
            _require(not isinstance(value, str) or "\0" not in value, table, row, columns[index], "has a NUL character")


def _require(is_right: bool, table: Table, row: Row, column: Column[Any], what: str) -> None:
    if is_right:
        return
    names = [each.name for each in table.columns]
    key = ", ".join(f"{each.name} {row[names.index(each.name)]}" for each in table.primary_key.columns)
    hint = "PostgreSQL cannot store it. Correct the row in the source, then copy again: the copy goes on there."
    raise NewsletterError(f'{table.name}, {key}: the column "{column.name}" {what}', hint=hint)


def _is_json(value: str) -> bool:
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return False
    return True


def _equal(source: Database, target: Database, table: Table) -> TableSum:
    """Return the table's sum. Raises NewsletterError when the two sides differ; the target's rows are removed then."""
    here, there = (table_sum(database, table) for database in (source, target))
    if here == there:
        return here
    with target.begin() as connection:
        for dependent in reversed(tables()):
            if dependent is table or _refers_to(dependent, table):
                connection.execute(delete(dependent))
    hint = "Stop `newsletter serve`, `run` and `worker` on the source, then copy again: this table is copied anew."
    raise NewsletterError(
        f'the table "{table.name}" was changed while it was copied: {here.rows:,} rows there, {there.rows:,} here',
        hint=hint,
    )


def _refers_to(dependent: Table, table: Table) -> bool:
    referred = {key.column.table for key in dependent.foreign_keys} - {dependent}
    return table in referred or any(_refers_to(between, table) for between in referred)


def table_sum(database: Database, table: Table) -> TableSum:
    """Count a table's rows, and sum up a hash of each."""
    json_at = {index for index, column in enumerate(table.columns) if isinstance(column.type, JsonText)}
    rows, total = 0, 0
    with database.read() as connection:
        streamed = connection.execution_options(stream_results=True, yield_per=PAGE).execute(select(*table.columns))
        for page in streamed.partitions():
            rows += len(page)
            total += sum(_hash(row, json_at) for row in page)
    return TableSum(table=table.name, rows=rows, checksum=f"{total % _SUM:016x}")


def _hash(row: Sequence[Any], json_at: set[int]) -> int:
    values = [normal_json(value) if index in json_at else value for index, value in enumerate(row)]
    return int.from_bytes(hashlib.blake2b(msgspec.json.encode(values), digest_size=8).digest())


def _continue_numbers(reading: Connection, writing: Connection) -> None:
    """Let the target's next ids be higher than any that the source ever gave, also to rows that are gone."""
    for table in tables():
        if table.autoincrement_column is not None and table.dialect_options["sqlite"]["autoincrement"]:
            number = _last_number(reading, table.name)
            if number:
                _set_last_number(writing, table.name, number)


def _last_number(connection: Connection, table: str) -> int:
    if connection.dialect.name == "sqlite":
        return connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table}) or 0
    sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": table})
    last, is_used = connection.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()
    return int(last) if is_used else 0


def _set_last_number(connection: Connection, table: str, number: int) -> None:
    values = {"table": table, "number": number}
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :number)"), values)
    elif not connection.execute(text("UPDATE sqlite_sequence SET seq = :number WHERE name = :table"), values).rowcount:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"), values)
