"""Read and write many rows at once, in the way that is fastest on each of the two databases.

Knows no table. `connection.py` opens the database and its transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

Row = TypeVar("Row", bound=msgspec.Struct)


@contextmanager
def attempt(connection: Connection) -> Iterator[None]:
    """Undo and ignore what fails in this context, and keep the transaction; raise if the transaction is lost with it.

    SQLite undoes a failed statement by itself, but at some errors everything (https://sqlite.org/lang_transaction.html
    section 3); PostgreSQL undoes everything but for a savepoint.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    try:
        with nullcontext() if is_sqlite else connection.begin_nested():
            yield
    except SQLAlchemyError:
        if is_sqlite and not _raw(connection).in_transaction:
            raise


def _raw(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def insert_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with values in the order of `columns`, in a third of the time that SQLAlchemy takes, or less.

    Values must be plain text and numbers: SQLAlchemy's types do not convert them.
    """
    if not rows:
        return
    statement, order = _insertion(connection.dialect, table, tuple(columns))
    if not order:
        _copy_in(connection, table, columns, rows)
    elif list(columns) == order:
        connection.exec_driver_sql(statement, list(rows))
    else:
        pick = itemgetter(*(columns.index(name) for name in order))
        connection.exec_driver_sql(statement, list(map(pick, rows)))


def _copy_in(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows by PostgreSQL's COPY: https://www.psycopg.org/psycopg3/docs/basic/copy.html."""
    raw: Any = connection.connection.driver_connection
    quote = connection.dialect.identifier_preparer.quote
    statement = f"COPY {quote(table.name)} ({', '.join(map(quote, columns))}) FROM STDIN"
    driver = connection.dialect.loaded_dbapi
    try:
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        raise DBAPIError.instance(
            statement, None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


@lru_cache(maxsize=64)
def _insertion(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> tuple[str, Sequence[str] | None]:
    """Return the statement, and the order of its values if the driver takes them by position."""
    compiled = insert(table).compile(dialect=dialect, column_keys=list(columns))
    return str(compiled), compiled.positiontup


def insert_new(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    key: str,
    adds: str,
) -> list[tuple[Any, int]]:
    """Insert rows with values in the order of `columns`; return key and number of each that was written.

    Of a row whose unique `key` is known, nothing is written when `adds` is empty; else that column is added to the
    known row's, and its sum is returned. Each key at most once. SQLite takes all rows as one parameter, in a third of
    the time.
    """
    if not rows:
        return []
    dialect = connection.dialect
    if dialect.name == "sqlite":
        written = connection.exec_driver_sql(
            _json_insertion(table.name, tuple(columns), key, adds), (msgspec.json.encode(rows).decode(),)
        )
        return [(name, number) for name, number in written]
    made = postgresql.insert(table)
    if adds:
        added = table.c[adds] + made.excluded[adds]
        made = made.on_conflict_do_update(index_elements=[table.c[key]], set_={adds: added})
    else:
        made = made.on_conflict_do_nothing(index_elements=[table.c[key]])
    values = [dict(zip(columns, row, strict=True)) for row in rows]
    number = table.c[adds] if adds else literal(1)
    return [(name, n) for name, n in connection.execute(made.returning(table.c[key], number), values)]


@lru_cache(maxsize=8)
def _json_insertion(table: str, columns: tuple[str, ...], key: str, adds: str) -> str:
    """Return SQLite's statement; `WHERE true` tells it that ON CONFLICT belongs to the insertion."""
    values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
    update = f"DO UPDATE SET {adds} = {table}.{adds} + excluded.{adds}" if adds else "DO NOTHING"
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM json_each(?) WHERE true "
        f"ON CONFLICT ({key}) {update} RETURNING {key}, {adds or 1}"
    )


def numbers(connection: Connection, statement: Select[Any]) -> list[int]:
    """Return the only column of a `select`, all rows; from SQLite as one text, for the reason given in `read_as`."""
    if connection.dialect.name == "sqlite":
        (column,) = statement.subquery().c
        return _decode_numbers(connection.execute(select(func.json_group_array(column))).scalar_one())
    return list(connection.scalars(statement))


_decode_numbers = msgspec.json.Decoder(list[int]).decode


def listed(connection: Connection, values: Sequence[int]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return two columns made of these numbers: place, from 0, and number. They are one parameter of the statement."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(msgspec.json.encode(values).decode()).table_valued("key", "value")
        return each.c.key, each.c.value
    array = bindparam(None, list(values), type_=ARRAY(BigInteger))
    each = func.unnest(array).table_valued("value", with_ordinality="place", name="each").render_derived()
    return each.c.place - 1, each.c.value


def read_as(connection: Connection, statement: Select[Any], kind: type[Row], values: Mapping[str, object]) -> list[Row]:
    """Return all rows of a `select` as structs (msgspec, `array_like`) of its columns in order; numbers and text only.

    SQLite returns them as one JSON text: Python's driver releases the interpreter's lock at every row, and another
    thread that computes keeps it for 5 ms each time (`sys.getswitchinterval`). Make the statement once, it is cached.
    """
    if connection.dialect.name == "sqlite":
        return _decoder(kind).decode(connection.execute(_as_json(statement), values).scalar_one())
    return [kind(*row) for row in connection.execute(statement, values)]


@lru_cache(maxsize=16)
def _as_json(statement: Select[Any]) -> Select[str]:
    rows = statement.subquery()
    return select(func.json_group_array(func.json_array(*rows.c)))


@lru_cache(maxsize=16)
def _decoder(kind: type[Row]) -> msgspec.json.Decoder[list[Row]]:
    return msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]


def among(connection: Connection, column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition `column IN (values)`. The values are one parameter: any number, and one cached statement."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(msgspec.json.encode(values).decode()).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(bindparam(None, list(values), type_=ARRAY(column.type)))


def among_these(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition of `among` with the values left open, for a statement that is made once.

    Execute it with `{name: these(connection, values)}`.
    """
    if dialect == "sqlite":
        each = func.json_each(bindparam(name, type_=Text)).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def these(connection: Connection, values: Iterable[Any]) -> object:
    """Return values as the one parameter of `among_these`."""
    return msgspec.json.encode([*values]).decode() if connection.dialect.name == "sqlite" else [*values]


_NEXT_IDS = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")
_LAST_ID = text("SELECT seq FROM sqlite_sequence WHERE name = :table")


def reserve_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Return ids that no row of the table ever had, so that inserted rows need not be asked for theirs.

    The table must number its rows itself (AUTOINCREMENT). Needs a transaction of `Database.begin`.
    """
    if connection.dialect.name == "postgresql":
        return connection.scalars(_NEXT_IDS, {"table": table.name, "count": count}).all()
    last = connection.scalar(_LAST_ID, {"table": table.name}) or 0
    return range(last + 1, last + 1 + count)
