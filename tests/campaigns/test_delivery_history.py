"""`why` tells what happened to one reader's copy, whatever that was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import abandoned_batches, audience, claims, delivery_history, resolution
from newsletter.campaigns.campaign import change_state, get_campaign
from newsletter.campaigns.claims import Claim
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.delivery_history import DeliveryHistory
from newsletter.database.connection import Database, open_database
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.times import stamp
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

LATER = NOW + timedelta(seconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    publication = settings(tmp_path)
    found = open_database(publication)
    add_readers(found, 2)
    with found.begin() as connection:
        campaign = start_campaign(connection)
        audience.enqueue(connection, publication, campaign.id, 500, now=NOW)
    yield found
    found.close()


def hand(database: Database) -> Claim:
    with database.begin() as connection:
        claim = claims.claim(connection, 1, owner="test", now=NOW)
        assert claim
        claims.hand(connection, claim, provider="postmark", now=NOW if not claim.first_handed_at else LATER)
    return claim


def answer(database: Database, claim: Claim, *results: Result) -> None:
    with database.begin() as connection:
        claims.settle(connection, claim, [1, 2], Answer(results=results), now=LATER)


def told(database: Database, subscriber_id: int = 1) -> DeliveryHistory:
    with database.read() as connection:
        found = delivery_history.read_history(connection, get_campaign(connection, 1), subscriber_id)
    assert found
    return found


def what(story: DeliveryHistory) -> list[str]:
    return [sentence for _, sentence in story.history]


def test_before_it_left_it_is_enqueued_and_no_more_is_told(database: Database) -> None:
    assert told(database).state == "queued"
    assert told(database).history == ((stamp(NOW), "enqueued in batch 1"),)


def test_accepted_and_rejected_of_one_batch_have_each_their_own_story(database: Database) -> None:
    taken = Result(outcome=Outcome.ACCEPTED, provider_id="pm-1")
    refused = Result(outcome=Outcome.REJECTED, reason="Inactive recipient.")
    answer(database, hand(database), taken, refused)

    first, second = told(database, 1), told(database, 2)

    assert (first.state, first.provider, first.provider_id) == ("accepted", "postmark", "pm-1")
    assert what(first) == ["enqueued in batch 1", "handed to postmark", "accepted by postmark as pm-1"]
    assert (second.state, second.provider_id) == ("rejected", "")
    assert what(second)[-1] == "rejected: Inactive recipient."


def test_a_batch_that_was_repeated_was_handed_over_twice(database: Database) -> None:
    hand(database)
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: True)
    hand(database)

    assert what(told(database)) == [
        "enqueued in batch 1",
        "handed to postmark",
        "handed to postmark again, under the same key",
    ]


def test_a_cancelled_campaign_skips_whoever_was_not_handed_over(database: Database) -> None:
    with database.begin() as connection:
        change_state(connection, 1, "cancel", now=LATER)
        abandoned_batches.cancel(connection, 1, LATER)
    assert (told(database).state, what(told(database))[-1]) == ("skipped", "skipped: the campaign was cancelled")


def test_what_no_answer_came_to_is_unknown(database: Database) -> None:
    lost = Result(outcome=Outcome.UNKNOWN, reason="no answer")
    answer(database, hand(database), lost, lost)

    assert (told(database).state, what(told(database))[-1]) == ("unknown", "unknown: no answer")


def test_a_dead_sender_leaves_its_own_reason(database: Database) -> None:
    hand(database)
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: False)

    assert what(told(database))[-1] == f"unknown: {abandoned_batches.SILENCE}"


def test_a_call_that_was_to_be_repeated_and_never_was_keeps_the_words_it_ended_with(database: Database) -> None:
    claim = hand(database)
    with database.begin() as connection:
        claims.settle_for_repeat(connection, claim, now=LATER, wait=0, reason="Resend answered 500: down")
        change_state(connection, 1, "cancel", now=LATER)
        abandoned_batches.cancel(connection, 1, LATER)

    assert what(told(database))[-1] == "unknown: Resend answered 500: down"


def test_a_decision_keeps_why_it_had_to_be_made(database: Database) -> None:
    lost = Result(outcome=Outcome.UNKNOWN, reason="Postmark answered 502")
    answer(database, hand(database), lost, lost)
    with database.begin() as connection:
        resolution.resolve_campaign(connection, 1, "resend", LATER + timedelta(seconds=1))

    assert told(database).history[:3] == (
        (stamp(NOW), "enqueued in batch 1"),
        (stamp(NOW), "handed to postmark"),
        (stamp(LATER), "unknown: Postmark answered 502"),
    )
    assert what(told(database))[3:] == ["queued again, whether it was sent or not", "enqueued in batch 2"]


def test_who_was_not_begun_when_a_sender_died_and_the_campaign_was_cancelled_is_skipped(database: Database) -> None:
    claim = hand(database)
    with database.begin() as connection:
        claims.save_progress(connection, claim, started=b"\x01", finished=b"\x00", now=NOW)
        change_state(connection, 1, "cancel", now=LATER)
        abandoned_batches.recover_in_progress(connection, LATER)

    assert what(told(database, 1))[-1] == f"unknown: {abandoned_batches.SILENCE}"
    assert (told(database, 2).state, what(told(database, 2))[-1]) == (
        "skipped",
        f"skipped: {delivery_history.CANCELLED}",
    )


def test_who_is_not_in_the_audience_has_no_story(database: Database) -> None:
    with database.read() as connection:
        assert delivery_history.read_history(connection, get_campaign(connection, 1), 99) is None


def test_a_copy_whose_call_is_to_be_made_again_is_handed_as_the_counts_have_it(database: Database) -> None:
    hand(database)
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: True)

        assert delivery_counts(connection, 1)["handed"] == 2
    assert told(database).state == "handed"
