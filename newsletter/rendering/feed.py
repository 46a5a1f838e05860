"""What robots read of the archive: the Atom feed (RFC 4287) and the sitemap.

Entries in, bytes out: the same entries give the same bytes. Reads no database and no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from newsletter.config import Publication
from newsletter.messages.types import About
from newsletter.rendering.feed_content import reading_view

MOST = 20
"""Entries of a feed, the newest: whoever subscribes to it asks again before that many more."""
ATOM = "http://www.w3.org/2005/Atom"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold (XML 1.0, section 2.2)."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """An issue, as a feed tells it."""

    about: About
    published_at: datetime
    """Aware."""
    page: Callable[[], str]
    """Its web page; asked only for what the feed shows."""


def atom(publication: Publication, items: Sequence[Item]) -> bytes:
    """The newest issues with their whole content; `items` come newest first."""
    settings = publication.config.publication
    feed = Element("feed", {"xmlns": ATOM, "xml:lang": settings.language})
    _text(feed, "id", f"{settings.url}/feed.xml")
    _text(feed, "title", settings.name)
    if description := publication.config.lists[publication.default_list].description:
        _text(feed, "subtitle", description)
    SubElement(feed, "link", {"rel": "self", "type": "application/atom+xml", "href": f"{settings.url}/feed.xml"})
    SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": f"{settings.url}/"})
    _text(SubElement(feed, "author"), "name", settings.name)
    _text(feed, "updated", _time(max((item.published_at for item in items[:MOST]), default=None)))
    for item in items[:MOST]:
        _entry(feed, publication, item)
    return _document(feed)


def _entry(feed: Element, publication: Publication, item: Item) -> None:
    about, url = item.about, f"{publication.config.publication.url}/issues/{quote(item.about.slug)}"
    entry = SubElement(feed, "entry", {"xml:lang": about.language})
    _text(entry, "id", entry_id(publication, about))
    _text(entry, "title", about.title or about.slug)
    SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": url})
    _text(entry, "published", _time(item.published_at))
    _text(entry, "updated", _time(item.published_at))
    if about.author:
        _text(SubElement(entry, "author"), "name", about.author)
    if about.description:
        _text(entry, "summary", about.description)
    _text(entry, "content", reading_view(item.page()), {"type": "html", "xml:base": url})


def entry_id(publication: Publication, about: About) -> str:
    """A tag URI (RFC 4151): the same for ever, from a server or from files, so that nobody is shown an issue twice."""
    host = urlsplit(publication.config.publication.url).hostname or "localhost"
    return f"tag:{host},{about.date}:issues/{quote(about.slug)}"


def sitemap(publication: Publication, abouts: Sequence[About]) -> bytes:
    """The start page, the archive and every issue, for search engines."""
    url = publication.config.publication.url
    root = Element("urlset", {"xmlns": SITEMAP})
    newest = max((about.date for about in abouts), default="")
    places = [(f"{url}/", newest), (f"{url}/issues/", newest)]
    for place, day in [*places, *((f"{url}/issues/{quote(about.slug)}", about.date) for about in abouts)]:
        entry = SubElement(root, "url")
        _text(entry, "loc", place)
        if day:
            _text(entry, "lastmod", day)
    return _document(root)


def _text(parent: Element, name: str, text: str, attributes: dict[str, str] | None = None) -> None:
    SubElement(parent, name, attributes or {}).text = _FORBIDDEN.sub("", text)


def _time(moment: datetime | None) -> str:
    """RFC 3339; a feed of nothing says so since the epoch."""
    return moment.isoformat(timespec="seconds") if moment else "1970-01-01T00:00:00+00:00"


def _document(root: Element) -> bytes:
    indent(root, space="  ")
    xml: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + xml + b"\n"
