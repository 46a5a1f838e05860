"""Tests, schedules and pauses from the preview: each after a question, and only for the preview's own pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from newsletter.campaigns import audience
from newsletter.campaigns.campaign import CampaignState, start_now
from newsletter.subscribers.suppressions import Reason, suppress
from tests.web.preview.preview_server import NAME, Preview, opened, running
from tests.web.preview.readers_preview import (
    ISSUE,
    NOW,
    campaigns_of,
    mailed,
    open_publication_database,
    publish_with_readers,
)


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    with running(publish_with_readers(tmp_path_factory.mktemp("acts") / "news")) as preview:
        yield preview


def token(preview: Preview) -> str:
    found = re.search(r'name="newsletter-token" content="([^"]+)"', preview.get("/issues/chips").text)
    assert found
    return found[1]


def confirm(page: Page) -> None:
    page.locator("#confirm-yes").click()
    expect(page.locator("#confirm")).to_be_hidden()


def test_a_test_goes_to_ticked_and_typed_addresses_after_a_question_that_names_them(
    browser: Browser, preview: Preview
) -> None:
    with opened(browser, preview, "/issues/chips?panel=act&reader=known") as page:
        page.get_by_label("Others, too").fill("new@example.com")
        page.get_by_label("Filled in for the reader shown here").check()
        page.get_by_role("button", name="Send a test…").click()
        question = page.locator("#confirm")
        expect(question).to_contain_text("Send a test to 2 addresses through the outbox?")
        expect(question).to_contain_text("new@example.com")
        expect(question).to_contain_text("Ada, of whom everything is known")
        assert mailed(preview.root) == []
        confirm(page)
        expect(page.locator("#tested")).to_contain_text("me@example.com: accepted")

    one, two = mailed(preview.root)
    assert {one["To"], two["To"]} == {"Ada Lovelace <me@example.com>", "Ada Lovelace <new@example.com>"}
    assert re.fullmatch(r"\[TEST\] Chip rules and a camera · \d\d:\d\d:\d\d", one["Subject"])
    body = one.get_body(("plain",))
    assert body
    assert "Good morning Ada." in body.get_content()


def test_a_refused_address_and_a_refused_question_say_so_in_the_page(browser: Browser, preview: Preview) -> None:
    before = len(mailed(preview.root))
    with opened(browser, preview, "/issues/chips?panel=act", width=375) as page:
        page.locator("#test input[value='me@example.com']").uncheck()
        page.get_by_role("button", name="Send a test…").click()
        expect(page.locator("#tested")).to_contain_text("There is no address to send it to")
        page.get_by_label("Others, too").fill("nobody")
        page.get_by_role("button", name="Send a test…").click()
        expect(page.locator("#tested")).to_contain_text("is not an email address")
        page.get_by_label("Others, too").fill("me@example.com")
        page.get_by_role("button", name="Send a test…").click()
        page.get_by_role("button", name="Not now").click()
        expect(page.locator("#confirm")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert len(mailed(preview.root)) == before


def test_an_issue_that_changed_since_the_question_is_not_sent(browser: Browser, preview: Preview) -> None:
    before = len(mailed(preview.root))
    with opened(browser, preview, "/issues/chips?panel=act") as page:
        page.get_by_role("button", name="Send a test…").click()
        expect(page.locator("#confirm")).to_be_visible()
        preview.save(ISSUE.replace("wafers", "lenses"))
        page.locator("#confirm-yes").click()
        expect(page.locator("#confirm-refusal")).to_contain_text("edited since you were asked")
        preview.save(ISSUE)
    assert len(mailed(preview.root)) == before


def test_an_issue_is_scheduled_watched_and_paused_each_after_a_question_with_the_numbers(
    browser: Browser, preview: Preview
) -> None:
    with opened(browser, preview, "/issues/chips?panel=act", scheme="dark") as page:
        page.locator("#schedule [name=at]").fill("2099-01-17T07:00")
        page.get_by_role("button", name="Schedule…").click()
        question = page.locator("#confirm")
        expect(question).to_contain_text(re.compile(r"Send this issue to 40 readers of daily in [\d,]+ days"))
        expect(question).to_contain_text("at 2099-01-17 07:00 UTC")
        expect(question).to_contain_text("keep newsletter run running")
        assert campaigns_of(preview.root) == []
        confirm(page)
        expect(page.locator("#scheduled")).to_contain_text("Campaign 1 starts at 2099-01-17 07:00 UTC")
        expect(page.locator(".campaign")).to_contain_text("Scheduled")
        preview.save(ISSUE.replace("wafers", "lenses"))
        page.wait_for_timeout(500)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(".outdated")).to_contain_text("The issue was edited since; readers get what was approved")
        preview.save(ISSUE)
        page.reload()
        expect(page.locator("#schedule [name=at]")).to_have_value("2099-01-17T07:00")
        _send_some(preview.root)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(".campaign .counts")).to_contain_text("of 40")
        page.get_by_role("button", name="Pause…").click()
        expect(question).to_contain_text("40 readers who wait for it get nothing until it goes on.")
        confirm(page)
        expect(page.locator(".campaign")).to_contain_text("Paused: you asked for it")
        page.reload()
        expect(page.locator(".acting")).to_contain_text("Not again: daily has it by campaign 1.")

    (found,) = campaigns_of(preview.root)
    assert (found.state, found.reason) == (CampaignState.PAUSED, "you asked for it")


def _send_some(root: Path) -> None:
    """Start the campaign and enqueue everybody, as a sender does first."""
    from datetime import UTC, datetime

    from newsletter.config import load_publication

    now = datetime.now(UTC)
    with open_publication_database(root) as database, database.begin() as connection:
        started = start_now(connection, 1, now=now)
        audience.enqueue(connection, load_publication(root / "newsletter.toml"), started.id, 500, now=now)


def test_an_issue_with_errors_is_not_scheduled_and_the_question_says_why(preview: Preview) -> None:
    preview.save(ISSUE.replace("It has a paragraph", "It has a [link](https://localhost/)"), "issues/2025-01-18-bad.md")

    answer = preview.get("/issues/bad/schedule", params={"at": "2099-01-17T07:00"})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("the issue has an error\n")
    assert answer.json()["hint"].startswith("Nothing was changed. Put it right")


@pytest.mark.parametrize("at", ["", "tomorrow", "2001-01-01T07:00"])
def test_a_time_that_is_missing_or_past_is_refused_in_words(preview: Preview, at: str) -> None:
    preview.save(ISSUE, "issues/2025-01-19-timely.md")

    answer = preview.get("/issues/timely/schedule", params={"at": at})

    assert (answer.status_code, "Error" in answer.text) == (400, False)


def test_the_email_can_be_copied_and_downloaded_as_the_shown_reader_gets_it(browser: Browser, preview: Preview) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{preview.url}/issues/chips?panel=act&reader=known")
    page.get_by_role("button", name="Copy the HTML").click()
    expect(page.locator("#taken")).to_contain_text("Copied: ")
    copied = page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as held:
        page.get_by_role("link", name="Download .eml").click()
    taken = Path(held.value.path()).read_bytes()
    context.close()

    assert "Good morning Ada." in copied
    assert "data-nl-line" not in copied
    assert held.value.suggested_filename == "chips.eml"
    assert b"Subject: Chip rules and a camera" in taken


def test_no_test_goes_to_a_suppressed_address_nor_when_the_database_cannot_tell(preview: Preview) -> None:
    own = {"X-Newsletter-Token": token(preview)}
    with open_publication_database(preview.root) as database, database.begin() as connection:
        suppress(connection, "gone@example.com", Reason.COMPLAINED, "", NOW)
    digest = preview.get("/issues/chips/test?to=gone@example.com").json()["digest"]
    answer = preview.post(f"/issues/chips/test?to=GONE@example.com&digest={digest}", headers=own)

    assert [(one["outcome"], one["reason"]) for one in answer.json()] == [("rejected", "suppressed: complained")]
    with broken_database(preview.root):
        refused = preview.post(f"/issues/chips/test?to=gone@example.com&digest={digest}", headers=own)
        panels = [preview.get(f"/issues/chips/{panel}").text for panel in ("act?", "readers")]
    assert refused.status_code == 400
    assert all("not a SQLite database" in told for told in (refused.json()["message"], *panels))


@contextmanager
def broken_database(root: Path) -> Iterator[None]:
    """Let newsletter.toml name a database file that is none."""
    settings = root / "newsletter.toml"
    text = settings.read_text()
    (root / "broken.db").write_text("no database " * 100)
    settings.write_text(text + '[database]\nurl = "sqlite:///broken.db"\n')
    yield
    settings.write_text(text)


def test_every_part_is_reached_by_a_key(browser: Browser, preview: Preview) -> None:
    with opened(browser, preview, "/issues/chips?reader=known") as page:
        for key, pane in (("r", "readers"), ("s", "act")):
            page.keyboard.press(key)
            expect(page.locator(f"#panel-{pane}")).to_be_visible()
        page.keyboard.press("c")
        expect(page).to_have_url(f"{preview.url}/issues/chips/compare?reader=known")
        page.wait_for_selector("#compared[data-ready]")
        page.keyboard.press("Escape")
        expect(page).to_have_url(f"{preview.url}/issues/chips?reader=known")
        page.wait_for_selector("#stage[data-shown]")
        page.keyboard.press("e")
        expect(page).to_have_url(f"{preview.url}/issues/chips/edit?reader=known")
        expect(page.locator("#shown-as")).to_have_text("Shown as known")


ACTS = (
    "/issues/chips/test?to=me@example.com&digest={digest}",
    "/issues/chips/schedule?at=2099-01-17T07:00&digest={digest}&waiting=40",
    "/campaigns/1/pause",
    f"/issues/chips/save?name={NAME}&over={{digest}}",
    "/issues/chips/typed/tab",
)


@pytest.mark.parametrize("path", ACTS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-Newsletter-Token": "guessed"}, 403),
        ({"Origin": "https://evil.example", "X-Newsletter-Token": "{token}"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "X-Newsletter-Token": "{token}"}, 403),
        ({"Host": "evil.example", "X-Newsletter-Token": "{token}"}, 403),
    ],
)
def test_nothing_changes_without_the_token_or_for_another_site(
    preview: Preview, path: str, headers: dict[str, str], status: int
) -> None:
    digest = preview.get("/issues/chips/test?to=me@example.com").json()["digest"]
    before = (len(mailed(preview.root)), campaigns_of(preview.root), (preview.root / "issues" / NAME).read_text())

    own = {name: value.format(token=token(preview)) for name, value in headers.items()}
    answer = preview.post(path.format(digest=digest), headers=own, data="---\nsubject: Stolen\n---\nx\n")

    assert answer.status_code == status
    assert before == (
        len(mailed(preview.root)),
        campaigns_of(preview.root),
        (preview.root / "issues" / NAME).read_text(),
    )


def test_changes_need_a_post(preview: Preview) -> None:
    for path in ("/issues/chips/save", "/issues/chips/typed/tab"):
        assert preview.get(path).status_code in (404, 405)
    assert preview.post("/campaigns/99/pause", headers={"X-Newsletter-Token": token(preview)}).json() == {
        "message": 'no campaign named "99"',
        "hint": "See them all with `newsletter campaigns`.",
    }
