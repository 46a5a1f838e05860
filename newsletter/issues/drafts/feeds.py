"""Feeds become stories: RSS and Atom through feedparser, JSON Feed by its specification.

A feed is mended, cut to its first entries and freed of entity declarations before it is parsed, so that a
broken, huge or hostile one costs no more than a good one. Nothing is fetched here.
"""

from __future__ import annotations

import calendar
import html
import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.foreign_html import cut_tree, text_of
from newsletter.issues.drafts.story import LONGEST_NAME, LONGEST_TITLE, Story, first_sentence, link_of, one_line

MOST_ENTRIES = 300
"""Entries of a feed that are read; the newest come first by custom."""
MOST_ELEMENTS = 50_000
"""XML elements of a feed that are read."""
_XML_FEED = re.compile(r"<(?:\w+:)?(?:rss|feed|RDF)\b", re.IGNORECASE)
_JSON_FEED = re.compile(r"\s*\{")
_PROLOG = (("<?", "?>"), ("<!--", "-->"), ("<!DOCTYPE", ">"), ("<!doctype", ">"))
"""The beginnings of what may stand before the first element, and their ends (XML 1.0, production 22)."""
_NAMED_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,31};)")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that XML 1.0 excludes (production 2)."""


def is_feed(text: str) -> bool:
    """Tell whether a text looks like a feed of any kind, by its beginning."""
    head = _after_prolog(text)[:4096]
    return bool(_XML_FEED.search(head)) or (bool(_JSON_FEED.match(head)) and '"items"' in text)


def feed_stories(text: str, url: str = "") -> list[Story]:
    """Return the entries of a feed that came from `url`, in its own order. Raises NewsletterError."""
    stories = _json_stories(text, url) if _JSON_FEED.match(text) else _xml_stories(text, url)
    return [story for story in stories if story.title]


def _xml_stories(text: str, url: str) -> Iterator[Story]:
    import feedparser  # 90 ms: only where a feed is read

    feed = feedparser.parse(
        io.BytesIO(_mended(text)),
        response_headers={"content-location": url, "content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,  # text_of keeps text only
    )
    home = link_of(str(dict.get(feed.feed, "link", "")), url)
    for entry in feed.entries:
        yield _xml_story(entry, feed.feed, home or url)


def _mended(text: str) -> bytes:
    """Return well-formed XML with the feed's first entries. Raises NewsletterError when there is no XML at all."""
    from lxml import etree

    text = _NAMED_ENTITY.sub(lambda entity: html.unescape(entity[0]), _NOT_XML.sub("", _after_prolog(text)))
    # recover: real feeds have stray ampersands and unclosed elements.
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, encoding="utf-8")
    root = etree.fromstring(text.encode(), parser)
    if root is None:
        raise NewsletterError("this feed is no XML", hint="Open it in a browser: is it the right address?")
    etree.strip_elements(root, etree.Entity, with_tail=False)
    entries = [node for node in root.iter() if _local_name(node) in ("item", "entry")]
    for node in entries[MOST_ENTRIES:]:
        if node.getparent() is not None:
            node.getparent().remove(node)
    cut_tree(root, MOST_ELEMENTS)
    mended: bytes = etree.tostring(root, encoding="utf-8", with_tail=False)
    return mended


def _after_prolog(text: str) -> str:
    """Return a text without what stands before its first element: declarations, comments, the document type."""
    at = 0
    while True:
        at += len(text[at : at + 10_000]) - len(text[at : at + 10_000].lstrip())
        end = next((end for sign, end in _PROLOG if text.startswith(sign, at)), "")
        if not end:
            return text[at:]
        closed = text.find(end, at)
        subset = text.find("[", at, closed) if end == ">" else -1
        closed = text.find(">", text.find("]", subset)) if subset >= 0 else closed
        if closed < 0 or closed < at:
            return text[at:]
        at = closed + len(end)


def _local_name(node: Any) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _xml_story(entry: Any, feed: Any, base: str) -> Story:
    """Return the story of an entry. Reads with `dict.get`: feedparser's own get falls back to other keys and warns."""
    link = dict.get(entry, "feedburner_origlink") or dict.get(entry, "link") or ""
    source = dict.get(entry, "source") or {}
    content = dict.get(entry, "content") or [{}]
    summary = _words(dict.get(entry, "summary_detail")) or _words(content[0])
    return Story(
        title=one_line(_words(dict.get(entry, "title_detail")), LONGEST_TITLE),
        url=link_of(str(link), base),
        source=one_line(str(dict.get(source, "title") or dict.get(feed, "title") or ""), LONGEST_NAME),
        author=one_line(str(dict.get(entry, "author") or ""), LONGEST_NAME),
        published=_from_struct(dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")),
        summary=first_sentence(summary),
    )


def _words(detail: Any) -> str:
    return text_of(str(dict.get(detail, "value") or "")) if detail else ""


def _from_struct(moment: time.struct_time | None) -> datetime | None:
    """Return an aware time; feedparser's times are UTC."""
    try:
        return datetime.fromtimestamp(calendar.timegm(moment), UTC) if moment else None
    except (ValueError, OverflowError, OSError):
        return None


def _json_stories(text: str, url: str) -> Iterator[Story]:
    """Yield the stories of JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/), and of 1.0 with its `author`."""
    try:
        feed = msgspec.json.decode(_without_lone_surrogates(text))
    except (msgspec.DecodeError, RecursionError) as error:
        raise NewsletterError("this feed is no JSON", hint="Open it in a browser: is it the right address?") from error
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise NewsletterError("this JSON is no feed: it has no items", hint="JSON Feed is described at jsonfeed.org.")
    home = link_of(_text(feed, "home_page_url"), url)
    for item in items[:MOST_ENTRIES]:
        if isinstance(item, dict):
            yield _json_story(item, feed, home or url)


def _json_story(item: dict[str, Any], feed: dict[str, Any], base: str) -> Story:
    content = _text(item, "content_text") or text_of(_text(item, "content_html"))
    people = item.get("authors") or [item.get("author")]
    person = people[0] if isinstance(people, list) and people and isinstance(people[0], dict) else {}
    return Story(
        title=one_line(_text(item, "title") or first_sentence(content), LONGEST_TITLE),
        url=link_of(_text(item, "external_url") or _text(item, "url") or _text(item, "id"), base),
        source=one_line(_text(feed, "title"), LONGEST_NAME),
        author=one_line(_text(person, "name"), LONGEST_NAME),
        published=_from_text(_text(item, "date_published") or _text(item, "date_modified")),
        summary=first_sentence(_text(item, "summary") or content),
    )


def _without_lone_surrogates(text: str) -> bytes:
    return re.sub(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}(?!\\u[dD])", "", text).encode("utf-8", "replace")


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _from_text(text: str) -> datetime | None:
    """Return the aware time of an RFC 3339 text, UTC where it names no offset."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
