"""Recipients: the readers of a batch, with what messages print of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.campaigns import audience, claims
from newsletter.config.fields import BUILT_IN
from newsletter.database.connection import open_database
from newsletter.sending.recipients import load_recipients, recipients
from newsletter.signed_links import Links
from newsletter.subscribers import consent
from newsletter.subscribers.writes import SubscriberEntry, enter
from tests.support.readers import NOW
from tests.support.sending import settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")


def test_a_message_can_print_every_column_of_a_reader(tmp_path: Path) -> None:
    publication = settings(tmp_path)
    database = open_database(publication)
    values = {name: f"a {name}" for name in BUILT_IN}
    ada = SubscriberEntry("ada@example.com", (("daily", "active"),), columns=values, fields={"plan": "pro"})

    with database.begin() as connection:
        enter(connection, [ada], consent.record_source(connection, "test", {}, NOW), NOW)
        campaign = start_campaign(connection)
        audience.enqueue(connection, publication, campaign.id, 10, now=NOW)
        claim = claims.claim(connection, campaign.id, owner="test", now=NOW)
        assert claim
        batch = load_recipients(connection, claim, campaign, NOW)
    [recipient] = recipients(batch.to_send.values(), campaign, Links(publication))
    database.close()

    assert recipient.email == "ada@example.com"
    assert recipient.fields.items() >= {**values, "plan": "pro"}.items()
