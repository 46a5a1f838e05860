"""Campaigns are approved, and moved along their arrows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.campaigns.campaign import (
    CAMPAIGN_ARROWS,
    Campaign,
    CampaignState,
    approve_issue,
    change_state,
    frozen_message,
    frozen_page,
    state_after,
)
from newsletter.database.connection import Database, open_database
from newsletter.errors import NewsletterError
from tests import ROOT
from tests.support.sending import MESSAGE, NOW, PAGE, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(settings(tmp_path))
    yield found
    found.close()


def approve(database: Database, slug: str = "hello", list_name: str = "daily") -> Campaign:
    with database.begin() as connection:
        return approve_issue(
            connection,
            message=replace(MESSAGE, slug=slug),
            page=PAGE,
            list=list_name,
            segment="",
            provider="outbox",
            now=NOW,
        )


@pytest.mark.parametrize("verb", CAMPAIGN_ARROWS)
@pytest.mark.parametrize("state", CampaignState)
def test_a_campaign_moves_only_along_its_arrows(state: CampaignState, verb: str) -> None:
    if state in CAMPAIGN_ARROWS[verb]:
        assert state_after(state, verb) is CAMPAIGN_ARROWS[verb][state]
    else:
        with pytest.raises(NewsletterError, match=f"the campaign is {state}"):
            state_after(state, verb)


def test_only_a_retry_leads_out_of_sent_and_nothing_out_of_cancelled() -> None:
    assert [verb for verb, arrows in CAMPAIGN_ARROWS.items() if CampaignState.SENT in arrows] == ["reopen"]
    assert not [verb for verb, arrows in CAMPAIGN_ARROWS.items() if CampaignState.CANCELLED in arrows]


@pytest.mark.parametrize("verb", CAMPAIGN_ARROWS)
def test_every_arrow_is_drawn_and_explained(verb: str) -> None:
    page = (ROOT / "docs" / "sending.md").read_text(encoding="utf-8")
    campaign = page.partition("## Campaigns")[2].partition("## Batches")[0]

    drawn = re.findall(rf"(\w+) --> (\w+): {verb}\n", campaign)

    assert sorted(drawn) == sorted((str(before), str(after)) for before, after in CAMPAIGN_ARROWS[verb].items())
    assert f"- **{verb}**: " in campaign


def test_what_was_approved_is_frozen_with_its_digest_and_page(database: Database) -> None:
    made = approve(database)

    with database.read() as connection:
        assert frozen_message(connection, made.id) == MESSAGE
        assert frozen_page(connection, made.id) == PAGE.html
    assert made.digest == MESSAGE.digest
    assert made.subject == 'Hello {{ first_name | default("there") }}'
    assert made.state is CampaignState.DRAFT


def test_two_campaigns_have_different_keys(database: Database) -> None:
    assert approve(database).key != approve(database, list_name="weekly").key


def test_the_date_of_a_campaign_is_when_it_first_started(database: Database) -> None:
    with database.begin() as connection:
        found = start_campaign(connection)
        change_state(connection, found.id, "pause", now=NOW, reason="asked")
        later = change_state(connection, found.id, "resume", now=NOW + timedelta(hours=1))
        done = change_state(connection, found.id, "finish", now=NOW + timedelta(hours=2))

    assert later.date == NOW
    assert later.reason == ""
    assert done.finished_at == "2025-01-17T14:00:00.000Z"


def test_a_paused_campaign_says_why(database: Database) -> None:
    with database.begin() as connection:
        found = start_campaign(connection)
        paused = change_state(connection, found.id, "pause", now=NOW, reason="no credits")

    assert (paused.state, paused.reason) == (CampaignState.PAUSED, "no credits")
