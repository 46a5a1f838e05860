"""Article pages: trafilatura finds the article of one HTML page, and it becomes a story. Nothing is fetched here."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.foreign_html import cut_tree, without_endless_tags
from newsletter.issues.drafts.story import LONGEST_NAME, LONGEST_TITLE, Story, first_sentence, link_of, one_line

MOST_ELEMENTS = 10_000
"""Elements of a page that are read; its article is near the beginning."""
_PAGE = re.compile(r"<(?:!doctype html|html|head|body|article|main|div|p|h1)\b", re.IGNORECASE)
_FEED_LINK = re.compile(r"application/(?:rss|atom|feed)\+(?:xml|json)", re.IGNORECASE)
_NOT_HTML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def is_page(text: str) -> bool:
    """Tell whether a text looks like HTML, by its beginning."""
    return bool(_PAGE.search(text[:4096]))


def article_story(text: str, url: str = "") -> Story:
    """Return the story of a page that came from `url`. Raises NewsletterError when it has no article."""
    from lxml import etree, html

    parser = html.HTMLParser(encoding="utf-8", no_network=True)
    tree = html.document_fromstring(
        _NOT_HTML.sub("", without_endless_tags(text)).encode() or b"<html></html>", parser=parser
    )
    etree.strip_elements(tree, "script", "style", "noscript", "template", "svg", "iframe", with_tail=False)
    cut_tree(tree, MOST_ELEMENTS)
    feed = _feed_of(tree, url)
    article = _extracted(tree, url)
    title = one_line(article.title or "", LONGEST_TITLE) if article else ""
    if not article or not title:
        hint = f"Its feed may be what you want: {feed}" if feed else "Name a page with one article, or a feed."
        raise NewsletterError("no article is on this page", hint=hint)
    return Story(
        title=title,
        url=link_of(url or article.url or "", url) or link_of(article.url or ""),
        source=one_line(article.sitename or article.hostname or "", LONGEST_NAME),
        author=one_line(article.author or "", LONGEST_NAME),
        published=_day(article.date),
        summary=first_sentence(article.description or article.text or ""),
    )


def _extracted(tree: Any, url: str) -> Any:
    import trafilatura  # 400 ms: only where a page is read

    # Their warnings about a page would mix with our narration on standard error.
    for name in ("trafilatura", "htmldate", "courlan", "justext"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return trafilatura.bare_extraction(tree, url=url or None, with_metadata=True, include_comments=False, fast=True)


def _feed_of(tree: Any, url: str) -> str:
    """Return the address of the feed that a page names in its head; empty for none."""
    links = (node for node in tree.iter("link") if _FEED_LINK.search(node.get("type", "")))
    return next((link for node in links if (link := link_of(node.get("href", ""), url))), "")


def _day(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        return None
