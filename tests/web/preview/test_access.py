"""Accessibility of the preview: no serious barriers, use by keyboard alone, use on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.checks.test_axe import SEVERE
from tests.support.rendered_email import Scheme
from tests.web.preview.preview_server import ISSUE, SETTINGS, Preview, opened, publish, running

LOOK = "async () => (await axe.run(document, {resultTypes: ['violations'], iframes: false})).violations"
WRONG = ISSUE.replace("a paragraph", "[click here](https://example.com)").replace(":::button", ":::buton")
TWICE = ISSUE.replace("a paragraph", "[click here](https://example.com) and [here](http://example.com)")
FOCUSED = "() => document.activeElement.textContent.trim().split(/\\s{2,}/)[0]"


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    root = publish(tmp_path_factory.mktemp("access") / "news")
    (root / "issues" / "2025-01-18-wrong.md").write_text(WRONG, encoding="utf-8")
    (root / "issues" / "2025-01-19-twice.md").write_text(TWICE, encoding="utf-8")
    with running(root) as preview:
        yield preview


def barriers(page: Page) -> list[str]:
    page.evaluate(AXE_SCRIPT)
    return [
        f"{violation['id']}: {node['html']}"
        for violation in page.evaluate(LOOK)
        if violation["impact"] in SEVERE
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (375, "dark")])
def test_no_page_has_a_serious_barrier(preview: Preview, browser: Browser, width: int, scheme: Scheme) -> None:
    paths = (
        "/",
        "/?client=apple",
        "/issues/chips?panel=problems",
        "/issues/chips?view=grid",
        "/issues/chips?panel=cuts",
        "/issues/wrong?panel=problems",
        "/issues/none",
    )
    with opened(browser, preview, paths[0], width=width, scheme=scheme) as page:
        for path in paths:
            page.goto(preview.url + path)
            page.wait_for_load_state("networkidle") if path == "/issues/none" else page.wait_for_timeout(300)

            assert barriers(page) == [], path


def test_everything_can_be_reached_by_the_keyboard(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips", width=1280) as page:
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(FOCUSED))

        assert [name for name in ("Dark", "Grid", "No images") if name in reached] == ["Dark", "Grid", "No images"]
        assert page.locator(":focus-visible").count() <= 1


def test_keys_choose_views_widths_and_panels(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips?width=375", width=1280) as page:
        for key, said in (
            ("d", "view=dark"),
            ("w", "width=768"),
            ("g", "view=grid"),
            ("p", "panel=none"),
            ("6", "view=outlook"),
        ):
            page.keyboard.press(key)
            expect(page).to_have_url(re.compile(re.escape(said)))

        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("all views side by side")
        page.keyboard.press("Escape")
        page.keyboard.press("i")

        expect(page.locator(".row").first).to_be_visible()


def test_keys_go_from_problem_to_problem(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/twice") as page:
        expect(page.locator(".problem").nth(1)).to_be_visible()
        page.keyboard.press("j")
        page.keyboard.press("j")

        expect(page.locator(".problem").nth(1)).to_be_focused()
        expect(page.locator(".block")).to_be_visible()


def test_keyboard_focus_stays_in_the_panel_when_a_save_fills_it_anew(preview: Preview, browser: Browser) -> None:
    preview.save(TWICE, "issues/2025-01-20-mended.md")
    with opened(browser, preview, "/issues/mended") as page:
        problems = page.locator(".problem")
        expect(problems.nth(2)).to_contain_text('only "here"')
        problems.nth(2).focus()

        preview.save(TWICE.replace("[here]", "[the rules]"), "issues/2025-01-20-mended.md")

        expect(problems.nth(2)).to_contain_text("is not encrypted")
        expect(problems.nth(2)).to_be_focused()


@pytest.mark.parametrize("path", ["/", "/issues/chips", "/issues/chips?view=grid", "/issues/wrong?panel=problems"])
def test_on_a_phone_nothing_is_wider_than_the_screen(preview: Preview, browser: Browser, path: str) -> None:
    with opened(browser, preview, path, width=375, height=740) as page:
        page.wait_for_timeout(200)
        assert page.evaluate("() => document.documentElement.scrollWidth") == 375
        assert page.evaluate("() => document.getElementById('stage')?.scrollWidth ?? 375") <= 375


def test_the_inbox_shows_its_issues_although_the_settings_are_wrong(preview: Preview, browser: Browser) -> None:
    preview.save(SETTINGS.replace("reply_to", "reply_too"), "newsletter.toml")
    try:
        with opened(browser, preview, "/") as page:
            expect(page.get_by_role("alert")).to_contain_text("reply_too")
            expect(page.locator(".row").first).to_be_visible()
    finally:
        preview.save(SETTINGS, "newsletter.toml")
