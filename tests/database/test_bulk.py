"""Many rows at once: the fast ways give what the slow ways give."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import ARRAY, Text, false, func, literal, null, select, text
from sqlalchemy.exc import IntegrityError

from newsletter.database.bulk import attempt, listed, numbers, read_as
from newsletter.database.connection import open_database
from tests.support.sending import settings

pytestmark = pytest.mark.usefixtures("each_database")

TROUBLE = "CREATE TRIGGER trouble BEFORE INSERT ON rate_bucket WHEN NEW.key = 'b' BEGIN SELECT RAISE({}, 'x'); END"
KEEP = "INSERT INTO rate_bucket (key, tat) VALUES ('{}', '1')"


@pytest.mark.sqlite
@pytest.mark.parametrize(("undone", "kept"), [("ABORT", ["a"]), ("ROLLBACK", [])])
def test_a_failed_attempt_leaves_the_transaction_or_is_an_error(tmp_path: Path, undone: str, kept: list[str]) -> None:
    database = open_database(settings(tmp_path))
    with database.begin() as connection:
        connection.execute(text(TROUBLE.format(undone)))

    with nullcontext() if kept else pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(text(KEEP.format("a")))
        with attempt(connection):
            connection.execute(text(KEEP.format("b")))

    with database.read() as connection:
        assert connection.execute(text("SELECT key FROM rate_bucket")).scalars().all() == kept
    database.close()


class Named(msgspec.Struct, array_like=True):
    id: int
    name: str
    note: str | None


def test_rows_are_structs_and_numbers_however_many_there_are_and_whatever_they_say(tmp_path: Path) -> None:
    database = open_database(settings(tmp_path))
    odd = ['"', "\\", "Zoë\u2028", "\x01", "[1]", "", "null"]
    with database.begin() as connection:
        place, number = listed(connection, [7, 5, 9])
        pairs = connection.execute(select(place, number).order_by(place)).all()
        is_sqlite = connection.dialect.name == "sqlite"
        unnested = func.unnest(literal(odd, ARRAY(Text))).table_valued("value").render_derived()
        each = func.json_each(json.dumps(odd)).table_valued("value") if is_sqlite else unnested
        named = select(literal(1).label("id"), each.c.value, null().label("note"))
        rows = read_as(connection, named, Named, {})
        none = read_as(connection, named.where(false()), Named, {})
        sorted_numbers = numbers(connection, select(number).order_by(number))

    assert [tuple(pair) for pair in pairs] == [(0, 7), (1, 5), (2, 9)]
    assert rows == [Named(1, name, None) for name in odd]
    assert (none, sorted_numbers) == ([], [5, 7, 9])
    database.close()
