"""Batches go from claim to settle, and every reader is in one state at every moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from newsletter.campaigns import abandoned_batches, audience, claims
from newsletter.campaigns.batch_states import ARROWS
from newsletter.campaigns.campaign import change_state, get_campaign
from newsletter.campaigns.claims import Claim, LostClaimError
from newsletter.campaigns.counts import delivery_counts, is_done, named
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import subscriber, subscription
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.sending.recipients import load_recipients
from newsletter.subscribers.suppressions import Reason, suppress
from tests import ROOT
from tests.support.sending import NOW, add_readers, start_campaign
from tests.support.sending import settings as publication_settings

pytestmark = pytest.mark.usefixtures("each_database")

ACCEPTED = Result(outcome=Outcome.ACCEPTED, provider_id="id")
REJECTED = Result(outcome=Outcome.REJECTED, reason="no such mailbox")
BUSY = Result(outcome=Outcome.BUSY, reason="busy")
UNKNOWN = Result(outcome=Outcome.UNKNOWN, reason="no answer")


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return publication_settings(tmp_path)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    found = open_database(publication)
    yield found
    found.close()


def enqueued(
    database: Database, publication: PublicationSettings, readers: int, size: int = 500, page: int = 10_000
) -> int:
    """A campaign with everyone enqueued; its id."""
    add_readers(database, readers)
    with database.begin() as connection:
        campaign = start_campaign(connection)
        while not get_campaign(connection, campaign.id).enqueued:
            audience.enqueue(connection, publication, campaign.id, size, now=NOW, page=page)
    return campaign.id


def take(database: Database, campaign_id: int = 1) -> Claim:
    with database.begin() as connection:
        claim = claims.claim(connection, campaign_id, owner="test", now=NOW)
    assert claim
    return claim


def hand(database: Database, claim: Claim) -> None:
    with database.begin() as connection:
        claims.hand(connection, claim, provider="outbox", now=NOW)


def settle(database: Database, claim: Claim, *results: Result, wait: float = 0) -> None:
    with database.begin() as connection:
        campaign = get_campaign(connection, claim.campaign_id)
        going = [*load_recipients(connection, claim, campaign, NOW).to_send]
        claims.settle(connection, claim, going, Answer(results=results), now=NOW, wait=wait)


def counts(database: Database, campaign_id: int = 1) -> dict[str, int]:
    with database.read() as connection:
        found = delivery_counts(connection, campaign_id)
    return {state: number for state, number in found.items() if number}


def roll(database: Database, claim: Claim) -> tuple[list[int], dict[int, str]]:
    with database.read() as connection:
        found = load_recipients(connection, claim, get_campaign(connection, claim.campaign_id), NOW)
    return [*found.to_send], dict(found.to_skip)


def test_everyone_on_the_list_is_enqueued_once_page_by_page(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 105, size=20, page=40)

    assert counts(database) == {"queued": 105}
    assert roll(database, take(database))[0] == [*range(1, 21)]


def test_enqueueing_that_was_killed_goes_on_where_it_was(database: Database, publication: PublicationSettings) -> None:
    add_readers(database, 25)
    with database.begin() as connection:
        campaign = start_campaign(connection)
        audience.enqueue(connection, publication, campaign.id, 5, now=NOW, page=10)
    with database.begin() as connection:
        audience.enqueue(connection, publication, campaign.id, 5, now=NOW, page=10)
        connection.rollback()  # killed

    with database.begin() as connection:
        while audience.enqueue(connection, publication, campaign.id, 5, now=NOW, page=10):
            pass

    assert counts(database) == {"queued": 25}


def test_a_segment_that_is_gone_keeps_no_campaign_from_ending(
    database: Database, publication: PublicationSettings, tmp_path: Path
) -> None:
    add_readers(database, 25)
    divided = publication_settings(tmp_path / "divided", '[segments.all]\nfirst_name = "R"\n')
    with database.begin() as connection:
        connection.execute(update(subscriber).values(first_name="R"))
        campaign = start_campaign(connection, segment="all")
        audience.enqueue(connection, divided, campaign.id, 5, now=NOW, page=10)

        audience.complete(connection, publication, campaign.id, now=NOW)
        assert sum(delivery_counts(connection, campaign.id).values()) == 10

        audience.complete(connection, divided, campaign.id, now=NOW)
        assert sum(delivery_counts(connection, campaign.id).values()) == 25


def test_a_claimed_batch_is_nobody_else_s(database: Database, publication: PublicationSettings) -> None:
    enqueued(database, publication, 6, size=3)

    first, second = take(database), take(database)

    assert (first.no, second.no) == (1, 2)
    with database.begin() as connection:
        assert claims.claim(connection, 1, owner="other", now=NOW) is None


def test_a_batch_is_claimed_by_its_number_only_while_it_waits(
    database: Database, publication: PublicationSettings
) -> None:
    campaign = enqueued(database, publication, 1200)
    with database.begin() as connection:
        second = claims.claim(connection, campaign, owner="a", now=NOW, no=2)
        assert second
        assert second.no == 2
        assert claims.claim(connection, campaign, owner="b", now=NOW, no=2) is None
        assert claims.claim(connection, campaign, owner="b", now=NOW, no=9) is None


def test_a_batch_that_is_given_back_until_later_waits_until_then(
    database: Database, publication: PublicationSettings
) -> None:
    campaign, later = enqueued(database, publication, 3), NOW + timedelta(hours=1)
    with database.begin() as connection:
        claim = claims.claim(connection, campaign, owner="a", now=NOW)
        assert claim
        claims.release(connection, claim, not_before=later)
        assert claims.claim(connection, campaign, owner="a", now=NOW) is None
        assert claims.claim(connection, campaign, owner="a", now=later)


def test_a_claim_lasts_as_long_as_its_lease_from_each_sign_of_life(
    database: Database, publication: PublicationSettings
) -> None:
    campaign, lease = enqueued(database, publication, 3), timedelta(seconds=90)
    with database.begin() as connection:
        assert claims.claim(connection, campaign, owner="a", now=NOW, lease=lease)
        claims.renew(connection, None, owner="a", now=NOW + lease, lease=lease)
        abandoned_batches.recover(connection, lambda *_: False, expired=NOW + lease * 2)
        assert claims.claim(connection, campaign, owner="b", now=NOW) is None

        abandoned_batches.recover(connection, lambda *_: False, expired=NOW + lease * 2 + timedelta(seconds=1))
        assert claims.claim(connection, campaign, owner="b", now=NOW)


def test_nothing_is_claimed_or_handed_over_of_a_paused_campaign(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 6, size=3)
    claim = take(database)
    with database.begin() as connection:
        change_state(connection, 1, "pause", now=NOW)

    with pytest.raises(LostClaimError):
        hand(database, claim)
    with database.begin() as connection:
        assert claims.claim(connection, 1, owner="other", now=NOW) is None
        claims.release(connection, claim)
    assert counts(database) == {"queued": 6}


def test_what_a_provider_accepted_is_settled_at_once(database: Database, publication: PublicationSettings) -> None:
    enqueued(database, publication, 3)
    claim = take(database)
    hand(database, claim)
    assert counts(database) == {"handed": 3}

    settle(database, claim, ACCEPTED, ACCEPTED, ACCEPTED)

    assert counts(database) == {"accepted": 3}
    with database.read() as connection:
        assert is_done(connection, 1)


def test_a_rejected_reader_is_listed_with_the_provider_s_words(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 3)
    claim = take(database)
    hand(database, claim)

    settle(database, claim, ACCEPTED, REJECTED, ACCEPTED)

    assert counts(database) == {"accepted": 2, "rejected": 1}
    with database.read() as connection:
        (found,) = named(connection, 1, "rejected", 10)
    assert (found.email, found.detail) == ("r2@example.com", "no such mailbox")


def test_those_a_provider_was_too_busy_for_wait_and_the_others_are_done(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 4)
    claim = take(database)
    hand(database, claim)

    settle(database, claim, ACCEPTED, BUSY, REJECTED, BUSY, wait=10)

    assert counts(database) == {"accepted": 1, "rejected": 1, "queued": 2}
    with database.begin() as connection:
        assert claims.claim(connection, 1, owner="test", now=NOW) is None
        again = claims.claim(connection, 1, owner="test", now=NOW + timedelta(seconds=10))
    assert again
    assert roll(database, again)[0] == [2, 4]
    assert again.key != claim.key


def test_a_batch_without_an_answer_is_unknown_to_the_last_reader(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 2)
    claim = take(database)
    hand(database, claim)

    settle(database, claim, UNKNOWN, UNKNOWN)

    assert counts(database) == {"unknown": 2}
    with database.read() as connection:
        assert [one.email for one in named(connection, 1, "unknown", 10)] == [
            "r1@example.com",
            "r2@example.com",
        ]


def test_unknown_among_accepted_is_kept_by_reader(database: Database, publication: PublicationSettings) -> None:
    enqueued(database, publication, 2)
    claim = take(database)
    hand(database, claim)

    settle(database, claim, ACCEPTED, UNKNOWN)

    assert counts(database) == {"accepted": 1, "unknown": 1}


def test_a_sender_whose_batch_was_taken_over_can_neither_hand_over_nor_settle(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 2)
    lost = take(database)
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: False)
    hand(database, take(database))

    with pytest.raises(LostClaimError):
        hand(database, lost)
    with pytest.raises(LostClaimError):
        settle(database, lost, ACCEPTED, ACCEPTED)
    assert counts(database) == {"handed": 2}


def test_what_a_dead_sender_had_claimed_is_queued_and_what_it_had_handed_over_is_unknown(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 5, size=3)
    hand(database, take(database))
    take(database)

    with database.begin() as connection:
        found = abandoned_batches.recover(connection, lambda provider, at: False)

    assert (found.unknown, found.replayed) == (3, 0)
    assert counts(database) == {"unknown": 3, "queued": 2}


def test_a_provider_that_recognises_repeats_gets_the_same_readers_under_the_same_key(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 3)
    before = take(database)
    hand(database, before)
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: True)
        connection.execute(update(subscription).values(status="unsubscribed"))

    after = take(database)

    assert after.key == before.key
    assert roll(database, after) == ([1, 2, 3], {})


def test_those_who_left_meanwhile_are_skipped_each_with_the_reason(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 5)
    with database.begin() as connection:
        connection.execute(update(subscription).where(subscription.c.subscriber_id == 1).values(status="unsubscribed"))
        suppress(connection, "R2@example.com", Reason.BOUNCED, "", NOW)
        connection.execute(delete(subscriber).where(subscriber.c.id == 3))

    claim = take(database)
    going, gone = roll(database, claim)

    assert going == [4, 5]
    assert gone == {1: "unsubscribed", 2: "suppressed: bounced", 3: "erased"}
    with database.begin() as connection:
        claims.skip(connection, claim, gone, NOW)
    assert counts(database) == {"queued": 2, "skipped": 3}


def test_a_reader_who_has_or_may_have_the_issue_by_another_campaign_is_skipped(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 3)
    claim = take(database)
    hand(database, claim)
    settle(database, claim, ACCEPTED, REJECTED, UNKNOWN)
    with database.begin() as connection:
        for reader in (1, 2, 3):
            row = {"list": "weekly", "subscriber_id": reader, "status": "active", "changed_at": "2025"}
            connection.execute(subscription.insert().values(row))
        other = start_campaign(connection, "weekly")
        audience.enqueue(connection, publication, other.id, 500, now=NOW)

    going, gone = roll(database, take(database, other.id))

    assert (going, gone) == ([2], {1: "has it by campaign 1", 3: "may have it by campaign 1"})


def test_nobody_is_left_out_of_a_batch_that_is_another_sender_s_by_now(
    database: Database, publication: PublicationSettings
) -> None:
    enqueued(database, publication, 2)
    claim = take(database)
    with database.begin() as connection:
        claims.release(connection, claim)
    take(database)

    with pytest.raises(LostClaimError), database.begin() as connection:
        claims.skip(connection, claim, {1: "erased"}, NOW)

    assert counts(database) == {"queued": 2}


def test_a_batch_of_which_nobody_is_left_is_done(database: Database, publication: PublicationSettings) -> None:
    enqueued(database, publication, 2)
    claim = take(database)
    with database.begin() as connection:
        claims.skip(connection, claim, {1: "erased", 2: "erased"}, NOW)
        claims.close_empty(connection, claim, NOW)

    assert counts(database) == {"skipped": 2}


@pytest.mark.parametrize("verb", ARROWS)
def test_every_arrow_of_a_batch_is_drawn_and_explained(verb: str) -> None:
    batches = (ROOT / "docs" / "sending.md").read_text(encoding="utf-8").partition("## Batches")[2]

    drawn = re.findall(rf"(\w+) --> (\w+): {verb}\n", batches)

    assert sorted(drawn) == sorted((str(before), str(after)) for before, ends in ARROWS[verb].items() for after in ends)
    assert f"- **{verb}**: " in batches


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_happens_every_reader_is_in_exactly_one_state(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    publication = publication_settings(tmp_path_factory.mktemp("ledger"))
    with closing(open_database(publication)) as database:
        readers = data.draw(st.integers(min_value=1, max_value=12))
        enqueued(database, publication, readers, size=3)
        for _ in range(data.draw(st.integers(min_value=1, max_value=12))):
            _step(database, data)
            assert sum(counts(database).values()) == readers


def _step(database: Database, data: st.DataObject) -> None:
    """One sender's life with one batch, ended at any point."""
    with database.begin() as connection:
        claim = claims.claim(connection, 1, owner="test", now=NOW + timedelta(days=1))
        if claim is None:
            return
        found = load_recipients(connection, claim, get_campaign(connection, 1), NOW)
        leaving = data.draw(st.sets(st.sampled_from([*found.to_send]))) if not claim.first_handed_at else set()
        claims.skip(connection, claim, dict.fromkeys(leaving, "left"), NOW)
        going = [id for id in found.to_send if id not in leaving]
        if not going:
            return claims.close_empty(connection, claim, NOW)
    end = data.draw(st.sampled_from(["released", "killed before", "killed after", "settled"]))
    with database.begin() as connection:
        if end == "released":
            claims.release(connection, claim)
        elif end != "killed before":
            claims.hand(connection, claim, provider="outbox", now=NOW)
    with database.begin() as connection:
        if end == "settled":
            results = tuple(data.draw(st.sampled_from([ACCEPTED, REJECTED, BUSY, UNKNOWN])) for _ in going)
            claims.settle(connection, claim, going, Answer(results=results), now=NOW)
        else:
            replay = data.draw(st.booleans())
            abandoned_batches.recover(connection, lambda provider, at: replay)


def test_a_reader_whose_call_is_to_be_made_again_is_not_sent_the_issue_by_another_campaign(
    database: Database, publication: PublicationSettings
) -> None:
    add_readers(database, 1, ("daily", "weekly"))
    with database.begin() as connection:
        first, second = (start_campaign(connection, name) for name in ("daily", "weekly"))
        for campaign in (first, second):
            audience.enqueue(connection, publication, campaign.id, 500, now=NOW)
    hand(database, take(database, first.id))
    with database.begin() as connection:
        abandoned_batches.recover(connection, lambda provider, at: True)

    assert counts(database, first.id) == {"handed": 1}
    assert roll(database, take(database, second.id)) == ([], {1: "may have it by campaign 1"})
