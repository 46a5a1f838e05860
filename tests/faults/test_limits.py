"""Fault points where a provider says later, or no more."""

from __future__ import annotations

import time
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from newsletter.campaigns.campaign import CampaignState
from newsletter.sending.sender import THREADS
from newsletter.times import utc_now
from tests.faults.case import ENVIRONMENT, EVERYONE, Case
from tests.support.provider_server import SERVERS, ProviderServer, Resend


@pytest.mark.slow
@pytest.mark.parametrize("server", [*SERVERS], indirect=True)
def test_f16_a_busy_provider_is_tried_again_until_everyone_has_it(case: Case, server: ProviderServer) -> None:
    server.faults = ["not accepted: busy", "not accepted: busy"]

    case.send()

    assert case.counts() == EVERYONE
    case.check(server)


def forms(seconds: int) -> dict[str, tuple[dict[str, str], str]]:
    """Every form in which a busy provider says how long to wait."""
    at = utc_now() + timedelta(seconds=seconds)
    return {
        "seconds": ({"Retry-After": str(seconds)}, ""),
        "date": ({"Retry-After": format_datetime(at, usegmt=True)}, ""),
        "reset": ({"ratelimit-reset": str(seconds)}, ""),
        "reset of Brevo": ({"x-sib-ratelimit-reset": str(seconds)}, ""),
        "Unix time": ({"X-RateLimit-Reset": f"{at.timestamp():.0f}"}, ""),
        "words": ({}, f"Too many requests, please try again after {seconds} seconds"),
        "words with a date": ({}, f"Please try again after {format_datetime(at, usegmt=True)}"),
    }


@pytest.mark.parametrize(
    ("form", "name"), [*zip([*forms(2), "nothing"], ["postmark", "resend", "mailgun"] * 3, strict=False)]
)
@pytest.mark.slow
def test_f16_a_429_is_waited_for_as_long_as_it_asks_in_whatever_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str, name: str
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with SERVERS[name]() as server:
        case = Case(tmp_path, server.toml.replace('"3s"', '"1m"'), name)
        server.busy_with = {**forms(2), "nothing": ({}, "Too many requests")}[form]
        server.faults = ["not accepted: busy"] * 2
        began = time.monotonic()

        case.send()

        # A date has no fractions of a second; who says nothing is tried again after a second, or a little less.
        assert (0.7 if form == "nothing" else 0.9) < time.monotonic() - began < 30
        assert case.counts() == EVERYONE
        case.check(server)
        case.database.close()


def test_f21_a_wrong_key_stops_everything_and_nobody_is_unknown(
    case: Case, server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "wrong")

    case.send()

    assert (case.campaign.state, case.counts(), server.accepted) == (CampaignState.PAUSED, {"queued": 100}, [])
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    case.move("resume")
    case.send()
    assert case.counts() == EVERYONE
    case.check(server)


def test_f21_after_the_first_stop_no_batch_is_handed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with Resend() as server:
        server.quota = 100
        case = Case(tmp_path, server.toml, "resend", readers=1000, size=20)
        case.send()

        assert case.campaign.state is CampaignState.PAUSED
        assert case.counts() == {"accepted": 100, "queued": 900}
        assert 5 < len(server.calls) <= 5 + THREADS
        case.check(server)
        case.database.close()
