"""The archive in a browser: phone and desktop, light and dark, both directions, from a server and from files."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect

from newsletter.cli.main import cli
from tests import ROOT
from tests.support.rendered_email import CONTRASTS
from tests.web.public.serving import Served, serve

VIOLATIONS = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
SERIOUS = ("serious", "critical")
LOOKS = [("/issues/", 320, "light"), ("/issues/", 1280, "dark"), ("/issues/chip-rules", 320, "dark")]
LOOKS += [("/issues/sanctions-so-far", 375, "light"), ("/issues/zero-sum", 1280, "light")]
ARABIC = """---
subject: نشرة اليوم
preheader: ما الذي تغيّر ولماذا يهمّ، في أربع دقائق.
list: weekly
---
مرحبًا بكم جميعًا.
"""


def run(folder: Path, *arguments: str) -> None:
    done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sample publication with an issue in Arabic, and send everything."""
    made = tmp_path_factory.mktemp("seen") / "news"
    made.mkdir()
    for name in ("issues", "images"):
        shutil.copytree(ROOT / name, made / name)
    text = (ROOT / "newsletter.toml").read_text(encoding="utf-8")
    text = text.replace('title = "Weekly Inference"', 'title = "Weekly Inference"\nlanguage = "ar"')
    (made / "newsletter.toml").write_text(text, encoding="utf-8")
    (made / "issues" / "2025-01-14-arabic.md").write_text(ARABIC, encoding="utf-8")
    run(made, "subscribers", "add", "ada@example.com")
    for slug in ("zero-sum", "sanctions-so-far", "chip-rules"):
        run(made, "send", slug, "--yes")
    run(made, "send", "arabic", "--list", "daily", "--yes")
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serve(folder) as running:
        yield running


@contextmanager
def opened(
    browser: Browser, address: str, width: int = 1280, scheme: Any = "light"
) -> Iterator[tuple[Page, list[str]]]:
    """Open a page; gives the page, and the list of its failed requests and console errors."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page, wrong = context.new_page(), list[str]()
        page.on("console", lambda said: wrong.append(said.text))
        page.on("response", lambda answer: wrong.append(answer.url) if answer.status >= 400 else None)
        page.goto(address)
        yield page, wrong
    finally:
        context.close()


@pytest.mark.parametrize(("path", "width", "scheme"), LOOKS)
def test_a_page_fits_is_readable_and_has_no_barriers(
    served: Served, browser: Browser, path: str, width: int, scheme: str
) -> None:
    with opened(browser, served.url + path, width, scheme) as (page, wrong):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").count() == 1
        assert page.locator("main").count() == 1
        pale = [(words, round(contrast, 1)) for words, contrast in page.evaluate(CONTRASTS) if contrast < 4.5]
        assert not pale
        page.evaluate(AXE_SCRIPT)
        found = [one["id"] for one in page.evaluate(VIOLATIONS) if one["impact"] in SERIOUS]
        assert not found
        assert not wrong


def test_a_reader_goes_through_the_archive_and_joins_from_an_issue(served: Served, browser: Browser) -> None:
    with opened(browser, f"{served.url}/issues/", 375) as (page, wrong):
        page.get_by_role("link", name="What if nobody wins the AI race?").click()
        page.get_by_role("link", name="Later Do chip sanctions work?").click()
        expect(page).to_have_title(re.compile(r"^Do chip sanctions work\?"))
        page.get_by_label("Email address").fill("grace@example.com")
        page.wait_for_timeout(2_100)
        page.get_by_role("button", name="Join now").click()
        expect(page.locator("main")).to_contain_text("grace@example.com")
        assert not wrong


def test_an_arabic_issue_and_the_links_around_it_are_mirrored(served: Served, browser: Browser) -> None:
    with opened(browser, f"{served.url}/issues/arabic", 375, "dark") as (page, _wrong):
        bar = page.locator(".nl-bar a")
        first, second = bar.nth(0).bounding_box(), bar.nth(1).bounding_box()
        assert first
        assert second
        assert page.locator("html").get_attribute("dir") == "rtl"
        assert bar.nth(0).inner_text() == "كل الأعداد"
        assert first["x"] > second["x"]


@pytest.mark.parametrize("path", ["/issues/", "/issues/chip-rules"])
def test_a_page_is_small_and_loads_nothing_from_other_hosts(served: Served, browser: Browser, path: str) -> None:
    context = browser.new_context()
    page, asked = context.new_page(), dict[str, int]()
    page.on("response", lambda answer: asked.update({answer.url: len(answer.body())}))
    page.goto(served.url + path, wait_until="networkidle")
    context.close()

    assert all(url.startswith((served.url, "data:")) for url in asked)
    assert sum(size for url, size in asked.items() if "/images/" not in url) <= 50_000


@pytest.fixture(scope="module")
def hosted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the static archive from a folder of a plain web server."""
    root = tmp_path_factory.mktemp("host")
    run(folder, "build", "--site", str(root / "some" / "folder"), "--until", "2025-01-17")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/some/folder/"
    server.shutdown()
    server.server_close()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.mark.parametrize("path", ["", "issues/", "issues/chip-rules/"])
def test_the_static_archive_finds_its_style_pictures_and_pages_in_a_folder(
    hosted: str, browser: Browser, path: str
) -> None:
    with opened(browser, hosted + path, 375) as (page, wrong):
        page.wait_for_load_state("networkidle")
        assert not wrong
        assert page.locator("h1").count() == 1
        broken = page.evaluate("[...document.images].filter((image) => !image.naturalWidth).map((image) => image.src)")
        assert broken == []
        page.get_by_role("link", name="All issues").first.click()
        page.get_by_role("link", name="Chip rules, workflow agents and a $100 camera").click()
        expect(page).to_have_title(re.compile("^Chip rules"))
