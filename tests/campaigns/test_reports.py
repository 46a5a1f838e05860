"""Reports describe a campaign in words and numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.campaigns import reports
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.counts import ListedDelivery, status
from newsletter.campaigns.delivery_states import STATES
from newsletter.database.connection import open_database
from tests.support.sending import settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

NONE = dict.fromkeys(STATES, 0)


@pytest.fixture(scope="module")
def campaign(each_database: str, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    database = open_database(settings(tmp_path_factory.mktemp("reports")))
    with database.begin() as connection:
        found = start_campaign(connection)
    database.close()
    return found


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (12.4, "12 s"), (252, "4 min 12 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")]
)
def test_a_duration_is_said_in_two_units_at_most(seconds: float, words: str) -> None:
    assert reports.duration(timedelta(seconds=seconds)) == words


def test_one_reader_is_no_readers() -> None:
    assert [reports.readers(number) for number in (0, 1, 8120)] == ["0 readers", "1 reader", "8,120 readers"]


def test_a_tally_leaves_the_zeros_out() -> None:
    assert reports.tally({**NONE, "accepted": 8117, "unknown": 1}) == "8,117 accepted   1 unknown"
    assert reports.tally(NONE) == "nobody"


def test_what_goes_on_with_a_campaign_names_its_list_and_segment(campaign: Campaign) -> None:
    part = replace(campaign, issue="hello", list="weekly", segment="pro")

    assert reports.send_command(replace(part, segment="")) == "newsletter send hello --list weekly"
    assert reports.send_command(part) == "newsletter send hello --list weekly --segment pro"


def test_a_campaign_that_is_cancelled_before_it_began_mailed_nobody() -> None:
    assert reports.who_has_it(NONE) == "Nobody was mailed."
    assert reports.who_has_it({**NONE, "queued": 2}) == "Nobody has it; 2 readers never will."


def test_a_campaign_that_is_being_sent_shows_pace_and_time_left(campaign: Campaign) -> None:
    shown = reports.table(campaign, {**NONE, "queued": 900, "handed": 100, "accepted": 1000}, pace=10)

    assert "10 a second, 1 min 40 s left" in shown
    assert "audience       2,000" in shown


def test_a_paused_campaign_shows_why_and_what_to_type(campaign: Campaign) -> None:
    shown = reports.table(replace(campaign, state=CampaignState.PAUSED, reason="no credits"), NONE)

    assert "Paused: no credits" in shown
    assert "newsletter resume 1" in shown


def test_the_unknown_are_told_apart(campaign: Campaign) -> None:
    assert "nobody of them is mailed again" in reports.table(campaign, {**NONE, "unknown": 3})


def test_ten_are_named_and_the_others_counted() -> None:
    found = [ListedDelivery(subscriber_id=n, email=f"r{n}@example.com", detail="words") for n in range(10)]

    lines = reports.named([*found], 4000, "rejected").splitlines()

    assert lines[0] == "  rejected: r0@example.com: words"
    assert lines[-1] == "  and 3,990 more rejected"
    assert len(lines) == 11


def test_an_erased_reader_has_no_address_any_more() -> None:
    assert reports.named([ListedDelivery(subscriber_id=1, email="", detail="")], 1, "unknown") == "  unknown: (erased)"


def test_the_audience_is_the_sum_of_the_deliveries(campaign: Campaign) -> None:
    found = status(campaign, {**NONE, "accepted": 2, "skipped": 1})

    assert found == {
        "campaign": 1,
        "issue": "hello",
        "state": "sending",
        "audience": 3,
        "deliveries": {**NONE, "accepted": 2, "skipped": 1},
    }
