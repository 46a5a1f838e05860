"""The XML of a feed, made fit to parse: mended, cut to its first entries, freed of entity declarations.

A broken, huge or hostile feed costs no more than a good one. feeds.py reads what is left.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.foreign_html import check_attributes, cut_tree

MOST_ENTRIES = 300
"""Entries of a feed that are read; the newest come first by custom."""
MOST_ELEMENTS = 50_000
"""XML elements of a feed that are read."""
_PROLOG = (("<?", "?>"), ("<!--", "-->"), ("<!DOCTYPE", ">"), ("<!doctype", ">"))
"""The beginnings of what may stand before the first element, and their ends (XML 1.0, production 22)."""
_NAMED_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,31};)")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that XML 1.0 excludes (production 2)."""
_ENTRIES = ("item", "entry")
_WORDS = ("description", "summary", "content")


def mended_feed(text: str) -> tuple[bytes, int]:
    """Return well-formed XML with the feed's first entries, and the number of entries that it had.

    Raises NewsletterError when there is no XML at all, or an element that no feed needs.
    """
    from lxml import etree

    start = after_prolog(text)
    # recover: real feeds have stray ampersands and unclosed elements.
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, encoding="utf-8")
    unnamed = _NAMED_ENTITY.sub(lambda entity: html.unescape(entity[0]), _NOT_XML.sub("", start))
    root = etree.fromstring(unnamed.encode(), parser)
    if root is None:
        raise NewsletterError("this feed is no XML", hint="Open it in a browser: is it the right address?")
    check_attributes(root, text[: len(text) - len(start)].count("\n"))
    etree.strip_elements(root, etree.Entity, with_tail=False)
    entries = [node for node in root.iter() if _name(node)[1] in _ENTRIES]
    for node in entries[MOST_ENTRIES:]:
        _remove(node)
    cut_tree(root, MOST_ELEMENTS)
    _drop_titles_of_pictures(root)
    mended: bytes = etree.tostring(root, encoding="utf-8", with_tail=False)
    return mended, len(entries)


def after_prolog(text: str) -> str:
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


def _drop_titles_of_pictures(root: Any) -> None:
    """Remove the titles and descriptions of an entry's pictures where the entry has its own.

    feedparser lets the last of `<title>` and `<media:title>` win. An entry with words of its own needs no
    title of a picture either: its first sentence says more.
    """
    owned = lru_cache(maxsize=None)(_owned)
    for node in list(_named(root, "title", *_WORDS[:2])):
        parent = node.getparent()
        entry = next((above for above in node.iterancestors() if _name(above)[1] in _ENTRIES), None)
        # The title of a `<source>` is the publisher's name.
        if entry is None or _name(parent)[1] == "source":
            continue
        (space, name), (has_title, has_words) = _name(node), owned(entry)
        is_own = parent is entry and space == _name(entry)[0]
        is_foreign = parent is not entry or "media" in space or "mrss" in space
        if not is_own and ((name == "title" and has_title) or (is_foreign and has_words)):
            _remove(node)


def _owned(entry: Any) -> tuple[bool, bool]:
    """Tell whether an entry itself, not something inside it, has a title, and words."""
    space = _name(entry)[0]
    names = {_name(child) for child in entry if len(child) or (child.text or "").strip()}
    has_words = any(name == "encoded" or (own == space and name in _WORDS) for own, name in names)
    return (space, "title") in names, has_words


def _named(root: Any, *names: str) -> Iterator[Any]:
    return (node for node in root.iter() if _name(node)[1] in names)


def _name(node: Any) -> tuple[str, str]:
    """Return namespace and local name; of a prefix that the feed does not declare, the prefix."""
    if not isinstance(node.tag, str):
        return "", ""
    space, _, name = node.tag.rpartition("}")
    prefix, _, local = name.rpartition(":")
    return prefix or space.lstrip("{"), local


def _remove(node: Any) -> None:
    if node.getparent() is not None:
        node.getparent().remove(node)
