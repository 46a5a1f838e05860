"""A campaign with a higher priority is sent before others; those of one priority keep their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.database.connection import open_database
from newsletter.publishing.priorities import prioritise
from tests.support.sending import settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")


def test_an_urgent_campaign_is_first_and_a_low_one_last(tmp_path: Path) -> None:
    database = open_database(settings(tmp_path))
    with database.begin() as connection:
        low, normal, urgent = (start_campaign(connection, name).id for name in ("daily", "weekly", "monthly"))
    prioritise(database, low, "low")
    prioritise(database, urgent, "high")
    prioritise(database, normal, None)

    with database.read() as connection:
        order = [campaign.id for campaign in campaigns_in_state(connection, CampaignState.SENDING)]
    database.close()
    assert order == [urgent, normal, low]
