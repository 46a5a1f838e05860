"""Fragments: a compiled text as a tree of what is the same for all, and the slots where it differs per reader.

Each slot knows how its value is made safe where it stands. Nothing is filled in here: that is `merge`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from newsletter.messages.escapes import (
    CLEAN_ADDRESS,
    Escape,
    as_plain_url,
    as_text,
    as_token,
    as_url,
    in_html,
    in_style,
    in_url,
)
from newsletter.messages.expressions import simple
from newsletter.messages.merge_tags import Tag
from newsletter.messages.types import CompiledMessage

_TAG = re.compile(r"<[A-Za-z/](?:[^\"'<>]|\"[^\"]*\"|'[^']*')*>")
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)")
_URL_ATTRIBUTES = {"href", "src", "action", "background", "cite", "poster", "formaction"}
_ANGLES = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True, kw_only=True)
class ValueSlot:
    """An open slot: an expression, and how its value is made safe where it stands."""

    expression: str
    escape: Escape


@dataclass(frozen=True, kw_only=True)
class ConditionalSlot:
    """A conditional slot, rendered as a whole: the first branch whose condition holds."""

    branches: tuple[tuple[str, Fragment], ...]
    """Condition (empty for `else`) and content."""


Fragment = tuple["str | ValueSlot | ConditionalSlot", ...]
"""Text, and slots where it differs per reader."""


def html_fragment(text: str, message: CompiledMessage) -> Fragment:
    """HTML with tokens as a tree; each slot's place decides how it is made safe."""
    return _tree(list(_pieces(text, message, _Places(text, message).escape)), 0)[0]


def text_fragment(text: str, message: CompiledMessage) -> Fragment:
    """Plain text with tokens as a tree; in `<https://...>` a value is a part of an address."""
    addresses = [(found.start(), found.end()) for found in _ANGLES.finditer(text)]

    def escape(position: int) -> Escape:
        inside = next((start for start, end in addresses if start < position < end), None)
        if inside is None:
            return as_text
        return as_plain_url if _begins(text[inside + 1 : position], message) else in_url

    return _tree(list(_pieces(text, message, escape)), 0)[0]


TOKEN = "_token"
"""The merge field with a reader's token; no publication can have one of this name."""
OF_READER = ValueSlot(expression=TOKEN, escape=as_token)
_KEEP_ADDRESSES = (as_url, as_plain_url, in_html, as_text)
"""They leave an address without special characters as it is."""


def with_addresses(tree: Fragment, addresses: Mapping[str, str]) -> Fragment:
    """The tree with addresses for the fields of that name: what is the same for all readers is no slot any more.

    A `{}` in an address is the reader's token. Where one would have to be made safe, its slot stays.
    """
    known = {name: url for name, url in addresses.items() if CLEAN_ADDRESS.fullmatch(url.replace("{}", ""))}
    parts: list[str | ValueSlot | ConditionalSlot] = []
    for part in tree:
        found = simple(part.expression) if isinstance(part, ValueSlot) and part.escape in _KEEP_ADDRESSES else None
        if isinstance(part, ConditionalSlot):
            branches = ((condition, with_addresses(branch, known)) for condition, branch in part.branches)
            parts.append(ConditionalSlot(branches=tuple(branches)))
        elif found and found[0] in known:
            before, slot, after = known[found[0]].partition("{}")
            parts += [before, *[OF_READER] * bool(slot), after]
        else:
            parts.append(part)
    return _joined_texts(parts)


def _joined_texts(parts: Iterable[str | ValueSlot | ConditionalSlot]) -> Fragment:
    """Neighbouring texts as one."""
    runs = groupby(parts, lambda part: isinstance(part, str))
    return tuple(one for is_text, run in runs for one in (filter(None, ["".join(map(str, run))]) if is_text else run))


def expressions_of(tree: Fragment) -> Iterator[str]:
    """The slots of a tree as their author knows them: `first_name | default("there")`, `if plan == "pro"`."""
    for part in tree:
        if isinstance(part, ValueSlot):
            yield part.expression
        elif isinstance(part, ConditionalSlot):
            for condition, branch in part.branches:
                if condition:
                    yield f"if {condition}"
                yield from expressions_of(branch)


def _pieces(text: str, message: CompiledMessage, escape: Callable[[int], Escape]) -> Iterator[str | Tag | ValueSlot]:
    last = 0
    for found in message.token.finditer(text):
        yield text[last : found.start()]
        tag = Tag(source=message.tags[int(found[1])], line=0, column=0)
        yield tag if tag.is_statement else ValueSlot(expression=tag.inner, escape=escape(found.start()))
        last = found.end()
    yield text[last:]


def _tree(pieces: list[str | Tag | ValueSlot], at: int) -> tuple[Fragment, int]:
    """The parts from `at` up to the `elif`, `else` or `endif` that ends this branch, and where that stands."""
    parts: list[str | ValueSlot | ConditionalSlot] = []
    while at < len(pieces):
        piece = pieces[at]
        if not isinstance(piece, Tag):
            if piece != "":
                parts.append(piece)
        elif piece.inner.startswith("if"):
            choice, at = _choice(pieces, at)
            parts.append(choice)
        else:
            break
        at += 1
    return tuple(parts), at


def _choice(pieces: list[str | Tag | ValueSlot], at: int) -> tuple[ConditionalSlot, int]:
    branches: list[tuple[str, Fragment]] = []
    while True:
        opening = pieces[at]
        assert isinstance(opening, Tag)
        if opening.inner == "endif":
            return ConditionalSlot(branches=tuple(branches)), at
        condition = opening.inner.partition(" ")[2].strip()
        branch, at = _tree(pieces, at + 1)
        branches.append((condition, branch))


def _begins(before: str, message: CompiledMessage) -> bool:
    """Whether an address begins after `before`: nothing but conditions, of whose branches none said a word."""
    stack: list[tuple[bool, bool]] = []
    said = False
    for index, piece in enumerate(message.token.split(before)):
        tag = Tag(source=message.tags[int(piece)], line=0, column=0) if index % 2 else None
        word = tag.inner.split(" ")[0] if tag and tag.is_statement else ""
        if word == "if":
            stack.append((said, said))
        elif word in ("elif", "else") and stack:
            start, any_said = stack[-1]
            stack[-1], said = (start, any_said or said), start
        elif word == "endif" and stack:
            said = stack.pop()[1] or said
        elif piece:
            said = True
    return not said


class _Places:
    """Where in HTML a position stands: text, an attribute, an address, a style."""

    def __init__(self, text: str, message: CompiledMessage) -> None:
        self._text = text
        self._message = message
        self._tags = [(found.start(), found.end()) for found in _TAG.finditer(text)]

    def escape(self, position: int) -> Escape:
        """How a value at this position is made safe."""
        index = bisect_right(self._tags, (position, len(self._text))) - 1
        if index < 0 or position >= self._tags[index][1]:
            return in_html
        start, end = self._tags[index]
        for found in _ATTRIBUTE.finditer(self._text, start, end):
            if found.start(2) <= position < found.end(2):
                return self._in_attribute(found, position)
        return in_html

    def _in_attribute(self, found: re.Match[str], position: int) -> Escape:
        name = found[1].lower()
        if name == "style":
            return in_style
        if name not in _URL_ATTRIBUTES:
            return in_html
        before = self._text[found.start(2) : position].lstrip("\"'")
        return as_url if _begins(before, self._message) else in_url
