"""Suppressions: addresses that must not be mailed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from newsletter.database.bulk import insert_many
from newsletter.database.tables import suppression
from newsletter.subscribers import suppressions
from newsletter.subscribers.subscriber import remove_subscriber
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.writes import SubscriberEntry
from tests.support.readers import NOW, Readers

pytestmark = pytest.mark.usefixtures("each_database")


def test_a_suppressed_address_is_found_in_any_spelling_among_thousands(readers: Readers) -> None:
    with readers.database.begin() as connection:
        assert suppressions.suppress(connection, "Ada@Example.com", Reason.BOUNCED, "550 no such user", NOW)
        unknown = [f"r{n}@example.com" for n in range(40_000)]
        assert suppressions.suppressed(connection, [*unknown, "ada@example.com"]) == {"ada@example.com": "bounced"}
        assert suppressions.suppressed(connection, []) == {}


def test_the_first_reason_stays(readers: Readers) -> None:
    with readers.database.begin() as connection:
        suppressions.suppress(connection, "ada@example.com", Reason.COMPLAINED, "", NOW)
        assert not suppressions.suppress(connection, "ADA@example.com", Reason.BOUNCED, "", NOW + timedelta(days=1))
        assert suppressions.suppressed(connection, ["ada@example.com"]) == {"ada@example.com": "complained"}


def test_a_suppression_outlives_its_reader(readers: Readers) -> None:
    readers.enter(SubscriberEntry("ada@example.com", (("daily", "active"),)))
    with readers.database.begin() as connection:
        suppressions.suppress(connection, "ada@example.com", Reason.ERASED, "", NOW)
        remove_subscriber(connection, "ada@example.com")

    [entered] = readers.enter(SubscriberEntry("ada@example.com", (("daily", "active"),)))
    assert (entered.effect, entered.reason) == ("refused", "this address is suppressed (erased)")


def test_a_suppression_is_lifted_only_for_whom_is_named(readers: Readers) -> None:
    two = ["ada@example.com", "bob@example.com"]
    with readers.database.begin() as connection:
        for address in two:
            suppressions.suppress(connection, address, Reason.BY_HAND, "", NOW)
        suppressions.lift(connection, two[:1])
        assert list(suppressions.suppressed(connection, two)) == two[1:]


def test_whether_anybody_was_erased_is_read_from_an_index_however_many_are_suppressed(readers: Readers) -> None:
    with readers.database.begin() as connection:
        rows = [(f"r{n}@example.com", "bounced", "", "2026") for n in range(3_000)]
        insert_many(connection, suppression, ("email_key", "reason", "detail", "at"), rows)
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:
            connection.exec_driver_sql("ANALYZE suppression")
        asked = suppressions._hashes(connection.dialect.name).compile(
            connection, compile_kwargs={"literal_binds": True}
        )
        words = str(asked).replace("%%", "%")
        explain = text(f"EXPLAIN {'QUERY PLAN ' if is_sqlite else ''}{words}".replace(":", "\\:"))
        plan = " ".join(str(row) for row in connection.execute(explain))

    assert "SEARCH suppression" in plan if is_sqlite else "using suppression_hashed" in plan
