"""Batches move along their arrows: after an answer, a death, a lease that ran out, a cancelling, a retry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import abandoned_batches, audience, claims, delivery_history, resolution
from newsletter.campaigns.batch_states import BatchState, after_answer, after_cancelling, after_death
from newsletter.campaigns.campaign import CampaignState, change_state
from newsletter.campaigns.claims import Claim, LostClaimError
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.ledger import LEASE
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.providers.base import Answer, Outcome, Result
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

ACCEPTED = Result(outcome=Outcome.ACCEPTED, provider_id="id")
REFUSED = Result(outcome=Outcome.REJECTED, reason="too long", retryable=True)
REJECTED = Result(outcome=Outcome.REJECTED, reason="no such mailbox")
BUSY = Result(outcome=Outcome.BUSY, reason="busy")
UNKNOWN = Result(outcome=Outcome.UNKNOWN, reason="no answer")
SECOND = timedelta(seconds=1)


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    found = open_database(publication)
    add_readers(found, 6)
    with found.begin() as connection:
        campaign = start_campaign(connection)
        audience.enqueue(connection, publication, campaign.id, 3, now=NOW)
    yield found
    found.close()


def take(database: Database, *, handed: bool = True) -> Claim:
    with database.begin() as connection:
        claim = claims.claim(connection, 1, owner="test", now=NOW)
        assert claim
        if handed:
            claims.hand(connection, claim, provider="outbox", now=NOW)
    return claim


def settle(database: Database, claim: Claim, *results: Result) -> None:
    ids = range((claim.no - 1) * 3 + 1, claim.no * 3 + 1)
    with database.begin() as connection:
        claims.settle(connection, claim, ids, Answer(results=results), now=NOW)


def counts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {state: number for state, number in delivery_counts(connection, 1).items() if number}


def cancel(database: Database) -> None:
    with database.begin() as connection:
        change_state(connection, 1, "cancel", now=NOW)
        abandoned_batches.cancel(connection, 1, NOW)


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ((ACCEPTED, ACCEPTED), BatchState.SETTLED),
        ((ACCEPTED, UNKNOWN), BatchState.SETTLED),
        ((REJECTED, REJECTED), BatchState.SETTLED),
        ((UNKNOWN, REJECTED), BatchState.UNKNOWN),
        ((ACCEPTED, BUSY), BatchState.QUEUED),
        ((UNKNOWN, BUSY), BatchState.QUEUED),
    ],
)
def test_an_answer_says_where_a_batch_goes(results: tuple[Result, ...], state: BatchState) -> None:
    assert after_answer(Answer(results=results)) is state


def test_of_a_cancelled_campaign_nobody_waits_for_another_try() -> None:
    busy = Answer(results=(BUSY,))

    assert after_answer(busy, cancelled=True) is BatchState.CANCELLED
    assert after_answer(busy, cancelled=True, handed_before=True) is BatchState.UNKNOWN
    assert after_cancelling(handed_before=False) is BatchState.CANCELLED


def test_what_a_dead_sender_claimed_never_left_and_what_it_handed_may_have() -> None:
    assert after_death(BatchState.CLAIMED, may_replay=False) is BatchState.QUEUED
    assert after_death(BatchState.HANDED, may_replay=True) is BatchState.QUEUED
    assert after_death(BatchState.HANDED, may_replay=False) is BatchState.UNKNOWN


def test_a_sweep_takes_only_what_is_held_beyond_its_lease(database: Database) -> None:
    take(database)
    with database.begin() as connection:
        young = claims.claim(connection, 1, owner="young", now=NOW + LEASE)
        assert young
        found = abandoned_batches.recover(connection, lambda provider, at: False, expired=NOW + LEASE + SECOND)

    assert (found.unknown, found.replayed) == (3, 0)
    assert counts(database) == {"unknown": 3, "queued": 3}
    with database.begin() as connection:
        claims.hand(connection, young, provider="outbox", now=NOW + LEASE)
    assert counts(database) == {"unknown": 3, "handed": 3}


def test_a_sender_whose_lease_ran_out_cannot_hand_over_what_was_swept(database: Database) -> None:
    slow = take(database, handed=False)
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: False, expired=NOW + LEASE + SECOND)
        again = claims.claim(connection, 1, owner="next", now=NOW)
        assert again
        assert again.no == slow.no

        with pytest.raises(LostClaimError):
            claims.hand(connection, slow, provider="outbox", now=NOW)


def test_cancelled_whoever_was_not_handed_over_is_skipped_and_the_rest_is_written_down(database: Database) -> None:
    in_the_air = take(database)
    claimed = take(database, handed=False)

    cancel(database)

    with pytest.raises(LostClaimError), database.begin() as connection:
        claims.hand(connection, claimed, provider="outbox", now=NOW)
    with database.begin() as connection:
        claims.release(connection, claimed)
    assert counts(database) == {"handed": 3, "skipped": 3}
    settle(database, in_the_air, ACCEPTED, BUSY, REJECTED)
    assert counts(database) == {"accepted": 1, "rejected": 1, "skipped": 4}


def test_a_batch_that_waits_to_be_repeated_is_unknown_when_the_campaign_is_cancelled(database: Database) -> None:
    take(database)
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: True)

    cancel(database)

    assert counts(database) == {"unknown": 3, "skipped": 3}


def test_a_provider_too_busy_for_a_repeat_gets_the_same_batch_under_the_same_key(database: Database) -> None:
    first = take(database)
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: True)
    again = take(database)

    settle(database, again, BUSY, BUSY, BUSY)

    third = take(database)
    assert (first.key, again.key) == (third.key, third.key)
    assert third.first_handed_at


def test_a_retry_queues_the_refused_and_nobody_else_and_keeps_what_was_said(database: Database) -> None:
    settle(database, take(database), REFUSED, REJECTED, ACCEPTED)
    settle(database, take(database), ACCEPTED, ACCEPTED, REFUSED)
    with database.begin() as connection:
        change_state(connection, 1, "finish", now=NOW)
        assert resolution.count_retryable(connection, 1) == 2
        resolution.retry(connection, 1, 500, NOW + SECOND)
        change_state(connection, 1, "reopen", now=NOW + SECOND)

    assert counts(database) == {"accepted": 3, "rejected": 1, "queued": 2}
    with database.begin() as connection:
        claim = claims.claim(connection, 1, owner="test", now=NOW + SECOND)
        assert claim
        claims.hand(connection, claim, provider="outbox", now=NOW + 2 * SECOND)
        answer = Answer(results=(ACCEPTED, ACCEPTED))
        claims.settle(connection, claim, [1, 6], answer, now=NOW + 3 * SECOND)
        assert resolution.count_retryable(connection, 1) == 0
        finished = change_state(connection, 1, "finish", now=NOW + 4 * SECOND)
        told = delivery_history.read_history(connection, finished, 1)

    assert (finished.state, counts(database)) == (CampaignState.SENT, {"accepted": 5, "rejected": 1})
    assert told
    assert [what for _, what in told.history] == [
        "enqueued in batch 1",
        "handed to outbox",
        "rejected: too long",
        "queued again by a retry",
        "enqueued in batch 3",
        "handed to outbox",
        "accepted by outbox as id",
    ]
