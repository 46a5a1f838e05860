"""Pages that listen too late for an update, and answers that arrive after newer ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.web.preview.preview_server import ISSUE, NAME, SETTINGS, Preview, opened, publish, running
from tests.web.preview.test_edit import go_to, on_disk, send_state

OTHER = "issues/2025-01-18-other.md"


@pytest.fixture
def preview(tmp_path: Path) -> Iterator[Preview]:
    with running(publish(tmp_path / "news")) as preview:
        yield preview


@contextmanager
def held(page: Page, address: str) -> Iterator[list[Route]]:
    """Hold back the page's requests to an address; the test answers them. At least one has to come within the block."""
    asked: list[Route] = []
    page.route(address, lambda route: asked.append(route))
    yield asked
    while not asked:
        page.wait_for_timeout(20)


def reloaded_without_events(page: Page) -> Route:
    """Load the page again; it gets no events until the test lets the route go on."""
    with held(page, "**/events?*") as asked:
        page.reload()
    return asked[0]


def read_all_answers(page: Page) -> None:
    """Wait until the page has read all earlier answers."""
    page.evaluate("fetch('/static/look.css').then((answer) => answer.text())")


@pytest.mark.parametrize("path", ["/", "/issues/chips"])
def test_a_refused_page_comes_back_though_it_was_mended_before_the_page_listened(
    tmp_path: Path, browser: Browser, path: str
) -> None:
    root = publish(tmp_path / "news")
    (root / "newsletter.toml").unlink()
    with running(root) as preview, opened(browser, preview, "/") as early, opened(browser, preview, "/") as late:
        late.goto(preview.url + path)
        listens = reloaded_without_events(late)
        expect(late.locator("main")).to_contain_text("newsletter.toml")

        preview.save(SETTINGS, "newsletter.toml")
        expect(early.locator(".row .subject")).to_have_text("Chip rules and a camera")
        listens.continue_()

        expect(late.locator(".subject")).to_have_text("Chip rules and a camera")


def test_a_refused_page_that_nothing_mended_stays_as_it_is(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/") as page:
        page.goto(f"{preview.url}/issues/none")
        page.evaluate("window.isTheSame = true")
        with page.expect_response("**/issues/none"):
            preview.save(ISSUE, OTHER)
        read_all_answers(page)

        assert page.evaluate("window.isTheSame")


def test_an_inbox_has_the_issue_that_came_before_it_listened(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/") as early, opened(browser, preview, "/") as late:
        listens = reloaded_without_events(late)

        preview.save(ISSUE, OTHER)
        expect(early.locator(".row")).to_have_count(2)
        listens.continue_()

        expect(late.locator(".row")).to_have_count(2)


def test_an_inbox_in_which_nothing_changed_keeps_its_rows(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/") as page:
        listens = reloaded_without_events(page)
        page.evaluate("document.querySelector('.row').isTheSame = true")

        with page.expect_response("**/rows?*"):
            listens.continue_()
        read_all_answers(page)

        assert page.evaluate("document.querySelector('.row').isTheSame")


def test_an_issue_that_was_deleted_before_its_page_listened_is_shown_as_gone(
    preview: Preview, browser: Browser
) -> None:
    with opened(browser, preview, "/issues/chips") as early, opened(browser, preview, "/issues/chips") as late:
        listens = reloaded_without_events(late)
        late.wait_for_selector("#stage[data-shown]")

        (preview.root / "issues" / NAME).unlink()
        expect(early.locator("#failure")).to_contain_text("was deleted or moved")
        listens.continue_()

        expect(late.locator("#failure")).to_contain_text("was deleted or moved")


def test_a_text_read_before_a_save_does_not_come_back_after_it(preview: Preview, browser: Browser) -> None:
    with send_state(browser, preview) as page:
        before = page.request.get(f"{preview.url}/issues/chips/manuscript")
        with held(page, "**/manuscript") as asked:
            preview.save(SETTINGS.replace("Springfield", "Shelbyville"), "newsletter.toml")
        go_to(page, "about wafers")
        page.keyboard.type(" and lenses")
        page.keyboard.press("Control+s")
        expect(page.locator("#saved")).to_have_text("Saved")

        asked[0].fulfill(response=before)
        read_all_answers(page)

        assert page.locator("#text").input_value() == on_disk(preview)
        assert "about wafers and lenses" in on_disk(preview)


def test_a_late_answer_does_not_show_a_mistake_that_was_mended(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        with held(page, "**/failure") as asked:
            preview.save(ISSUE.replace(":::button", ":::buton"))
        mistake = page.request.get(f"{preview.url}/issues/chips/failure")
        preview.save(ISSUE.replace("Good morning", "Good evening"))
        expect(page.frame_locator("#single iframe:not(.incoming)").get_by_text("Good evening")).to_be_visible()

        asked[0].fulfill(response=mistake)
        read_all_answers(page)

        assert page.locator("#failure").is_hidden()


def test_a_panel_that_gets_no_answer_stays_as_it_is(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        expect(page.locator("#panel-problems .problems")).to_be_visible()
        with held(page, "**/problems") as asked:
            preview.save(ISSUE.replace("a paragraph", "[click here](https://example.com)"))

        asked[0].abort("connectionrefused")
        read_all_answers(page)

        expect(page.locator("#panel-problems .problems")).to_be_visible()
