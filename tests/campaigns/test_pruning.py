"""Old deliveries are deleted, all figures stay, and nobody can get the issue again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from newsletter.campaigns import audience, claims, pruning, resolution
from newsletter.campaigns.campaign import change_state, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import delivery
from newsletter.errors import NewsletterError
from newsletter.providers.base import Answer, Outcome, Result
from tests.conftest import Run
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")
LATER = NOW + timedelta(days=400)
BEFORE = NOW + timedelta(days=365)
ACCEPTED = Result(outcome=Outcome.ACCEPTED, provider_id="id")
FULL = Result(outcome=Outcome.REJECTED, reason="mailbox full", retryable=True)
UNKNOWN = Result(outcome=Outcome.UNKNOWN, reason="no answer")


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    opened = open_database(publication)
    yield opened
    opened.close()


def sent(database: Database, publication: PublicationSettings, *results: Result, finish: bool = True) -> int:
    """Send a campaign to as many readers as there are results; return its id."""
    add_readers(database, len(results))
    with database.begin() as connection:
        id = start_campaign(connection).id
        audience.enqueue(connection, publication, id, 500, now=NOW)
        claim = claims.claim(connection, id, owner="test", now=NOW)
        assert claim
        claims.hand(connection, claim, provider="outbox", now=NOW)
        claims.settle(connection, claim, claims.members(connection, id, 1), Answer(results=results), now=NOW)
        if finish:
            change_state(connection, id, "finish", now=NOW)
    return id


def prune(database: Database, id: int) -> int:
    with database.begin() as connection:
        assert pruning.begin_pruning(connection, id, BEFORE, LATER)
        return sum(iter(lambda: pruning.prune_page(connection, id), 0))


def rows(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(delivery)) or 0


def test_deliveries_go_and_every_count_stays(database: Database, publication: PublicationSettings) -> None:
    id = sent(database, publication, ACCEPTED, FULL, ACCEPTED)
    with database.read() as connection:
        before = delivery_counts(connection, id)
        assert pruning.prunable(connection, NOW) == []
        assert pruning.prunable(connection, BEFORE) == [id]

    assert prune(database, id) == 3

    with database.read() as connection:
        assert rows(connection) == 0
        assert delivery_counts(connection, id) == before
        assert pruning.prunable(connection, BEFORE) == []


def test_a_prune_that_was_killed_goes_on(
    database: Database, publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = sent(database, publication, *[ACCEPTED] * 5)
    monkeypatch.setattr(pruning, "PAGE", 2)
    with database.begin() as connection:
        pruning.begin_pruning(connection, id, BEFORE, LATER)
        pruning.prune_page(connection, id)

    with database.read() as connection:
        assert rows(connection) == 3
        assert pruning.prunable(connection, BEFORE) == [id]
    assert prune(database, id) == 3


def test_nothing_of_a_pruned_campaign_is_sent_again(database: Database, publication: PublicationSettings) -> None:
    id = sent(database, publication, ACCEPTED, FULL)

    prune(database, id)

    with database.begin() as connection:
        assert resolution.count_retryable(connection, id) == 0
        with pytest.raises(NewsletterError, match="campaign 1 was pruned, and sends nothing any more"):
            change_state(connection, id, "reopen", now=LATER)
        with pytest.raises(NewsletterError, match="who has hello by campaign 1 was pruned"):
            start_campaign(connection, "weekly")


@pytest.mark.parametrize("case", ["is sending", "has unknown deliveries"])
def test_a_campaign_that_is_not_over_is_left_alone(
    database: Database, publication: PublicationSettings, case: str
) -> None:
    results = (ACCEPTED, UNKNOWN) if case == "has unknown deliveries" else (ACCEPTED,)

    id = sent(database, publication, *results, finish=case != "is sending")

    with database.read() as connection:
        assert pruning.prunable(connection, BEFORE) == []
        assert get_campaign(connection, id).pruned_at is None


def test_the_command_says_what_would_go_deletes_it_and_why_tells_so(
    database: Database, publication: PublicationSettings, newsletter: Run
) -> None:
    sent(database, publication, ACCEPTED, ACCEPTED)

    before = newsletter("why", "r1@example.com", "hello")
    tried = newsletter("database", "prune", "--before", "2025-06-01", "--dry-run")
    done = newsletter("database", "prune", "--before", "2025-06-01")
    after = newsletter("why", "r1@example.com", "hello")
    wrong = newsletter("database", "prune", "--before", "yesterday")

    assert before.returncode == 0
    assert tried.stderr == "2 deliveries of 1 campaign would go\n"
    assert done.stderr == "deleted 0 calls of providers\ndeleted 2 deliveries of 1 campaign\n"
    assert "who had hello was pruned on" in after.stderr
    assert (wrong.returncode, "--before" in wrong.stderr) == (2, True)
