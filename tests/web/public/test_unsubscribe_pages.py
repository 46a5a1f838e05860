"""The unsubscribe and preferences pages in a browser: phone and desktop, light and dark, both directions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from tests.support.programs import chromium
from tests.support.rendered_email import CONTRASTS
from tests.web.public.leaving import People
from tests.web.public.serving import Served, make_publication, serve

VIOLATIONS = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
SERIOUS = ("serious", "critical")
WORDS = {
    "en": {
        "leave": "Leave Daily Inference",
        "back": "Come back",
        "save": "Save",
        "saved": "Saved",
        "forget": "Forget me",
    },
    "ar": {
        "leave": "إلغاء الاشتراك في Daily Inference",
        "back": "العودة إلى الاشتراك",
        "save": "حفظ",
        "saved": "تمّ الحفظ",
        "forget": "محو بياناتي",
    },
}
LOOKS = [("en", 375, "light"), ("ar", 375, "dark"), ("ar", 1280, "light"), ("en", 1280, "dark"), ("de", 320, "light")]
numbers = count()


@dataclass(frozen=True)
class Setting:
    """A server, its readers, and a browser."""

    served: Served
    people: People
    browser: Browser

    @contextmanager
    def page(self, language: str, width: int, scheme: Any) -> Iterator[Page]:
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            locale=language,
        )
        asked: list[str] = []
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        yield page
        context.close()
        assert [url for url in asked if not url.startswith((self.served.url, "data:"))] == [], "a third party was asked"

    def reader(self) -> tuple[str, str]:
        """Add a reader on both lists; returns address and token."""
        address = f"reader{next(numbers)}@example.com"
        return address, self.people.token(self.people.add(address))


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = make_publication(tmp_path_factory.mktemp("pages") / "news")
    with chromium() as browser, serve(folder) as served:
        people = People(folder)
        yield Setting(served, people, browser)
        people.database.close()


@pytest.mark.parametrize(("language", "width", "scheme"), [("en", 375, "light"), ("ar", 1280, "dark")])
def test_a_reader_changes_lists_leaves_and_comes_back(
    setting: Setting, language: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    words = WORDS[language]
    address, token = setting.reader()

    with setting.page(language, width, scheme) as page:
        page.goto(f"{setting.served.url}/preferences/{token}")
        page.get_by_label("Weekly Inference").uncheck()
        page.locator("#timezone").select_option("Asia/Tokyo")
        page.get_by_role("button", name=words["save"], exact=True).click()
        assert page.get_by_role("status").inner_text().strip() == words["saved"]
        assert setting.people.find(address).lists == {"daily": "active", "weekly": "unsubscribed"}
        assert setting.people.find(address).fields["timezone"] == "Asia/Tokyo"

        page.goto(f"{setting.served.url}/unsubscribe/{token}")
        page.get_by_role("button", name=words["leave"], exact=True).click()
        assert setting.people.find(address).status == "unsubscribed"

        page.get_by_role("button", name=words["back"]).click()
        assert setting.people.find(address).lists == {"daily": "active", "weekly": "unsubscribed"}


def test_forgetting_takes_two_clicks(setting: Setting) -> None:
    address, token = setting.reader()

    with setting.page("ar", 375, "light") as page:
        page.goto(f"{setting.served.url}/preferences/{token}")
        page.get_by_role("button", name=WORDS["ar"]["forget"]).click()
        assert setting.people.find_or_none(address)
        page.locator("main form button").click()

    assert setting.people.find_or_none(address) is None


@pytest.mark.parametrize(("language", "width", "scheme"), LOOKS)
def test_every_page_is_free_of_barriers_and_fits(
    setting: Setting, language: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    wrong: dict[str, object] = {}

    with setting.page(language, width, scheme) as page:
        for name in visits(setting, page):
            page.evaluate(AXE_SCRIPT)
            found = [one["id"] for one in page.evaluate(VIOLATIONS) if one["impact"] in SERIOUS]
            pale = [text for text, contrast in page.evaluate(CONTRASTS) if contrast < 4.5]
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            small = page.evaluate(TARGETS)
            if found or pale or wide or small:
                wrong[name] = (found, pale, wide, small)

    assert wrong == {}


TARGETS = """() => [...document.querySelectorAll("main button, main select, main input:not([type=hidden])")]
    .map((one) => [one, (one.closest("label") ?? one).getBoundingClientRect()])
    .filter(([_, box]) => box.height && Math.min(box.width, box.height) < 24).map(([one]) => one.outerHTML)"""
"""What is too small to be hit by a finger (WCAG 2.2, 2.5.8)."""


def press(page: Page, button: str) -> None:
    """Press a button and wait until the next page is loaded."""
    page.locator(button).click()
    page.wait_for_load_state()


def visits(setting: Setting, page: Page) -> Iterator[str]:
    """Open each of the pages in turn; yields its name."""
    token = setting.reader()[1]
    leave, preferences = f"{setting.served.url}/unsubscribe/{token}", f"{setting.served.url}/preferences/{token}"
    for name, url in (("leave", leave), ("preferences", preferences), ("broken", leave + "x")):
        page.goto(url)
        yield name
    for name, choice in (("paused", "pause"), ("left", "list")):
        page.goto(leave)
        press(page, f"button[value={choice}]")
        yield name
    press(page, "button[value=too-much]")
    yield "thanks"
    page.goto(leave)
    yield "gone"
    page.goto(preferences)
    press(page, "button[value=forget]")
    yield "forget"
    press(page, "main form button")
    yield "forgotten"
    page.goto(preferences)
    yield "nobody"
