"""Campaigns by the API: started, scheduled, paused, resumed, cancelled, and never sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter import Publication
from newsletter.campaigns.campaign import CampaignPriority, get_campaign
from newsletter.campaigns.campaign_queries import campaigns_of_slug
from tests.web.api.conftest import make_news
from tests.web.api.serving import ServedApi, serve_api


@pytest.fixture
def api(each_database: str, tmp_path: Path) -> Iterator[ServedApi]:
    with serve_api(make_news(tmp_path)) as served:
        served.ask("POST", "/subscribers", json={"email": "ada@example.com", "fields": {"plan": "pro"}})
        served.ask("POST", "/subscribers", json={"email": "bob@example.com"})
        yield served


@pytest.mark.sqlite
def test_an_issue_that_is_started_is_sent_by_the_next_run(api: ServedApi) -> None:
    started = api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now"})

    assert started.status_code == 201, started.text
    assert started.json()["state"] == "sending"
    assert started.json()["has_runner"] is False

    Publication(api.publication, lambda: api.database).send("chips")

    campaign = api.get("/campaigns/chips")
    assert (campaign["state"], campaign["audience"], campaign["deliveries"]["accepted"]) == ("sent", 2, 2)
    stats = api.get("/campaigns/1/stats")
    assert (stats["events"]["delivered"], stats["deliveries_reported"]) == (0, False)
    assert api.get("/pushes/chips/stats") == stats
    again = api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now"})
    assert again.status_code == 409
    assert "is sent; nobody is mailed again" in again.json()["detail"]


def test_an_issue_is_scheduled_and_scheduled_again(api: ServedApi) -> None:
    first = api.ask("POST", "/campaigns", json={"issue": "rules", "at": "2099-01-18 07:00", "segment": "pro"})
    second = api.ask("POST", "/campaigns", json={"issue": "rules", "at": "2099-01-19 07:00 UTC", "segment": "pro"})

    assert (first.status_code, second.status_code) == (201, 200), second.text
    assert (first.json()["state"], first.json()["send_at"]) == ("scheduled", "2099-01-18T12:00:00.000Z")
    assert (second.json()["id"], second.json()["send_at"]) == (first.json()["id"], "2099-01-19T07:00:00.000Z")
    assert second.json()["segment"] == "pro"


def test_a_correction_goes_to_those_who_got_a_campaign_and_may_go_first(api: ServedApi) -> None:
    first = api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now"}).json()
    api.ask("POST", "/campaigns/chips/cancel")

    wanted = {"issue": "rules", "at": "now", "to_readers_of": str(first["id"]), "priority": "high"}
    nobody = api.ask("POST", "/campaigns", json=wanted)
    unknown = api.ask("POST", "/campaigns", json={**wanted, "to_readers_of": "nothing"})

    assert (nobody.status_code, "nobody to send it to" in nobody.json()["detail"]) == (422, True), nobody.text
    assert (unknown.status_code, "nothing" in unknown.json()["detail"]) == (422, True), unknown.text


def test_the_priority_of_a_campaign_is_kept(api: ServedApi) -> None:
    made = api.ask("POST", "/campaigns", json={"issue": "chips", "at": "2099-01-18 07:00", "priority": "high"})

    with api.database.read() as connection:
        assert get_campaign(connection, made.json()["id"]).priority == CampaignPriority.HIGH


def test_a_campaign_is_paused_resumed_and_cancelled_and_says_who_asked(api: ServedApi) -> None:
    api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now"})

    paused = api.ask("POST", "/campaigns/chips/pause")
    resumed = api.ask("POST", "/campaigns/chips/resume")
    cancelled = api.ask("POST", "/campaigns/chips/cancel")
    again = api.ask("POST", "/campaigns/chips/resume")

    assert (paused.json()["state"], paused.json()["reason"]) == ("paused", "api:everything asked for it")
    assert (resumed.json()["state"], cancelled.json()["state"]) == ("sending", "cancelled")
    assert cancelled.json()["audience"] == 0
    assert (again.status_code, again.json()["detail"]) == (422, "the campaign is cancelled")


def test_what_cannot_be_sent_is_refused_with_the_reason_and_no_campaign_is_made(api: ServedApi) -> None:
    wanted = {
        "broken": ({"at": "now"}, 422, "qoute"),
        "missing": ({"at": "now"}, 404, "no issue has this slug"),
        "../../etc/passwd": ({"at": "now"}, 404, "no issue has this slug"),
        "rules": ({"at": "yesterday"}, 422, "yesterday"),
        "later": ({}, 422, "does not say when to send it"),
        "chips": ({"at": "now", "list": "nolist"}, 422, 'no list is named "nolist"'),
    }
    for issue, (more, status, detail) in wanted.items():
        answer = api.ask("POST", "/campaigns", json={"issue": issue, **more})
        assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text

    empty = api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now", "list": "weekly"})
    assert "nobody to send it to" in empty.json()["detail"]
    assert api.get("/campaigns")["data"] == []


def test_campaigns_come_in_pages_with_the_latest_first(api: ServedApi) -> None:
    for issue in ("chips", "rules", "later"):
        api.ask("POST", "/campaigns", json={"issue": issue, "at": "2099-01-18 07:00"})

    first = api.get("/campaigns", limit=2)
    second = api.get("/campaigns", limit=2, cursor=first["next"])

    assert [row["issue"] for row in first["data"]] == ["later", "rules"]
    assert [row["issue"] for row in second["data"]] == ["chips"]
    assert second["next"] is None
    assert [row["issue"] for row in api.get("/campaigns", issue="rules", state="scheduled")["data"]] == ["rules"]


def test_a_repeated_request_to_start_makes_one_campaign(api: ServedApi) -> None:
    header = {"Idempotency-Key": "publish-17"}

    first = api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now"}, headers=header)
    second = api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now"}, headers=header)

    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    with api.database.read() as connection:
        assert len(campaigns_of_slug(connection, "chips")) == 1


def test_nothing_unknown_and_nothing_rejected_is_no_error(api: ServedApi) -> None:
    api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now"})

    retried = api.ask("POST", "/campaigns/chips/retry")
    asked = api.ask("POST", "/campaigns/chips/reconcile")
    resolved = api.ask("POST", "/campaigns/chips/resolve", json={"decision": "assume-sent"})

    assert [answer.json()["readers"] for answer in (retried, asked, resolved)] == [0, 0, 0]
    assert api.ask("GET", "/campaigns/99").status_code == 404
