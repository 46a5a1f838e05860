"""Amended and withdrawn issues on a running server: their pages, what caches are told, the feed, and how they look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser

from tests.support.rendered_email import CONTRASTS
from tests.web.public.serving import Served, make_publication, serve
from tests.web.public.test_archive import SERIOUS, VIOLATIONS, opened, run

TEXTS = {"kept": "It rained.", "wrong": "It snowed.", "gone": "It hailed."}
NOTE = "It rained on Monday; we had said that it snowed, which it did not, not even in the mountains."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of three sent issues."""
    folder = make_publication(tmp_path_factory.mktemp("amended") / "news")
    (folder / "issues").mkdir()
    run(folder, "subscribers", "add", "ada@example.com")
    for day, (slug, text) in enumerate(TEXTS.items(), start=15):
        _write(folder, f"2025-01-{day}-{slug}", text)
        run(folder, "send", slug, "--yes")
    with serve(folder) as running:
        yield running


def _write(folder: Path, name: str, text: str) -> None:
    (folder / "issues" / f"{name}.md").write_text(f"---\nsubject: Of {name}\n---\n{text}\n", encoding="utf-8")


def answer(url: str, path: str, etag: str = "") -> requests.Response:
    return requests.get(url + path, headers={"If-None-Match": etag}, timeout=60)


def changed(served: Served, path: str, before: requests.Response) -> requests.Response:
    """Ask until a page is another than before: the archive is read once a second."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        response = answer(served.url, path, before.headers["ETag"])
        if response.status_code != 304:
            return response
    raise AssertionError(f"{path} does not change")


def test_an_amended_page_and_the_feed_say_so_and_caches_ask_for_it_again(served: Served) -> None:
    page, feed = answer(served.url, "/issues/wrong"), answer(served.url, "/feed.xml")
    assert answer(served.url, "/issues/wrong", page.headers["ETag"]).status_code == 304
    _write(served.folder, "2025-01-16-wrong", "It rained on Monday.")

    run(served.folder, "archive", "amend", "wrong", "--note", NOTE)

    amended, feed = changed(served, "/issues/wrong", page), changed(served, "/feed.xml", feed)
    assert "It rained on Monday." in amended.text
    assert "It snowed." not in amended.text
    assert f'<span dir="auto">{NOTE}</span>' in amended.text
    assert "Amended on " in feed.text
    assert "It rained on Monday." in feed.text


def test_a_withdrawn_page_is_gone_everywhere_and_its_address_says_why(served: Served) -> None:
    feed, listed, page = (answer(served.url, path) for path in ("/feed.xml", "/issues/", "/issues/gone"))
    assert "2025-01-17-gone" in listed.text

    run(served.folder, "archive", "withdraw", "gone", "--reason", "It did not hail.")

    told = changed(served, "/feed.xml", feed)
    gone = answer(served.url, "/issues/gone", page.headers["ETag"])
    assert gone.status_code == 410
    assert "The issue of January 17, 2025 was withdrawn on " in gone.text
    assert "It did not hail." in gone.text
    assert answer(served.url, "/issues/gone/").status_code == 410
    assert answer(served.url, "/issues/gone", gone.headers["ETag"]).status_code == 410
    assert "It did not hail." in told.text
    pages = [
        answer(served.url, path).text for path in ("/issues/", "/", "/sitemap.xml", "/issues/wrong", "/issues/kept")
    ]
    assert not any(
        "gone" in text or "hailed" in text
        for text in [*pages, told.text.replace("/issues/gone", "").replace("issues/gone", "")]
    )


@pytest.mark.parametrize(
    ("path", "width", "scheme"),
    [("wrong", 375, "dark"), ("wrong", 1280, "light"), ("gone", 375, "light"), ("gone", 1280, "dark")],
)
def test_the_lines_about_changes_fit_are_readable_and_have_no_barriers(
    served: Served, browser: Browser, path: str, width: int, scheme: str
) -> None:
    with opened(browser, f"{served.url}/issues/{path}", width, scheme) as (page, _wrong):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").count() <= 1
        pale = [(words, round(contrast, 1)) for words, contrast in page.evaluate(CONTRASTS) if contrast < 4.5]
        assert not pale
        page.evaluate(AXE_SCRIPT)
        assert not [each["id"] for each in page.evaluate(VIOLATIONS) if each["impact"] in SERIOUS]
