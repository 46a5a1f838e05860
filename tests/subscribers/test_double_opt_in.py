"""Double opt-in over time: requests, confirmations and leaving in any order, by one reader."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from newsletter.config import load_publication
from newsletter.database.connection import Database, open_database
from newsletter.subscribers.double_opt_in import ConfirmationRequest, Confirmations, SignupStep
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange, change_preferences
from newsletter.subscribers.rate_limits import SignupLimits
from newsletter.subscribers.signups import ShownForm, SignupRequest, Signups
from newsletter.subscribers.subscriber import Subscriber, find_subscriber
from newsletter.subscribers.writes import Status
from newsletter.times import digits, stamp
from tests.support.sending import settings as publication_settings

pytestmark = pytest.mark.usefixtures("each_database")

START = datetime(2026, 11, 29, 12, tzinfo=UTC)
SHOWN = ShownForm(form="1", text="Join", text_sha256="ab" * 32, language="en")
NUMBERS = count(1)
NAMES = ("", "Ada", "Ada King Noel", "Some Stranger")
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(NAMES)),
    st.tuples(st.just("confirm"), st.integers(min_value=0, max_value=3)),
    st.tuples(st.just("leave"), st.none()),
)


@pytest.fixture(scope="module")
def news(
    each_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Signups, Confirmations]]:
    folder: Path = tmp_path_factory.mktemp("double") / "news"
    publication_settings(folder, '[signup]\nper_network = "off"\nper_address = "off"\n')
    publication = load_publication(folder / "newsletter.toml")
    database, limits = open_database(publication), SignupLimits(b"key")
    yield database, Signups(publication, limits), Confirmations(publication, limits)
    database.close()


class Reader:
    """A reader and what they do, beside what that should lead to."""

    def __init__(self, connection: Connection, signups: Signups, confirmations: Confirmations) -> None:
        self.connection, self.signups, self.confirmations = connection, signups, confirmations
        self.address = f"reader{next(NUMBERS)}@example.com"
        self.now = START
        self.asked: list[tuple[int, datetime, str]] = []
        """The sign-ups: number, time and name."""
        self.confirmed: set[int] = set()
        self.left_at = START - timedelta(days=1)
        self.status: Status | None = None
        self.name = ""

    def stored(self) -> Subscriber:
        reader = find_subscriber(self.connection, self.address)
        assert reader
        return reader

    def ask(self, name: str) -> None:
        request = SignupRequest(
            email=self.address, name=name, lists=("daily",), shown=SHOWN, page="", network="192.0.2.1", at=self.now
        )
        self.signups.accept(self.connection, [request])
        number = self.connection.exec_driver_sql("SELECT max(id) FROM signup").scalar()
        assert isinstance(number, int)
        self.asked.append((number, self.now, name))
        self.status = self.status or Status.PENDING

    def confirm(self, which: int) -> None:
        if which >= len(self.asked):
            return
        number, at, name = self.asked[which]
        reader = self.stored()
        request = ConfirmationRequest(
            signup_id=number,
            subscriber_id=reader.id,
            key=reader.link_key,
            asked=digits(stamp(at)),
            network="192.0.2.1",
            at=self.now,
        )
        (signup,) = self.confirmations.confirm(self.connection, [request])
        if number in self.confirmed:
            wanted = SignupStep.CONFIRMED_BEFORE if self.status is Status.ACTIVE else SignupStep.LEFT
        else:
            # Who is back by a later sign-up is not brought back by this one.
            counts = at > self.left_at or self.status is Status.ACTIVE
            wanted = SignupStep.CONFIRMED if counts else SignupStep.LEFT
        assert signup.step is wanted
        if wanted is SignupStep.CONFIRMED:
            self.confirmed.add(number)
            self.status, self.name = Status.ACTIVE, name

    def leave(self, _nothing: None) -> None:
        if self.status is None:
            return
        reader = self.stored()
        change = PreferenceChange(
            subscriber_id=reader.id,
            key=reader.link_key,
            action=PreferenceAction.LEAVE,
            lists=("daily",),
            source="one click",
            at=self.now,
        )
        change_preferences(self.connection, [change])
        if self.status is not Status.UNSUBSCRIBED:
            self.status, self.left_at = Status.UNSUBSCRIBED, self.now

    def check(self) -> None:
        """Compare the reader with what the steps should have led to."""
        if self.status is None:
            return
        reader = self.stored()
        names = (str(reader.fields.get(each, "")) for each in ("first_name", "last_name"))
        assert reader.lists == {"daily": self.status}
        assert " ".join(filter(None, names)) == self.name


@settings(max_examples=40)
@example(steps=[("ask", ""), ("leave", None), ("ask", ""), ("confirm", 1), ("confirm", 0)])
@given(steps=st.lists(STEPS, max_size=12))
def test_whoever_left_is_only_brought_back_by_what_they_asked_for_later(
    news: tuple[Database, Signups, Confirmations], steps: list[tuple[str, object]]
) -> None:
    database, signups, confirmations = news
    # One transaction, undone at the end: none of the steps waits for the disk.
    with database.engine.connect() as connection:
        reader = Reader(connection, signups, confirmations)
        for step, value in steps:
            # Longer than a form that is sent twice takes: that asks for nothing new.
            reader.now += timedelta(minutes=2)
            getattr(reader, step)(value)
            reader.check()
        connection.rollback()
