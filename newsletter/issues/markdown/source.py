"""Read an issue file's merge tags and Markdown together, because each decides what the other is.

A merge tag has to be hidden before Markdown reads its quotes and pipes, and only Markdown knows that braces are code or
part of a comment. So the body is read with every tag hidden; where tags turn out to be code, it is read again without
hiding those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from newsletter.issues.front_matter_yaml import split
from newsletter.issues.markdown.environment import MARK
from newsletter.issues.markdown.parser import Markdown, parse_markdown
from newsletter.messages.merge_tags import LITERALS, TagPlace, TagStore, tag_places

_CUTS = re.compile(r"`|-->|<!--|\{\{|\{%")
"""What in a merge tag may end code or a comment in which it stands, or be the beginning of the real tag."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The text of an issue file, read."""

    hidden: str
    """The text with tokens in place of its merge tags."""
    tag_store: TagStore
    markdown: Markdown
    """The body; empty for a file without front matter."""
    offset: int
    """The line of the file (from 0) at which the body begins."""


def read_source(text: str) -> Source:
    """Read a whole file."""
    tag_store = TagStore.for_text(text)
    source = _read(text, tag_store)
    if not source.markdown.is_refused and _is_open(source):
        code = frozenset(_code(text, source))
        source = _read(text, TagStore(base=tag_store.base, code=code))
    return source


def _read(text: str, tag_store: TagStore) -> Source:
    hidden = tag_store.hide(text)
    parts = split(hidden)
    body, offset = (parts[1], parts[2]) if parts else ("", 0)
    return Source(hidden=hidden, tag_store=tag_store, markdown=parse_markdown(body, tag_store), offset=offset)


def _is_open(source: Source) -> bool:
    """Tell whether a tag of the body was read as code, or may have hidden where code ends."""
    tag_store = source.tag_store
    token = re.compile(rf"{tag_store.base}M\d+xNL")
    return (
        any(tag.line > source.offset for tag in tag_store.unclosed)
        or any(tag.line > source.offset and _CUTS.search(tag.source, 2) for tag in tag_store.tags)
        or any(token.search(text) for text in source.markdown.unread())
    )


def _code(text: str, source: Source) -> Iterator[int]:
    """Yield the offset of the braces in the body that stand in code or in comments.

    Escaped braces lose their backslash there, too: `\\{{` has always shown braces in code.
    """
    marked, offsets, braces = _marked(text, source)
    parts = split(marked)
    # The marks of other braces tell nothing about the tag, so a condition is a paragraph here.
    markdown = parse_markdown(parts[1] if parts else "", source.tag_store, braces=braces)
    pattern = re.compile(rf"{MARK.pattern}|{source.tag_store.base}K\d+xNL")
    for part in markdown.unread():
        starts = (offsets[mark] for mark in pattern.findall(part) if mark in offsets)
        yield from (start for start in starts if text[start] != "\\")


def _marked(text: str, source: Source) -> tuple[str, dict[str, int], dict[str, str]]:
    """Return the text with a mark for each tag of the body, the offsets of the marks, and braces yet to be closed.

    Of a tag that may be cut in two only the braces are replaced; the parser decides where it ends.
    """
    base, out, last = source.tag_store.base, [], 0
    offsets: dict[str, int] = {}
    braces: dict[str, str] = {}
    for place in _places(text, source.offset):
        written = text[place.start : place.end]
        is_doubtful = written in LITERALS
        mark = f"{'{' * is_doubtful}{base}{'O' if is_doubtful else 'K'}{len(offsets):05d}xNL"
        offsets[mark] = place.start
        if is_doubtful and place.is_closed:
            braces[mark] = written
        out += [text[last : place.start], mark]
        last = place.end
    return "".join(out) + text[last:], offsets, braces


def _places(text: str, offset: int) -> Iterable[TagPlace]:
    return (place for place in tag_places(text, cuts=_CUTS) if place.line > offset)
