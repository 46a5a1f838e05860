"""The preview's start page and an issue's page, as an author opens them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.web.preview.preview_server import ISSUE, Preview, opened, publish, running


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    with running(publish(tmp_path_factory.mktemp("pages") / "news")) as preview:
        yield preview


@pytest.fixture(autouse=True)
def as_it_was(preview: Preview) -> None:
    preview.save(ISSUE)


def test_the_start_page_shows_an_issue_as_an_inbox_does_and_opens_it(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/") as page:
        row = page.locator(".row")
        expect(row).to_contain_text("Daily Inference")
        expect(row.locator(".subject")).to_have_text("Chip rules and a camera")
        expect(row.locator(".state")).to_have_text("Draft")

        page.keyboard.press("j")
        page.keyboard.press("Enter")

        expect(page).to_have_url(f"{preview.url}/issues/chips")


def test_a_save_changes_the_email_that_is_shown(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        email = page.frame_locator("#single iframe:not(.incoming)")
        expect(email.get_by_text("It has a paragraph.")).to_be_visible()

        preview.save(ISSUE.replace("It has a paragraph.", "It has another paragraph."))

        expect(email.get_by_text("It has another paragraph.")).to_be_visible()
