"""Fault points of deliveries of which nobody knows: keys, searches, clocks, a person's policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.campaigns import abandoned_batches, resolution
from newsletter.campaigns.campaign import CampaignState
from newsletter.database.tables import batch, subscriber
from newsletter.times import stamp, utc_now
from tests.faults.case import DOUBTFUL, ENVIRONMENT, EVERYONE, Case, handed_over
from tests.support.api_servers import Brevo, SparkPost
from tests.support.provider_server import Mailgun, Postmark, ProviderServer, Resend


@pytest.mark.parametrize(("policy", "calls"), [("resend", [50, 50]), ("assume-sent", [50])])
def test_what_a_dead_sender_left_follows_the_policy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: str, calls: list[int]
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with Postmark() as server:
        toml = server.toml.replace("[send]\n", f'[send]\non_unknown = "{policy}"\n')
        case = Case(tmp_path, toml, "postmark")
        handed_over(case, call=False)

        case.send()

        assert (case.counts(), server.calls) == (EVERYONE, calls)
        assert server.most_often == 1
        case.database.close()


def test_f15_a_key_that_the_provider_may_have_forgotten_is_not_used(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    handed_over(case, call=True)

    case.send(lambda: utc_now() + timedelta(hours=20))

    assert case.counts() == DOUBTFUL
    case.check(server)


@pytest.mark.parametrize(("minutes", "counts"), [(20, EVERYONE), (25, DOUBTFUL)])
def test_f15_a_key_that_is_known_for_half_an_hour_is_used_for_four_fifths_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, minutes: int, counts: dict[str, int]
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with Brevo() as server:
        case = Case(tmp_path, server.toml, "brevo")
        handed_over(case, call=True)

        case.send(lambda: utc_now() + timedelta(minutes=minutes))

        assert case.counts() == counts
        assert len(server.calls) == (3 if minutes == 20 else 2)
        case.check(server)
        case.database.close()


def test_f15_a_clock_that_went_back_changes_nothing(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    handed_over(case, call=True)

    case.send(lambda: utc_now() - timedelta(hours=1))

    assert case.counts() == EVERYONE
    case.check(server)


def test_f23_what_is_not_what_was_sent_under_its_key_does_not_leave(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    handed_over(case, call=True)
    with case.database.begin() as connection:
        connection.execute(update(subscriber).where(subscriber.c.id == 5).values(first_name="Another"))

    case.send()

    assert case.counts() == DOUBTFUL
    assert server.calls == [50, 50]
    case.check(server)


@pytest.mark.slow
def test_f23_a_busy_provider_does_not_make_a_doubtful_batch_a_new_one(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    server.faults = ["dropped", "not accepted: busy"]

    case.send()

    assert case.counts() == EVERYONE
    assert len(server.keys) == 2
    case.check(server)


@pytest.mark.slow
def test_a_cancelled_campaign_makes_no_call_to_ask(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    server.faults = ["dropped"] * 2 + ["not accepted: busy"] * 20
    case.send()
    case.move("cancel")
    with case.database.begin() as connection:
        abandoned_batches.cancel(connection, 1, utc_now())

    findings = case.ask()

    assert {one.remark for one in findings} == {"Resend is asked by a call, and a cancelled campaign makes none"}
    assert case.counts() == {"unknown": 100}
    case.check(server)


@pytest.mark.slow
def test_f23_what_is_in_doubt_when_patience_ends_is_not_called_queued(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    server.faults = ["dropped"] * 2 + ["not accepted: busy"] * 20

    case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"handed": 100})
    server.faults = []
    case.move("resume")
    case.send()
    assert case.counts() == EVERYONE
    case.check(server)


@pytest.fixture(params=[Postmark, Mailgun, SparkPost])
def searchable(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[Case, ProviderServer]]:
    """One batch is unknown, of which the provider has taken all or nothing."""
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with request.param() as server:
        case = Case(tmp_path, server.toml, server.dialect)
        yield case, server
        case.database.close()


def later() -> datetime:
    return utc_now() + timedelta(hours=1)


def test_f22_a_search_that_shows_the_messages_ends_the_doubt(searchable: tuple[Case, ProviderServer]) -> None:
    case, server = searchable
    server.faults = ["dropped"]
    case.send()

    case.ask()

    assert case.counts() == EVERYONE
    case.check(server)


def test_f22_absence_counts_when_the_search_shows_what_was_sent_later(searchable: tuple[Case, ProviderServer]) -> None:
    case, server = searchable
    server.faults = ["not accepted: dropped"]
    case.send()

    (early,) = case.ask()
    (late,) = case.ask(later())

    assert "may lag" in early.remark
    assert len(late.unsent) == 50
    assert case.counts() == {"accepted": 50, "rejected": 50}
    with case.database.begin() as connection:
        assert resolution.count_retryable(connection, 1) == 50
    case.check(server)


def test_f22_what_was_never_answered_is_vouched_for_by_what_the_search_finds(
    searchable: tuple[Case, ProviderServer],
) -> None:
    case, server = searchable
    server.faults = ["dropped", "not accepted: dropped"]
    case.send()
    assert case.counts() == {"unknown": 100}

    case.ask(later())

    assert case.counts() == {"accepted": 50, "rejected": 50}
    case.check(server)


def test_f22_what_was_found_of_an_hour_before_vouches_for_nothing(searchable: tuple[Case, ProviderServer]) -> None:
    case, server = searchable
    server.faults = ["dropped", "not accepted: dropped"]
    case.send()
    found = [no for no in (1, 2) if server.found(f"{case.campaign.key}-{no}")]
    with case.database.begin() as connection:
        early = stamp(utc_now() - timedelta(hours=1))
        connection.execute(update(batch).where(batch.c.no.in_(found)).values(first_handed_at=early))

    findings = case.ask(later())

    assert case.counts() == {"accepted": 50, "unknown": 50}
    assert any("shows too little of this campaign: a person has to decide" in one.remark for one in findings)
    case.check(server)


@pytest.mark.parametrize(("number", "what"), [(0, "nothing"), (30, "too little")])
def test_f22_a_search_that_shows_no_whole_call_of_a_campaign_leaves_it_to_a_person(
    searchable: tuple[Case, ProviderServer], number: int, what: str
) -> None:
    case, server = searchable
    server.faults = ["dropped", "not accepted: dropped"]
    case.send()
    server.accepted = server.accepted[:number]

    findings = case.ask(later())

    assert all(f"search shows {what} of this campaign: a person has to decide" in one.remark for one in findings)
    assert not any("yet" in one.remark or one.unsent or one.is_early for one in findings)
    assert case.counts() == {"unknown": 100 - number} | ({"accepted": number} if number else {})


@pytest.mark.parametrize("fault", ["dropped", "not accepted: dropped"])
def test_f22_a_search_that_is_down_or_lags_changes_nothing(searchable: tuple[Case, ProviderServer], fault: str) -> None:
    case, server = searchable
    server.faults = [fault]
    case.send()

    server.down = True
    assert "did not answer" in case.ask(later())[0].remark
    server.down = False
    server.hidden = {id for _, id, _ in server.accepted}
    assert "does not show this campaign yet" in case.ask(later())[0].remark

    assert case.counts() == DOUBTFUL
    case.check(server)


def test_f22_another_campaign_s_message_to_the_same_address_is_not_ours(
    searchable: tuple[Case, ProviderServer],
) -> None:
    case, server = searchable
    server.faults = ["not accepted: dropped"]
    case.send()
    tag = f"{case.campaign.key}-1"
    server.accepted += [(f"r{number}@example.com", f"9.{number}", tag) for number in range(1, 101)]

    case.ask()

    assert case.counts() == DOUBTFUL
