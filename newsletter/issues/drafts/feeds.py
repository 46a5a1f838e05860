"""Feeds become stories: RSS and Atom through feedparser, JSON Feed by its specification.

feed_xml.py mends and cuts a feed before it is parsed. Nothing is fetched here.
"""

from __future__ import annotations

import calendar
import io
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.feed_xml import MOST_ENTRIES, after_prolog, mended_feed
from newsletter.issues.drafts.foreign_html import headline_of, text_of
from newsletter.issues.drafts.story import LONGEST_NAME, LONGEST_TITLE, Story, first_sentence, link_of, one_line

_XML_FEED = re.compile(r"<(?:\w+:)?(?:rss|feed|RDF)\b", re.IGNORECASE)
_JSON_FEED = re.compile(r"\s*\{")


@dataclass(frozen=True, kw_only=True)
class FeedStories:
    """The stories of a feed in its own order, and the numbers of entries that gave none."""

    stories: list[Story]
    unnamed: int
    """Entries with neither a headline nor words to make one of."""
    unread: int
    """Entries behind the first MOST_ENTRIES."""


def is_feed(text: str) -> bool:
    """Tell whether a text looks like a feed of any kind, by its beginning."""
    head = after_prolog(text)[:4096]
    return bool(_XML_FEED.search(head)) or (bool(_JSON_FEED.match(head)) and '"items"' in text)


def feed_stories(text: str, url: str = "") -> FeedStories:
    """Return the entries of a feed that came from `url`. Raises NewsletterError."""
    read = _json_stories if _JSON_FEED.match(text) else _xml_stories
    stories, entries = read(text, url)
    named = [story for story in stories if story.title]
    return FeedStories(
        stories=named, unnamed=len(stories) - len(named), unread=max(0, entries - max(len(stories), MOST_ENTRIES))
    )


def _xml_stories(text: str, url: str) -> tuple[list[Story], int]:
    """Return the stories of RSS or Atom, and the number of entries that the feed has."""
    import feedparser  # 90 ms: only where a feed is read

    xml, entries = mended_feed(text)
    feed = feedparser.parse(
        io.BytesIO(xml),
        response_headers={"content-location": url, "content-type": "application/xml; charset=utf-8"},
        # Both rewrite HTML, of which only the text is kept.
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    home = link_of(str(dict.get(feed.feed, "link", "")), url)
    is_atom = str(feed.version).startswith("atom")
    return [_xml_story(entry, feed.feed, home or url, is_atom) for entry in feed.entries], entries


def _xml_story(entry: Any, feed: Any, base: str, is_atom: bool) -> Story:
    """Return the story of an entry. Reads with `dict.get`: feedparser's own get falls back to other keys and warns."""
    link = dict.get(entry, "feedburner_origlink") or dict.get(entry, "link") or ""
    source = dict.get(entry, "source") or {}
    content = dict.get(entry, "content") or [{}]
    summary = _words(dict.get(entry, "summary_detail"), is_atom) or _words(content[0], is_atom)
    publisher = _headline(_detail(source, "title"), is_atom) or _headline(_detail(feed, "title"), is_atom)
    return Story(
        title=one_line(_headline(_detail(entry, "title"), is_atom) or first_sentence(summary), LONGEST_TITLE),
        url=link_of(str(link), base),
        source=one_line(publisher, LONGEST_NAME),
        author=one_line(str(dict.get(entry, "author") or ""), LONGEST_NAME),
        published=_from_struct(dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")),
        summary=first_sentence(summary),
    )


def _detail(table: Any, key: str) -> dict[str, Any]:
    """Return a text with its type; feedparser gives the `<source>` of RSS without one."""
    return dict.get(table, f"{key}_detail") or {"value": dict.get(table, key)}


def _headline(detail: dict[str, Any], is_atom: bool) -> str:
    value = str(dict.get(detail, "value") or "")
    return value if _is_literal(detail, is_atom) else headline_of(value)


def _words(detail: Any, is_atom: bool) -> str:
    value = str(dict.get(detail, "value") or "") if detail else ""
    return value if _is_literal(detail, is_atom) else text_of(value)


def _is_literal(detail: Any, is_atom: bool) -> bool:
    """Tell whether a text has no markup: in Atom the default (RFC 4287 section 3.1.1). RSS has no types."""
    return is_atom and bool(detail) and dict.get(detail, "type") == "text/plain"


def _from_struct(moment: time.struct_time | None) -> datetime | None:
    """Return an aware time; feedparser's times are UTC."""
    try:
        return datetime.fromtimestamp(calendar.timegm(moment), UTC) if moment else None
    except (ValueError, OverflowError, OSError):
        return None


def _json_stories(text: str, url: str) -> tuple[list[Story], int]:
    """Return the stories of JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/) or 1.0, and the number of items."""
    try:
        feed = msgspec.json.decode(_without_lone_surrogates(text))
    except (msgspec.DecodeError, RecursionError) as error:
        raise NewsletterError("this feed is no JSON", hint="Open it in a browser: is it the right address?") from error
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise NewsletterError("this JSON is no feed: it has no items", hint="JSON Feed is described at jsonfeed.org.")
    home = link_of(_text(feed, "home_page_url"), url)
    tables = (item if isinstance(item, dict) else {} for item in items[:MOST_ENTRIES])
    return [_json_story(item, feed, home or url) for item in tables], len(items)


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
