"""Rows: many at once into the database and out of it, as both databases do it best.

Knows no table. Opening the database, and its transactions, are `database`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
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
    any_,
    bindparam,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError

Row = TypeVar("Row", bound=msgspec.Struct)


@contextmanager
def attempt(connection: Connection) -> Iterator[None]:
    """What fails in it leaves the transaction as it was, and is no error; unless the transaction is gone with it.

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
    found = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def insert_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, values in the order of `columns`: as SQLAlchemy would, in a third of its time.

    For plain text and numbers only: no type of SQLAlchemy converts them.
    """
    if not rows:
        return
    statement, order = _insertion(connection.dialect, table, tuple(columns))
    if not order:
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
    elif list(columns) == order:
        connection.exec_driver_sql(statement, list(rows))
    else:
        pick = itemgetter(*(columns.index(name) for name in order))
        connection.exec_driver_sql(statement, list(map(pick, rows)))


@lru_cache(maxsize=64)
def _insertion(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> tuple[str, Sequence[str] | None]:
    """The statement, and the order of its values where they go by place."""
    compiled = insert(table).compile(dialect=dialect, column_keys=list(columns))
    return str(compiled), compiled.positiontup


def numbers(connection: Connection, statement: Select[Any]) -> list[int]:
    """The one column of a `select`, all rows; as one text, for the reason that `read_as` has."""
    if connection.dialect.name == "sqlite":
        (column,) = statement.subquery().c
        return _decode_numbers(connection.execute(select(func.json_group_array(column))).scalar_one())
    return list(connection.scalars(statement))


_decode_numbers = msgspec.json.Decoder(list[int]).decode


def listed(connection: Connection, values: Sequence[int]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Numbers as rows of a statement: each one's place, from 0, and the number itself. They travel as one parameter."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(msgspec.json.encode(values).decode()).table_valued("key", "value")
        return each.c.key, each.c.value
    array = bindparam(None, list(values), type_=ARRAY(BigInteger))
    each = func.unnest(array).table_valued("value", with_ordinality="place", name="each").render_derived()
    return each.c.place - 1, each.c.value


def read_as(connection: Connection, statement: Select[Any], kind: type[Row], values: Mapping[str, object]) -> list[Row]:
    """All rows of a `select` as structs (msgspec, `array_like`) with its columns in their order; numbers and text only.

    From SQLite as one JSON text: Python's driver lets go of the interpreter at every row, and another
    thread that computes keeps it for 5 ms each time (`sys.getswitchinterval`). Make the statement once.
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
    """`column IN (values)`, any number of them: they travel as one parameter, which both databases like better."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(msgspec.json.encode(values).decode()).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(bindparam(None, list(values), type_=ARRAY(column.type)))


def reserve_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Ids that no row of the table ever had, when it counts them itself; knowing them first saves asking for each.

    Needs a transaction of `Database.begin`.
    """
    if connection.dialect.name == "postgresql":
        asked = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")
        return connection.scalars(asked, {"table": table.name, "count": count}).all()
    asked = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
    last = connection.scalar(asked, {"table": table.name}) or 0
    return range(last + 1, last + 1 + count)
