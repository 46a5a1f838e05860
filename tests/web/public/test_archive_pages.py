"""The links around an issue's page, and which of its addresses become paths of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.messages.types import About
from newsletter.web.public.archive_pages import Neighbours, issue_page, page_count
from newsletter.web.public.pages import Pages
from tests.web.public.serving import make_publication

ABOUT = About(slug="hello", title="Hello", description="", date="2025-01-17")
SETTINGS = (
    '[publication]\nname = "N"\nurl = "https://example.com/news"\nfrom = "n@example.com"\n[lists.daily]\ntitle = "D"\n'
)
PAGE = (
    '<html><head><title>x</title><link rel="canonical" href="https://example.com/news/issues/hello"></head>'
    '<body class="b">'
    '<main><a href="https://example.com/news">home</a><img src="https://example.com/news/images/a.png">'
    '<a href="https://example.com/newsroom">other</a><a href="https://example.com/news/x?a=1&amp;b=2">x</a>{}</main>'
    "<p>foot</p></body></html>"
)
FORM = (
    '<form action="https://example.com/news/subscribe?list=a%26b&amp;list=c" method="post"><input name="email"></form>'
)


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(load_publication(make_publication(tmp_path / "news", settings=SETTINGS) / "newsletter.toml"))


def shown(pages: Pages, page: str, near: Neighbours | None = None) -> str:
    return issue_page(pages, page, ABOUT, near or Neighbours(), pages.path, "T")


def test_our_addresses_become_paths_and_others_stay(pages: Pages) -> None:
    page = shown(pages, PAGE.format(""))

    assert '<a href="/news/">home</a>' in page
    assert '<img src="/news/images/a.png">' in page
    assert '<a href="https://example.com/newsroom">other</a>' in page
    assert '<a href="/news/x?a=1&amp;b=2">x</a>' in page
    assert '<link rel="canonical" href="https://example.com/news/issues/hello">' in page


def test_a_form_gets_its_token_its_page_and_the_lists_of_its_address(pages: Pages) -> None:
    page = shown(pages, PAGE.format(FORM))

    assert 'action="/news/subscribe?list=a%26b&amp;list=c"' in page
    assert 'name="token" value="T"' in page
    assert 'name="page" value="https://example.com/news/issues/hello"' in page
    assert 'name="list" value="a&amp;b"' in page
    assert 'name="list" value="c"' in page


def test_a_form_for_another_site_gets_nothing(pages: Pages) -> None:
    page = shown(pages, PAGE.format('<form action="https://evil.example/"></form>'))

    assert 'name="token"' not in page


def test_titles_of_neighbours_are_text(pages: Pages) -> None:
    older = About(slug="a b/ü", title="<b>1 & 2</b>", description="", date="2025-01-16")

    page = shown(pages, PAGE.format(""), Neighbours(older=older))

    assert '<a rel="prev" href="/news/issues/a%20b/%C3%BC">' in page
    assert "&lt;b&gt;1 &amp; 2&lt;/b&gt;" in page
    assert "Later" not in page


def test_a_frame_of_the_publications_own_needs_no_main_part(pages: Pages) -> None:
    page = shown(pages, "<html><head></head><body><p>Hi</p></body></html>", Neighbours(newer=ABOUT))

    assert page.index("<p>Hi</p>") < page.index('class="nl nl-near"') < page.index("</body>")
    assert shown(pages, "no page at all") == "no page at all"


def test_an_empty_archive_has_one_page() -> None:
    assert [page_count(range(n)) for n in (0, 1, 20, 21)] == [1, 1, 1, 2]
