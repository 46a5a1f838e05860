"""A row of providers: when one stops the campaign goes on through the next, and nobody crosses over in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import counts, reports
from newsletter.campaigns.campaign import CampaignState
from newsletter.config import load_publication
from newsletter.errors import ConfigError
from newsletter.times import utc_now
from tests.faults.case import ENVIRONMENT, Case
from tests.support.provider_server import Postmark, Resend
from tests.support.sending import settings


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Case, Resend, Postmark]]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with Resend() as resend, Postmark() as postmark:
        sections = (server.toml.partition("[providers")[2] for server in (resend, postmark))
        toml = '[send]\nprovider = ["resend", "postmark"]\npatience = "1s"\n'
        case = Case(tmp_path, toml + "".join(f"[providers{section}" for section in sections), "resend")
        yield case, resend, postmark
        case.database.close()


def through(case: Case) -> dict[str, int]:
    with case.database.read() as connection:
        return counts.through(connection, 1)


def test_while_the_first_one_sends_the_second_is_not_needed(both: tuple[Case, Resend, Postmark]) -> None:
    case, resend, postmark = both

    case.send()

    assert (len(resend.accepted), len(postmark.accepted)) == (100, 0)
    assert reports.through(through(case)) == ""


def test_when_the_first_one_stops_everyone_else_gets_it_through_the_next(
    both: tuple[Case, Resend, Postmark], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, resend, postmark = both
    resend.quota = 50

    case.send()

    assert (case.campaign.state, case.campaign.provider, case.counts()) == (
        CampaignState.SENT,
        "postmark",
        {"accepted": 100},
    )
    assert (len(resend.accepted), len(postmark.accepted)) == (50, 50)
    assert reports.through(through(case)) == "\nThrough resend 50, postmark 50"
    (said,) = case.watcher.said
    assert said.startswith("Resend stopped: Resend refused to send: 429 (daily_quota_exceeded)")
    assert said.endswith("Going on through Postmark.")
    case.check(resend, postmark)


@pytest.mark.slow
def test_what_the_first_one_may_have_taken_never_crosses_over(both: tuple[Case, Resend, Postmark]) -> None:
    case, resend, postmark = both
    resend.faults = ["dropped"] + ["not accepted: busy"] * 50

    case.send()

    assert case.campaign.provider == "postmark"
    assert case.counts() == {"accepted": 50, "unknown": 50}
    case.check(resend, postmark)
    assert {id for _, id, _ in resend.accepted} & {id for _, id, _ in postmark.accepted} == set()


@pytest.mark.slow
def test_what_stayed_with_the_first_one_is_asked_of_it_later(both: tuple[Case, Resend, Postmark]) -> None:
    case, resend, postmark = both
    resend.faults = ["dropped"] * 2 + ["not accepted: busy"] * 50
    case.send()
    assert case.counts() == {"unknown": 100}

    (finding, _) = case.ask(utc_now() + timedelta(hours=20))

    assert "Resend cannot be asked any more" in finding.remark
    assert (postmark.accepted, case.counts()) == ([], {"unknown": 100})


@pytest.mark.slow
def test_the_last_one_of_the_row_pauses_the_campaign(both: tuple[Case, Resend, Postmark]) -> None:
    case, resend, postmark = both
    resend.quota = 0
    postmark.faults = ["not accepted: busy"] * 50

    case.send()

    assert case.campaign.state is CampaignState.PAUSED
    assert "for longer than 1s" in case.campaign.reason
    assert case.counts() == {"queued": 100}


def test_every_provider_of_the_row_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='no provider is named "postmrk"'):
        settings(tmp_path, '[send]\nprovider = ["outbox", "postmrk"]\n')


@pytest.mark.parametrize("value", ["[]", "7", "[7]"])
def test_a_row_that_is_none_is_refused_with_its_line(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError) as found:
        settings(tmp_path, f"[send]\nprovider = {value}\n")

    assert "newsletter.toml:11" in str(found.value)


def test_a_next_one_that_cannot_be_used_pauses_the_campaign_with_both_reasons(
    both: tuple[Case, Resend, Postmark], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, resend, postmark = both
    resend.quota = 50
    settings_file = case.publication.path
    toml = settings_file.read_text().replace('token = "env:PROVIDER_KEY"', 'token = "env:NOT_SET"')
    settings_file.write_text(toml)
    case.publication = load_publication(settings_file)

    case.send()

    assert case.campaign.state is CampaignState.PAUSED
    assert case.campaign.reason.startswith("Resend refused to send: 429 (daily_quota_exceeded)")
    assert "postmark cannot go on instead" in case.campaign.reason
    assert "NOT_SET is not set" in case.campaign.reason
    assert (case.campaign.provider, case.counts()) == ("resend", {"accepted": 50, "queued": 50})
    case.check(resend, postmark)
