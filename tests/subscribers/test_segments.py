"""Segments: rules of newsletter.toml select readers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.config import PublicationSettings, load_publication
from newsletter.config.segments import check_segments, list_named
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import subscriber
from newsletter.errors import ConfigError
from newsletter.subscribers import consent, segments
from newsletter.subscribers.writes import SubscriberEntry, enter

pytestmark = pytest.mark.usefixtures("each_database")

NOW = datetime(2025, 1, 17, 12, tzinfo=UTC)
ACTIVE = (("daily", "active"),)
FIELDS = """
[fields]
plan = "text"
score = "number"
joined = "date"
beta = "boolean"
"""
READERS = [
    SubscriberEntry(
        "ada@example.com",
        ACTIVE,
        columns={"first_name": "Ada", "timezone": "Europe/London", "language": "en"},
        fields={"plan": "pro", "score": 10},
        tags=("vip",),
    ),
    SubscriberEntry(
        "b@example.com",
        ACTIVE,
        columns={"first_name": "Bob", "language": "de"},
        fields={"plan": "team", "score": 2.5, "beta": True},
        tags=("a,b", "vip"),
    ),
    SubscriberEntry("cyd@example.org", ACTIVE, fields={"joined": "2025-01-10", "beta": False, "plan": 'p"r%o'}),
    SubscriberEntry("dan@example.org", ACTIVE, fields={"score": -1, "joined": "2024-12-31"}, tags=('qu"o', "VIP")),
    SubscriberEntry(
        "eve@example.com", (("daily", "pending"),), columns={"first_name": "Eve"}, fields={"plan": "pro"}, tags=("vip",)
    ),
    SubscriberEntry(
        "fay@example.com", (("weekly", "active"),), columns={"first_name": "Fay"}, fields={"plan": "pro"}, tags=("vip",)
    ),
]
Select = Callable[[str], str]


def publication_with(folder: Path, rules: str) -> PublicationSettings:
    path = folder / "newsletter.toml"
    lists = '\n[lists.weekly]\ntitle = "Weekly"\n'
    text = path.read_text(encoding="utf-8").split(lists)[0]
    path.write_text(f"{text}{lists}{FIELDS}\n[segments.some]\n{rules}\n", encoding="utf-8")
    return load_publication(path)


@pytest.fixture
def database(publication_folder: Path) -> Iterator[Database]:
    database = open_database(load_publication(publication_folder / "newsletter.toml"))
    with database.begin() as connection:
        enter(connection, READERS, consent.record_source(connection, "test", {}, NOW), NOW)
    yield database
    database.close()


@pytest.fixture
def chosen(database: Database, publication_folder: Path) -> Select:
    """Return a function from rules to the first letters of the readers that they select."""

    def selected(rules: str) -> str:
        publication = publication_with(publication_folder, rules)
        with database.read() as connection:
            ids = segments.members(connection, publication, "daily", "some", now=NOW)
            assert segments.count(connection, publication, "daily", "some", now=NOW) == len(ids)
        return "".join(" abcdef"[id] for id in ids)

    return selected


@pytest.mark.parametrize(
    ("rules", "letters"),
    [
        ("", "abcd"),
        ('tags_any = ["vip", "none"]', "ab"),
        ('tags_all = ["vip", "a,b"]', "b"),
        ('tags_none = ["vip"]', "cd"),
        ("tags_any = ['qu\"o']", "d"),
        ('tags_any = "VIP"', "d"),
        ('plan = "pro"', "a"),
        ('plan = ["pro", "team"]', "ab"),
        ('plan = { not = "pro" }', "bcd"),
        ('plan = { not = ["pro", "team"] }', "cd"),
        ("plan = { missing = true }", "d"),
        ("plan = { missing = false }", "abc"),
        ("plan = { contains = '\"r%' }", "c"),
        ('plan = { contains = "P" }', ""),
        ("score = 10", "a"),
        ("score = { at_least = 2.5 }", "ab"),
        ("score = { above = 2.5, below = 11 }", "a"),
        ("score = { at_most = 0 }", "d"),
        ("score = { missing = true }", "c"),
        ("joined = 2025-01-10", "c"),
        ("joined = { at_least = 2025-01-01 }", "c"),
        ('joined = { below = "2025-01-01" }', "d"),
        ("beta = true", "b"),
        ("beta = false", "c"),
        ("beta = { not = true }", "acd"),
        ('first_name = "Ada"', "a"),
        ("first_name = { missing = true }", "cd"),
        ('email = { contains = "@example.org" }', "cd"),
        ('language = "de"\ntags_any = ["vip"]', "b"),
        ('timezone = "Europe/London"', "a"),
    ],
)
def test_a_segment_selects_the_active_readers_that_meet_every_rule(chosen: Select, rules: str, letters: str) -> None:
    assert chosen(rules) == letters


@pytest.mark.parametrize(
    ("rules", "message", "hint"),
    [
        ('plann = "pro"', 'no field is named "plann"', 'Did you mean "plan"?'),
        ('tag_any = ["a"]', 'no field is named "tag_any"', 'Did you mean "tags_any"?'),
        ("tags_any = []", "write a list of tags", "tags_any"),
        ("tags_any = [1]", "write a list of tags", "tags_any"),
        ("score = { at_leest = 1 }", 'score cannot be compared by "at_leest"', 'Did you mean "at_least"?'),
        ("plan = { at_least = 1 }", 'plan cannot be compared by "at_least"', "For a text: contains, missing, not."),
        ('score = "ten"', "score is a number", "Write 10."),
        ("score = true", "score is a number", "Write 10."),
        ('joined = "soon"', "joined is a date", "Write 2025-01-17."),
        ("joined = 2025-01-10T10:00:00", "joined is a date", "Write 2025-01-17."),
        ("plan = []", "plan is a text", 'Write "pro".'),
        ('beta = { missing = "yes" }', "missing = 'yes'", "Write true."),
    ],
)
def test_a_wrong_rule_is_one_error_with_its_line(publication_folder: Path, rules: str, message: str, hint: str) -> None:
    publication = publication_with(publication_folder, "\n" + rules)
    line = 1 + publication.path.read_text().splitlines().index(rules)

    with pytest.raises(ConfigError) as caught:
        check_segments(publication)

    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.place.endswith(f"newsletter.toml:{line}")


def test_an_unknown_segment_or_list_is_named_with_the_nearest(publication_folder: Path, database: Database) -> None:
    publication = publication_with(publication_folder, "")
    with database.read() as connection, pytest.raises(ConfigError, match='Did you mean "some"'):
        segments.count(connection, publication, "daily", "same", now=NOW)
    with pytest.raises(ConfigError, match='Did you mean "daily"'):
        list_named(publication, "dayly")
    assert list_named(publication, None) == "daily"


def test_members_come_by_pages_in_ascending_order(publication_folder: Path, database: Database) -> None:
    publication = publication_with(publication_folder, "")
    with database.read() as connection:
        first = segments.members(connection, publication, "daily", None, limit=3, now=NOW)
        second = segments.members(connection, publication, "daily", None, after=first[-1], limit=3, now=NOW)
        assert segments.count(connection, publication, "daily", now=NOW) == 4
        assert segments.members(connection, publication, "weekly", now=NOW) == [6]
    assert (first, second) == ([1, 2, 3], [4])


def test_checking_segments_loads_no_database(publication_folder: Path) -> None:
    code = "import sys, newsletter.config.segments; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=TEXT, second=TEXT)
def test_any_text_selects_those_who_have_exactly_it(database: Database, value: str, second: str) -> None:
    two = {"g@example.com": value, "h@example.com": second}
    entries = [SubscriberEntry(email, ACTIVE, fields={"plan": text}, tags=(text,)) for email, text in two.items()]
    publication = SimpleNamespace(config=SimpleNamespace(fields={"plan": "text"}, segments={"it": {"plan": value}}))
    with database.engine.connect() as connection:
        enter(connection, entries, consent.record_source(connection, "test", {}, NOW), NOW)
        ours = subscriber.c.email_key.in_(list(two))
        keys = select(subscriber.c.email_key).where(ours).order_by(subscriber.c.id)
        has_plan = segments.condition(connection, cast(PublicationSettings, publication), "it", now=NOW)
        equal = connection.scalars(keys.where(has_plan)).all()
        tagged = connection.scalars(keys.where(segments.has_tag(connection, value))).all()
        connection.rollback()
    assert equal == tagged == list(two)[: 2 if second == value else 1]


def test_a_sample_comes_from_all_over_the_list_and_is_the_same_each_time(publication_folder: Path) -> None:
    publication = publication_with(publication_folder, 'plan = "pro"')
    database = open_database(publication)
    readers = [SubscriberEntry(f"r{n}@example.com", ACTIVE, fields={"plan": "pro"}) for n in range(2_000)]
    with database.begin() as connection:
        enter(connection, readers, consent.record_source(connection, "test", {}, NOW), NOW)

    with database.read() as connection:
        taken = segments.sample(connection, publication, "daily", "some", number=100, now=NOW)
        repeated = segments.sample(connection, publication, "daily", "some", number=100, now=NOW)
        everyone = segments.sample(connection, publication, "daily", "some", number=5_000, now=NOW)
    database.close()

    assert taken == repeated == sorted(set(taken))
    assert 90 <= len(taken) <= 100
    assert all(20 <= sum(start < id <= start + 500 for id in taken) <= 30 for start in range(0, 2_000, 500))
    assert len(everyone) == 2_000
