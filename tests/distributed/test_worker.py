"""`newsletter worker`: batches leave through jobs, and the ledger alone says what may be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.campaigns.campaign import CampaignState
from tests.support.sending import add_readers, settings, start_campaign
from tests.support.workers import opened, sender_of, working

pytestmark = pytest.mark.usefixtures("postgresql")


def test_workers_send_what_send_enqueues(tmp_path: Path) -> None:
    publication = settings(tmp_path)
    with opened(publication) as database, working(publication, 2):
        add_readers(database, 250)
        with database.begin() as connection:
            campaign = start_campaign(connection)
        result = sender_of(publication, database, campaign).run()

    assert result.campaign.state is CampaignState.SENT
    assert result.deliveries["accepted"] == 250
    assert len([*tmp_path.glob("outbox/*/*.eml")]) == 250
