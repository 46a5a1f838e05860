"""The whole life of a reader, in Chromium and by mail: join, read, choose, leave, come back; in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import Run
from tests.studio import CHROMIUM
from tests.web.serving import Mail, Served, make_publication, path_in, serve

SETTINGS = '[signup]\nmin_time = "1s"\nper_network = "off"'
ISSUE = '---\nsubject: "Chips"\ndate: 2025-01-17\n---\n:::article title="What the rules change"\nA lead.\n:::\n'
EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def phone(browser: Browser, language: str, scheme: str) -> Iterator[Page]:
    """A phone without JavaScript, in the reader's language."""
    screen = {"width": 375, "height": 700}
    options = {"viewport": screen, "locale": language, "color_scheme": scheme, "java_script_enabled": False}
    context = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


def press(page: Page) -> None:
    """The first form's first button, as whoever cannot read the language would."""
    page.locator("main form").first.locator("button").first.click()


def ask(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/")
    page.locator("input[name=email]").first.fill(EMAIL)
    page.wait_for_timeout(2_100)
    press(page)


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ar", "dark")])
def test_a_reader_joins_reads_chooses_leaves_and_comes_back(
    tmp_path: Path, newsletter: Run, phone: Page, language: str
) -> None:
    folder = make_publication(tmp_path / "news", SETTINGS)
    (folder / "issues").mkdir()
    (folder / "issues" / "2025-01-17-chips.md").write_text(ISSUE, encoding="utf-8")
    mail = Mail(folder)

    def statuses() -> dict[str, str]:
        done = newsletter("subscribers", "list", "--json", cwd=folder)
        return {
            name: part.partition('"')[0]
            for name in ("daily", "weekly")
            if (part := done.stdout.partition(f'"{name}": "')[2])
        }

    with serve(folder) as served:
        ask(phone, served)
        assert statuses() == {"daily": "pending"}
        phone.goto(served.url + path_in(mail.to(EMAIL)[0], "confirm"))
        assert phone.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
        press(phone)
        assert statuses() == {"daily": "active"}

        sent = newsletter("send", "chips", "--yes", cwd=folder)
        assert sent.returncode == 0, sent.stderr
        (copy,) = [file.read_bytes() for file in folder.glob("outbox/1-chips/*.eml")]
        phone.goto(f"{served.url}/issues/")
        phone.get_by_role("link", name="Chips").first.click()
        assert "What the rules change" in phone.inner_text("body")

        letter = mail.read(copy)
        phone.goto(served.url + path_in(letter, "preferences"))
        phone.locator("input[name=list][value=weekly]").check()
        press(phone)
        assert statuses() == {"daily": "active", "weekly": "active"}

        header = str(letter["list-unsubscribe"]).strip("<>").removeprefix("https://news.example.com")
        left = requests.post(served.url + header, data={"List-Unsubscribe": "One-Click"}, timeout=10)
        assert left.status_code == 200
        assert statuses() == {"daily": "unsubscribed", "weekly": "active"}

        ask(phone, served)
        phone.goto(served.url + path_in(mail.to(EMAIL, 2)[1], "confirm"))
        press(phone)
        assert statuses() == {"daily": "active", "weekly": "active"}
