"""Tests and notices take their turn at the rate that campaigns share, and slow everyone down like them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import rate_bucket, rate_spent
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import Recipient
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Settings
from newsletter.sending import direct_send
from newsletter.sending.direct_send import send_directly
from tests.support.sending import MESSAGE, NOW, settings

pytestmark = pytest.mark.usefixtures("each_database")

WARMUP = '[send]\nwarmup = "2, x2 daily"\n'


def told(outcome: Outcome) -> Provider:
    """A provider that gives everyone one outcome."""

    def send(batch: Batch, _settings: Settings) -> Answer:
        return batch.everyone(outcome, "in these words", retry_after=20)

    return Provider(name="told", title="Told", settings=(), batch_size=10, send=send)


def batch(publication: PublicationSettings, number: int) -> Batch:
    people = [f"r{n}@example.com" for n in range(number)]
    return Batch(
        mailing=Mailing(MESSAGE, envelope(publication, "daily", NOW, "key")),
        recipients=tuple(Recipient(delivery_id=email, email=email, fields={"email": email}) for email in people),
        key="key",
        label="other",
    )


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path, WARMUP)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    opened = open_database(publication)
    yield opened
    opened.close()


def test_what_is_sent_directly_counts_in_the_quota_of_all(publication: PublicationSettings, database: Database) -> None:
    provider = told(Outcome.ACCEPTED)

    answer = send_directly(publication, database, provider, {}, batch(publication, 2), lambda: NOW)

    assert answer.outcomes == {Outcome.ACCEPTED: 2}
    with database.read() as connection:
        assert connection.execute(select(rate_spent.c.messages)).scalars().all() == [2]


def test_a_quota_that_is_used_up_for_long_is_not_waited_for_and_nothing_leaves(
    publication: PublicationSettings, database: Database
) -> None:
    provider = told(Outcome.ACCEPTED)
    send_directly(publication, database, provider, {}, batch(publication, 2), lambda: NOW)

    answer = send_directly(publication, database, provider, {}, batch(publication, 1), lambda: NOW)

    assert answer.outcomes == {Outcome.BUSY: 1}
    assert answer.results[0].reason == "a quota of Told is used up until 00:00 UTC"


def test_a_busy_provider_slows_campaigns_down_too(publication: PublicationSettings, database: Database) -> None:
    send_directly(publication, database, told(Outcome.BUSY), {}, batch(publication, 2), lambda: NOW)

    with database.read() as connection:
        row = connection.execute(select(rate_bucket)).one()
    assert row.ceiling == 1  # half of the two messages that it was too busy for
    assert row.tat == (NOW + timedelta(seconds=20)).isoformat(timespec="microseconds")


def test_a_slow_pace_makes_it_wait_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Database
) -> None:
    monkeypatch.setattr(direct_send, "MOST_WAIT", 0.01)
    slow = settings(tmp_path / "slow", '[send]\nrate = "1/h"\n')

    answer = send_directly(slow, database, told(Outcome.ACCEPTED), {}, batch(slow, 1), lambda: NOW)

    assert answer.outcomes == {Outcome.ACCEPTED: 1}


def test_without_a_database_there_are_no_turns(publication: PublicationSettings) -> None:
    answer = send_directly(publication, None, told(Outcome.ACCEPTED), {}, batch(publication, 3), lambda: NOW)

    assert answer.outcomes == {Outcome.ACCEPTED: 3}
