"""A campaign that readers complain about, or whose addresses bounce, is paused with the share and the place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Text, cast, literal

from newsletter.campaigns import audience, events
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import get_campaign
from newsletter.campaigns.events import Event, EventKind
from newsletter.config.settings import Share
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import batch, subscriber
from newsletter.events.guard import Limits, guard_campaigns, troubles
from newsletter.publishing.complaints import complaint_warnings
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

READERS = 4_000
LIMITS = Limits(complaints=Share("0.3%"), bounced=Share("5%"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(settings(tmp_path))
    add_readers(opened, READERS)
    with opened.begin() as connection:
        start_campaign(connection)
        a_half = subscriber.c.id <= READERS // 2
        domain = {"email_key": literal("r").concat(cast(subscriber.c.id, Text)).concat("@mail.example.org")}
        connection.execute(subscriber.update().where(a_half).values(domain))
    yield opened
    opened.close()


def report(database: Database, kind: EventKind, readers: range, bounce: str = "") -> None:
    told = [
        Event(kind=kind, campaign_id=1, subscriber_id=n, at=NOW, key=f"{kind}-{n}", source="postmark", bounce=bounce)
        for n in readers
    ]
    with database.begin() as connection:
        events.record(connection, told)


def guard(database: Database, limits: Limits = LIMITS) -> tuple[str, str]:
    """Return the campaign's state and why."""
    with database.begin() as connection:
        guard_campaigns(connection, [1], limits, NOW)
        campaign = get_campaign(connection, 1)
    return str(campaign.state), campaign.reason


def test_a_few_complaints_of_many_pause_nothing(database: Database) -> None:
    report(database, EventKind.DELIVERED, range(1, READERS + 1))
    report(database, EventKind.COMPLAINED, range(1, 3))
    report(database, EventKind.COMPLAINED, range(READERS - 1, READERS + 1))

    assert guard(database) == ("sending", "")


def test_too_many_complaints_pause_the_campaign_and_name_the_mailbox_provider(database: Database) -> None:
    report(database, EventKind.DELIVERED, range(1, READERS + 1))
    report(database, EventKind.COMPLAINED, range(1, 7))

    state, reason = guard(database)

    assert state == "paused"
    assert reason == "6 of 2,000 messages were called spam (0.30%), at mail.example.org; [send] max_complaints"


def test_one_complaint_in_a_small_list_pauses_nothing(database: Database) -> None:
    report(database, EventKind.DELIVERED, range(1, 11))
    report(database, EventKind.COMPLAINED, range(1, 3))

    assert guard(database)[0] == "sending"


def test_a_list_of_dead_addresses_is_paused_and_soft_bounces_are_not_counted(database: Database) -> None:
    report(database, EventKind.BOUNCED, range(1, 101), "soft")
    assert guard(database)[0] == "sending"

    report(database, EventKind.BOUNCED, range(101, 200), "hard")
    state, reason = guard(database)

    assert state == "paused"
    assert "99 of" in reason
    assert "bounced for good" in reason


def test_without_reports_of_delivery_a_mailbox_provider_is_measured_by_what_was_accepted(
    database: Database, tmp_path: Path
) -> None:
    with database.begin() as connection:
        audience.enqueue(connection, settings(tmp_path), 1, 500, now=NOW)
        connection.execute(batch.update().values(state=BatchState.SETTLED))
    report(database, EventKind.BOUNCED, range(1, 61), "hard")

    assert guard(database) == ("sending", "")

    report(database, EventKind.BOUNCED, range(61, 101), "hard")

    assert guard(database)[1] == (
        "100 of 2,000 messages bounced for good (5.00%), at mail.example.org; [send] max_bounced"
    )


def test_the_guard_can_be_switched_off(database: Database) -> None:
    report(database, EventKind.DELIVERED, range(1, READERS + 1))
    report(database, EventKind.COMPLAINED, range(1, READERS))

    assert guard(database, Limits(complaints=Share("off"), bounced=Share("off")))[0] == "sending"
    with database.read() as connection:
        assert troubles(connection, 1)[-1].readers == READERS - 1


def test_complaints_below_the_limit_are_warned_about_by_status_and_by_email(database: Database) -> None:
    report(database, EventKind.DELIVERED, range(1, READERS + 1))
    report(database, EventKind.COMPLAINED, range(1, 4))
    report(database, EventKind.COMPLAINED, range(READERS, READERS + 1))

    [warning] = complaint_warnings(database, NOW)

    assert guard(database)[0] == "sending"
    assert warning.key == "complaints-1"
    assert "3 of 2,000 messages were called spam (0.15%), at mail.example.org" in warning.sentence


def test_a_campaign_without_trouble_is_not_warned_about(database: Database) -> None:
    report(database, EventKind.DELIVERED, range(1, READERS + 1))
    report(database, EventKind.COMPLAINED, range(1, 2))

    assert complaint_warnings(database, NOW) == []
