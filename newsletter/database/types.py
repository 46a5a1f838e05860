"""Column types whose kind depends on the database, and the collection that all tables are in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, MetaData, Text
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

metadata = MetaData()
"""All tables; complete once tables.py is imported."""
BigNumber = Integer().with_variant(BigInteger(), "postgresql")
"""A number of up to 63 bits: ids that every reader or report takes one of, and Unix times. SQLite has no other kind."""


class _JsonB(UserDefinedType[str]):
    """PostgreSQL's jsonb, written and read as text (`connection` tells the driver so)."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in SQL."""
        return "JSONB"


class JsonText(TypeDecorator[str]):
    """JSON as text: jsonb on PostgreSQL, which then need not parse it at every condition of a segment."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return the type for this database."""
        return dialect.type_descriptor(_JsonB() if dialect.name == "postgresql" else Text())

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], Any] | None:
        """Return what makes the text again as it was written: jsonb sorts keys by their length, and adds spaces."""
        return _normal_or_none if dialect.name == "postgresql" else None


def _normal_or_none(value: str | None) -> str | None:
    return value if value is None else normal_json(value)


def normal_json(value: str) -> str:
    """Return JSON as it is written here: keys sorted, no spaces; text that is no JSON as it is."""
    if len(value) <= len("{}"):
        return value
    try:
        return msgspec.json.encode(msgspec.json.decode(value), order="sorted").decode()
    except msgspec.DecodeError:
        return value
