"""The sign-up pages in Chromium: on a phone, in both schemes and directions, without barriers, small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support.rendered_email import CONTRASTS
from tests.web.public.serving import Mail, Served, make_publication, path_in, serve

SETTINGS = '[signup]\nmin_time = "1s"\nper_network = "off"\nsites = ["https://friends.example"]'
PAGES = ("/", "/subscribe", "/embed", "/embed/form", "/nowhere", "/confirm/nothing")
MOST_BYTES = 50 * 1024


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("site") / "news", SETTINGS)) as running:
        yield running


def opened(browser: Browser, **options: object) -> Page:
    """Open a page with scripts switched off."""
    context = browser.new_context(**{"java_script_enabled": True, **options})  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    return page


def test_a_reader_joins_on_a_phone_and_confirms_from_the_mail(served: Served, browser: Browser) -> None:
    page = opened(browser, viewport={"width": 375, "height": 700}, has_touch=True, java_script_enabled=False)
    page.goto(f"{served.url}/")
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Weekly Inference").check()
    page.wait_for_timeout(2_000)
    page.get_by_role("button", name="Join now").click()
    page.get_by_role("heading", name="Look into your mailbox").wait_for()

    page.goto(served.url + path_in(Mail(served.folder).to("ada@example.com")[0], "confirm"))
    page.get_by_role("button", name="Yes, send it to me").click()

    page.get_by_role("heading", name="Welcome, you are in").wait_for()
    expect(page.locator("main")).to_contain_text("Daily Inference and Weekly Inference")
    page.context.close()


def test_a_slip_in_the_address_is_corrected_with_one_press(served: Served, browser: Browser) -> None:
    page = opened(browser)
    page.goto(f"{served.url}/subscribe")
    page.get_by_label("Email address").fill("slip@gmial.com")
    page.wait_for_timeout(2_000)
    page.get_by_role("button", name="Join now").click()

    page.get_by_role("button", name="Yes, slip@gmail.com").click()

    page.get_by_role("heading", name="Look into your mailbox").wait_for()
    expect(page.locator("main")).to_contain_text("slip@gmail.com")
    page.context.close()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(320, "dark", "ar"), (375, "light", "en"), (1280, "dark", "de")]
)
def test_pages_fit_can_be_read_and_load_nothing_from_elsewhere(
    served: Served, browser: Browser, path: str, width: int, scheme: str, language: str
) -> None:
    page = opened(browser, viewport={"width": width, "height": 800}, color_scheme=scheme, locale=language)
    sizes: dict[str, int] = {}
    errors: list[str] = []
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    page.goto(served.url + path)

    assert all(url.startswith((served.url, "data:")) for url in sizes)
    assert sum(sizes.values()) < MOST_BYTES
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
    assert [text for text, contrast in page.evaluate(CONTRASTS) if contrast < 4.5] == []
    page.context.close()


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_no_barriers(served: Served, browser: Browser, path: str) -> None:
    page = opened(browser)
    page.goto(served.url + path)

    found = Axe().run(page)

    grave = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in grave] == []
    page.context.close()
