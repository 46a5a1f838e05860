"""The feed and the sitemap: they are valid and complete, and equal entries give equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from xml.etree import ElementTree

import feedparser

from newsletter.config import PublicationSettings, load_publication
from newsletter.messages.types import About
from newsletter.rendering.build import build_issue
from newsletter.rendering.feed import ATOM, MOST, SITEMAP, Item, atom, sitemap
from tests import ROOT

NOW = datetime(2025, 1, 17, 12, tzinfo=UTC)
NS = {"a": ATOM, "s": SITEMAP}


def publication() -> PublicationSettings:
    return load_publication(ROOT / "newsletter.toml")


def sample() -> list[Item]:
    """Return the sample issues, newest first."""
    built = [build_issue(publication(), path) for path in sorted((ROOT / "issues").glob("*.md"), reverse=True)]
    return [
        Item(about=item.page.about, published_at=NOW - timedelta(days=day), page=partial(getattr, item.page, "html"))
        for day, item in enumerate(built)
    ]


def numbered(numbers: Sequence[int], title: str = "N", author: str = "") -> list[Item]:
    return [
        Item(
            about=About(slug=f"n{n}", title=title, description="", date="2025-01-17", author=author),
            published_at=NOW,
            page=lambda: "<html><body><main><p>Hi</p></main></body></html>",
        )
        for n in numbers
    ]


def test_feed_readers_find_every_issue_whole_and_nothing_to_complain_of() -> None:
    feed = feedparser.parse(atom(publication(), sample()))

    assert not feed.bozo
    assert feed.version == "atom10"
    assert (feed.feed.title, feed.feed.link) == ("Daily Inference", "https://news.example.com/")
    assert [entry.link.rpartition("/")[2] for entry in feed.entries] == ["chip-rules", "sanctions-so-far", "zero-sum"]
    assert feed.entries[0].title == "Chip rules, workflow agents and a $100 camera"
    assert "What could come next" in feed.entries[0].content[0].value
    assert "Daily Inference" not in feed.entries[0].content[0].value, "no masthead, no footer, no signup"


def test_every_element_that_atom_requires_is_there_once() -> None:
    root = ElementTree.fromstring(atom(publication(), sample()))

    for parent in [root, *root.findall("a:entry", NS)]:
        for name in ("id", "title", "updated"):
            assert len(parent.findall(f"a:{name}", NS)) == 1, name
    ids = [days.text for days in root.findall("a:entry/a:id", NS)]
    assert ids[0] == "tag:news.example.com,2025-01-17:issues/chip-rules"
    assert len(set(ids)) == 3
    assert root.findtext("a:updated", namespaces=NS) == "2025-01-17T12:00:00+00:00"
    assert root.find("a:link[@rel='self']", NS).attrib["href"] == "https://news.example.com/feed.xml"  # type: ignore[union-attr]


def test_the_feed_holds_the_newest_and_asks_for_no_other_page() -> None:
    asked: list[str] = []

    def page() -> str:
        asked.append("a page")
        return "<html><body><p>Hi</p></body></html>"

    items = [Item(about=item.about, published_at=NOW, page=page) for item in numbered(range(50))]
    feed = feedparser.parse(atom(publication(), items))

    assert len(feed.entries) == len(asked) == MOST


def test_markup_and_control_characters_in_a_title_break_nothing() -> None:
    feed = atom(publication(), numbered([1], title="a < b & \x00\x0b\ufffe c ]]> </title>", author="<b>A</b>"))

    title = ElementTree.fromstring(feed).findtext("a:entry/a:title", namespaces=NS)
    assert title == "a < b &  c ]]> </title>"


def test_an_empty_archive_has_a_valid_feed_and_sitemap() -> None:
    assert not feedparser.parse(atom(publication(), [])).bozo
    assert len(ElementTree.fromstring(sitemap(publication(), []))) == 2


def test_the_sitemap_names_every_issue_with_its_day() -> None:
    root = ElementTree.fromstring(sitemap(publication(), [item.about for item in sample()]))

    days = {entry.findtext("s:loc", namespaces=NS): entry.findtext("s:lastmod", namespaces=NS) for entry in root}
    assert days["https://news.example.com/issues/zero-sum"] == "2025-01-15"
    assert days["https://news.example.com/"] == "2025-01-17"
