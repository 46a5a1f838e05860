"""The sweep takes over what dead workers left, and nothing of the living."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.campaigns import audience, claims
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.claims import Claim, LostClaimError
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.clock import database_now
from newsletter.database.connection import Database
from newsletter.distributed import presence
from newsletter.distributed.database_clock import DatabaseClock
from newsletter.distributed.shared_state import shared_state
from newsletter.distributed.sweep import Sweep
from tests.support.sending import NOW, Quiet, add_readers, settings, start_campaign
from tests.support.workers import opened, state_of

pytestmark = pytest.mark.usefixtures("postgresql")
LEASE = timedelta(seconds=90)


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    with opened(publication) as database:
        add_readers(database, 20)
        shared_state(publication, database, "me")  # changes the connections, which none may be in use for
        yield database


def claimed(
    database: Database, publication: PublicationSettings, provider: str, *, ago: timedelta, hand: bool
) -> Claim:
    """A campaign's only batch, claimed so long ago and never heard of since."""
    with database.begin() as connection:
        campaign = start_campaign(connection, provider=provider)
        audience.enqueue(connection, publication, campaign.id, 20, now=NOW)
        moment = database_now(connection) - ago
        claim = claims.claim(connection, campaign.id, owner="dead", now=moment, lease=LEASE)
        assert claim
        if hand:
            claims.hand(connection, claim, provider=provider, now=moment)
    return claim


def swept(database: Database, publication: PublicationSettings) -> Quiet:
    listener = Quiet()
    Sweep(publication, shared_state(publication, database, "me"), listener, DatabaseClock(database)).run()
    return listener


def counted(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {state: number for state, number in delivery_counts(connection, 1).items() if number}


def jobs_of(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one())


def test_a_claimed_batch_is_queued_again_when_its_lease_has_ended_and_its_sender_cannot_hand_it_over(
    database: Database, publication: PublicationSettings
) -> None:
    claim = claimed(database, publication, "outbox", ago=LEASE * 2, hand=False)

    swept(database, publication)

    assert counted(database) == {"queued": 20}
    with database.begin() as connection:
        again = claims.claim(connection, 1, owner="next", now=database_now(connection))
        assert again is not None
        with pytest.raises(LostClaimError):
            claims.hand(connection, claim, provider="outbox", now=database_now(connection))


def test_a_batch_in_a_call_is_the_living_sender_s_while_its_lease_lasts(
    database: Database, publication: PublicationSettings
) -> None:
    claimed(database, publication, "postmark", ago=LEASE / 2, hand=True)

    assert swept(database, publication).said == []

    assert counted(database) == {"handed": 20}


def test_a_handed_batch_of_a_dead_worker_is_unknown_where_the_provider_knows_no_keys(
    database: Database, publication: PublicationSettings
) -> None:
    claimed(database, publication, "postmark", ago=LEASE * 2, hand=True)

    (sentence,) = swept(database, publication).said

    assert "20 deliveries are unknown, never repeated" in sentence
    assert counted(database) == {"unknown": 20}


def test_the_same_call_is_made_again_where_the_provider_knows_its_key(
    database: Database, publication: PublicationSettings
) -> None:
    claimed(database, publication, "resend", ago=LEASE * 2, hand=True)

    swept(database, publication)

    assert state_of(database, 1).state is CampaignState.SENDING
    with database.begin() as connection:
        again = claims.claim(connection, 1, owner="next", now=database_now(connection))
    assert again
    assert (again.generation, bool(again.first_handed_at)) == (0, True)


def test_two_sweeps_at_once_move_a_batch_once(database: Database, publication: PublicationSettings) -> None:
    claimed(database, publication, "postmark", ago=LEASE * 2, hand=True)

    with database.begin() as other:
        other.execute(text("SELECT 1 FROM batch FOR UPDATE"))  # another process sweeps it at this moment
        assert swept(database, publication).said == []

    assert len(swept(database, publication).said) == 1
    assert swept(database, publication).said == []


def test_batches_without_a_job_get_one_when_a_worker_lives(
    database: Database, publication: PublicationSettings
) -> None:
    claimed(database, publication, "outbox", ago=LEASE * 2, hand=False)
    swept(database, publication)
    assert jobs_of(database) == 0

    with database.begin() as connection:
        presence.beat(connection, presence.this_process(), database_now(connection))
    swept(database, publication)
    swept(database, publication)

    assert jobs_of(database) == 1


def test_a_campaign_of_which_nothing_is_left_is_called_sent_and_its_jobs_go(
    database: Database, publication: PublicationSettings
) -> None:
    claim = claimed(database, publication, "outbox", ago=timedelta(0), hand=False)
    with database.begin() as connection:
        claims.close_empty(connection, claim, NOW)
        audience.enqueue(connection, publication, 1, 20, now=NOW)

    swept(database, publication)

    assert state_of(database, 1).state is CampaignState.SENT
    assert jobs_of(database) == 0
