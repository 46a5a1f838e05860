"""The archive for programs: the Atom feed (RFC 4287) and the sitemap (https://www.sitemaps.org/protocol.html).

The same entries give the same bytes. Reads no database and no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from newsletter.config import PublicationSettings
from newsletter.messages.types import About
from newsletter.rendering.archive_notes import ArchiveNote
from newsletter.rendering.feed_content import reading_view

MOST = 20
"""Entries of a feed, the newest: feed readers ask again before so many more appear."""
ATOM = "http://www.w3.org/2005/Atom"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that XML cannot hold (XML 1.0, section 2.2)."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """An issue in the feed."""

    about: About
    published_at: datetime
    """The time of publication, aware."""
    page: Callable[[], str] | None
    """Returns the web page; called only for the entries that the feed shows. None for an issue that was withdrawn."""
    changed_at: datetime | None = None
    """The time of the last change of its page, aware; None when there was none."""
    notes: tuple[ArchiveNote, ...] = ()
    """A line for each change of its page."""

    @property
    def updated_at(self) -> datetime:
        """The time of the last change, or of publication."""
        return max(self.published_at, self.changed_at or self.published_at)


def atom(publication: PublicationSettings, items: Sequence[Item]) -> bytes:
    """Return the feed of the newest issues with their whole content; `items` are ordered newest first."""
    settings = publication.config.publication
    feed = Element("feed", {"xmlns": ATOM, "xml:lang": settings.language})
    _text(feed, "id", f"{settings.url}/feed.xml")
    _text(feed, "title", settings.name)
    if description := publication.config.lists[publication.default_list].description:
        _text(feed, "subtitle", description)
    SubElement(feed, "link", {"rel": "self", "type": "application/atom+xml", "href": f"{settings.url}/feed.xml"})
    SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": f"{settings.url}/"})
    _text(SubElement(feed, "author"), "name", settings.name)
    _text(feed, "updated", _time(max((item.updated_at for item in items[:MOST]), default=None)))
    for item in items[:MOST]:
        _entry(feed, publication, item)
    return _document(feed)


def _entry(feed: Element, publication: PublicationSettings, item: Item) -> None:
    about, url = item.about, f"{publication.config.publication.url}/issues/{quote(item.about.slug)}"
    entry = SubElement(feed, "entry", {"xml:lang": about.language})
    _text(entry, "id", entry_id(publication, about))
    # Nothing of an issue that was withdrawn is told any more, its title included.
    _text(entry, "title", about.title or about.slug if item.page else item.notes[-1].sentence)
    SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": url})
    _text(entry, "published", _time(item.published_at))
    _text(entry, "updated", _time(item.updated_at))
    if about.author and item.page:
        _text(SubElement(entry, "author"), "name", about.author)
    if about.description and item.page:
        _text(entry, "summary", about.description)
    told = "".join(_note(note) for note in (item.notes if item.page else item.notes[-1:]))
    content = told + (reading_view(item.page()) if item.page else "")
    _text(entry, "content", content, {"type": "html", "xml:base": url})


def _note(note: ArchiveNote) -> str:
    words = f" {escape(note.note)}" if note.note else ""
    return f"<p><strong>{escape(note.sentence)}</strong>{words}</p>"


def entry_id(publication: PublicationSettings, about: About) -> str:
    """Return a tag URI (RFC 4151) that a server and the static archive agree on: feed readers show no issue twice."""
    host = urlsplit(publication.config.publication.url).hostname or "localhost"
    return f"tag:{host},{about.date}:issues/{quote(about.slug)}"


def sitemap(publication: PublicationSettings, abouts: Sequence[About]) -> bytes:
    """Return the sitemap: the start page, the archive and every issue."""
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
    """Return a time as RFC 3339 has it; an empty feed was updated at the epoch."""
    return moment.isoformat(timespec="seconds") if moment else "1970-01-01T00:00:00+00:00"


def _document(root: Element) -> bytes:
    indent(root, space="  ")
    xml: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + xml + b"\n"
