"""A correction goes to exactly those who got a campaign, once, as long as they want the list's mail."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from newsletter.campaigns import ledger
from newsletter.campaigns.audience import enqueue
from newsletter.campaigns.campaign import CampaignState, change_state
from newsletter.campaigns.ledger import DeliveryException
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import batch, delivery, subscription, suppression
from newsletter.errors import ConfigError, NewsletterError
from newsletter.publishing.plan import make_plan, start_plan
from newsletter.times import stamp
from tests.conftest import Run
from tests.support.sending import NOW, add_readers, settings, start_campaign

both = pytest.mark.usefixtures("each_database")
STATES = ("accepted", "rejected", "skipped", "unknown")


def corrected(folder: Path, readers: int) -> tuple[PublicationSettings, Database]:
    """A publication whose campaign 1, of `hello`, was sent to these readers, and the file of its correction."""
    publication = settings(folder, issue=True)
    (folder / "issues" / "2025-01-18-sorry.md").write_text(
        "---\nsubject: Sorry\n---\nIt was Monday.\n", encoding="utf-8"
    )
    database = open_database(publication)
    add_readers(database, readers)
    with database.begin() as connection:
        campaign = start_campaign(connection)
        enqueue(connection, publication, campaign.id, 4, now=NOW)
        connection.execute(update(batch).values(state="settled", first_handed_at=stamp(NOW)))
        change_state(connection, campaign.id, "finish", now=NOW)
    return publication, database


def audience(database: Database, campaign_id: int) -> list[int]:
    with database.read() as connection:
        of_campaign = select(delivery.c.subscriber_id).where(delivery.c.campaign_id == campaign_id)
        return list(connection.execute(of_campaign.order_by(delivery.c.subscriber_id)).scalars())


def send_correction(publication: PublicationSettings, database: Database, page: int = 4000) -> list[int]:
    """Start the correction and enqueue all of it, `page` readers at a time; return who is in it."""
    plan = make_plan(publication, database, "sorry", list_name=None, segment=None, readers_of="1", clock=lambda: NOW)
    campaign = start_plan(publication, database, plan, NOW)
    while True:
        with database.begin() as connection:
            if not enqueue(connection, publication, campaign.id, 3, now=NOW, page=page):
                break
    assert len(audience(database, campaign.id)) == plan.waiting + plan.suppressed
    return audience(database, campaign.id)


@both
def test_a_correction_goes_to_those_who_got_the_campaign_or_may_have(tmp_path: Path) -> None:
    publication, database = corrected(tmp_path, 4)
    with closing(database):
        with database.begin() as connection:
            states = [DeliveryException(n, state) for n, state in enumerate(STATES, start=1)]
            ledger.add_exceptions(connection, 1, 1, states, stamp(NOW))

        assert send_correction(publication, database) == [1, 4]


@both
def test_who_joined_since_is_not_corrected_and_who_left_is_not_mailed(tmp_path: Path) -> None:
    publication, database = corrected(tmp_path, 10)
    with closing(database):
        with database.begin() as connection:
            connection.execute(
                update(subscription).where(subscription.c.subscriber_id > 8).values(status="unsubscribed")
            )
            connection.execute(insert(suppression).values(email_key="r1@example.com", reason="bounced", at=stamp(NOW)))
            connection.execute(delivery.delete().where(delivery.c.subscriber_id == 5))  # joined since

        plan = make_plan(publication, database, "sorry", list_name=None, segment=None, readers_of="1")
        assert (plan.waiting, plan.suppressed) == (6, 1)
        assert send_correction(publication, database, page=3) == [1, 2, 3, 4, 6, 7, 8]


@both
def test_a_correction_that_is_sent_again_without_its_option_goes_to_nobody_else(tmp_path: Path) -> None:
    publication, database = corrected(tmp_path, 6)
    with closing(database):
        send_correction(publication, database)

        again = make_plan(publication, database, "sorry", list_name=None, segment=None)
        everybody = make_plan(publication, database, "sorry", list_name="daily", segment=None)

    assert again.campaign
    assert again.campaign.readers_of == 1
    assert again.audience == "6 readers of daily who got hello (campaign 1)"
    assert everybody.campaign is None


def test_one_issue_can_correct_two_campaigns_of_a_list(tmp_path: Path) -> None:
    publication, database = corrected(tmp_path, 4)
    with closing(database):
        with database.begin() as connection:
            other = start_campaign(connection, segment="some")
            change_state(connection, other.id, "cancel", now=NOW)
        send_correction(publication, database)

        second = make_plan(publication, database, "sorry", list_name=None, segment=None, readers_of="2")

    assert (second.campaign, second.waiting) == (None, 0)


def test_what_cannot_be_corrected_is_said(tmp_path: Path) -> None:
    publication, database = corrected(tmp_path, 4)
    with closing(database):
        with pytest.raises(NewsletterError, match="nobody gets an issue twice"):
            make_plan(publication, database, "hello", list_name=None, segment=None, readers_of="1")
        with pytest.raises(NewsletterError, match='no campaign named "9"'):
            make_plan(publication, database, "sorry", list_name=None, segment=None, readers_of="9")
        with pytest.raises(ConfigError, match='went to the list "daily"'):
            make_plan(publication, database, "sorry", list_name="weekly", segment=None, readers_of="1")
        with database.begin() as connection:
            change_state(connection, 1, "reopen", now=NOW)
        with pytest.raises(NewsletterError, match="campaign 1 is sending"):
            make_plan(publication, database, "sorry", list_name=None, segment=None, readers_of="1")


def test_send_of_an_edited_sent_issue_names_the_next_steps_and_a_dry_run_counts(
    newsletter: Run, tmp_path: Path
) -> None:
    _, database = corrected(tmp_path, 4)
    database.close()
    path = tmp_path / "issues" / "2025-01-17-hello.md"
    path.write_text(path.read_text() + "\nIt was Monday.\n")

    edited = newsletter("send", "hello", "--yes")
    dry = newsletter("send", "sorry", "--to-readers-of", "hello", "--dry-run", "--json")

    assert edited.returncode == 0
    assert "newsletter archive amend hello" in edited.stderr
    assert "--to-readers-of 1" in edited.stderr
    assert 'Would send "Sorry" to 4 readers of daily who got hello (campaign 1)' in dry.stderr
    assert json.loads(dry.stdout)["deliveries"]["queued"] == 4
    assert json.loads(dry.stdout)["readers_of"] == 1


def test_a_correction_can_be_scheduled(newsletter: Run, tmp_path: Path) -> None:
    publication, database = corrected(tmp_path, 4)

    done = newsletter("schedule", "sorry", "--to-readers-of", "1", "--at", "2099-01-01 07:00 local", "--yes")
    listed = newsletter("campaigns")

    assert done.returncode == 0, done.stderr
    assert "daily, readers of campaign 1" in listed.stdout
    with closing(database):
        plan = make_plan(publication, database, "sorry", list_name=None, segment=None)
    assert plan.campaign
    assert plan.campaign.state is CampaignState.SCHEDULED
