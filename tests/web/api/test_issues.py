"""Issues, lists, segments, suppressions and events by the API."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime

from newsletter.campaigns import events
from newsletter.campaigns.events import Event, EventKind
from tests.support.sending import start_campaign
from tests.web.api.serving import ServedApi


def test_issues_are_listed_in_pages_with_the_newest_first(api: ServedApi) -> None:
    first = api.get("/issues", limit=3)
    second = api.get("/issues", limit=3, cursor=first["next"])

    assert [issue["slug"] for issue in first["data"] + second["data"]] == ["broken", "later", "rules", "chips"]
    assert first["data"][1] == {
        "slug": "later",
        "subject": "later",
        "preheader": "What the new rules change.",
        "date": "2025-01-17",
        "list": "",
        "is_welcome": False,
    }


def test_an_issue_is_shown_as_it_would_be_sent_with_what_check_finds(api: ServedApi) -> None:
    issue = api.get("/issues/chips")

    assert "Good morning there" in issue["html"]
    assert "Good morning there" in issue["text"]
    assert len(issue["digest"]) == 64
    assert all(finding["path"].endswith("2025-01-17-chips.md") for finding in issue["findings"])


def test_an_issue_that_cannot_be_built_is_shown_with_the_line_that_is_wrong(api: ServedApi) -> None:
    issue = api.get("/issues/broken")

    assert (issue["html"], issue["text"], issue["digest"]) == (None, None, None)
    assert any(finding["line"] == 6 and "qoute" in finding["message"] for finding in issue["findings"])


def test_no_other_file_is_ever_opened(api: ServedApi) -> None:
    for name in ("..%2Fnewsletter.toml", "%2Fetc%2Fpasswd", "2025-01-17-chips.md", "%00", "chip"):
        assert api.ask("GET", f"/issues/{name}").status_code in (404, 422)


def test_a_test_goes_to_the_addresses_that_are_named(api: ServedApi) -> None:
    answer = api.ask("POST", "/issues/chips/test", json={"to": ["me@example.com", "you@example.com"]})

    assert [each["outcome"] for each in answer.json()["data"]] == ["accepted", "accepted"]
    files = api.publication.root.glob("outbox/other/*.eml")
    sent = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    assert {mail["to"] for mail in sent} == {"me@example.com", "you@example.com"}
    assert all(mail["subject"].startswith("[TEST] chips") for mail in sent)


def test_lists_and_segments_are_shown_with_their_readers(api: ServedApi) -> None:
    api.ask("POST", "/subscribers", json={"email": "ada@example.com", "fields": {"plan": "pro"}})

    daily, weekly = api.get("/lists")["data"]
    [pro] = api.get("/segments")["data"]

    assert (daily["name"], daily["default"], daily["active"]) == ("daily", True, 1)
    assert (weekly["title"], weekly["default"]) == ("Weekly Inference", False)
    assert (pro["name"], pro["rules"], pro["active"]) == ("pro", {"plan": "pro"}, 1)


def test_an_address_is_suppressed_found_and_let_go(api: ServedApi) -> None:
    made = api.ask("POST", "/suppressions", json={"email": "zoe@example.com"})
    again = api.ask("POST", "/suppressions", json={"email": "ZOE@example.com", "reason": "complained"})

    assert (made.status_code, again.status_code) == (201, 200)
    assert (again.json()["reason"], again.json()["detail"]) == ("by-hand", "api:everything")
    assert [row["email"] for row in api.get("/suppressions", reason="by-hand")["data"]] == ["zoe@example.com"]
    assert api.ask("DELETE", "/suppressions/zoe@example.com").status_code == 204
    assert api.ask("DELETE", "/suppressions/zoe@example.com").status_code == 404


def test_suppressions_come_in_pages_whose_cursors_hold_no_address(api: ServedApi) -> None:
    for name in ("a", "b", "c"):
        api.ask("POST", "/suppressions", json={"email": f"{name}@pages.example.com", "reason": "bounced"})

    first = api.get("/suppressions", limit=2, reason="bounced")
    second = api.get("/suppressions", limit=2, reason="bounced", cursor=first["next"])

    assert [row["email"][0] for row in first["data"] + second["data"]] == ["a", "b", "c"]
    assert "pages" not in first["next"]


def test_events_are_read_from_where_the_last_reading_ended(api: ServedApi) -> None:
    reader = api.ask("POST", "/subscribers", json={"email": "eve@example.com"}).json()["id"]
    at = datetime(2025, 1, 17, tzinfo=UTC)
    with api.database.begin() as connection:
        campaign = start_campaign(connection)
        opened = Event(kind=EventKind.OPENED, campaign_id=campaign.id, subscriber_id=reader, at=at, key="o1")
        events.record(connection, [opened])

    page = api.get("/events")
    assert [(row["kind"], row["subscriber"], row["campaign"]) for row in page["data"]] == [
        ("opened", reader, campaign.id)
    ]
    nothing = api.get("/events", cursor=page["next"])
    assert (nothing["data"], nothing["has_more"], nothing["next"]) == ([], False, page["next"])

    with api.database.begin() as connection:
        clicked = Event(kind=EventKind.CLICKED, campaign_id=campaign.id, subscriber_id=reader, at=at, key="c1")
        events.record(connection, [clicked])

    assert [row["kind"] for row in api.get("/events", cursor=nothing["next"])["data"]] == ["clicked"]
    assert api.get("/events", kind="bounced")["data"] == []
