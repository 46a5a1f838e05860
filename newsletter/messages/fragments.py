"""Fragments: a compiled text as a tree of fixed text and of slots, which differ per reader.

Each slot has the escape for its place. merge.py fills the slots.
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
    """A slot: an expression, and the escape for the place of its value."""

    expression: str
    escape: Escape


@dataclass(frozen=True, kw_only=True)
class ConditionalSlot:
    """A slot that holds conditions and becomes one value: the first branch whose condition holds."""

    branches: tuple[tuple[str, Fragment], ...]
    """The condition (empty for `else`) and the content of each branch."""


_PREFIX = re.compile("NLQ*M")
"""The beginnings of tokens, as `merge_tags.TagStore` makes them."""
Fragment = tuple["str | ValueSlot | ConditionalSlot", ...]
"""Text and slots, in order."""


def html_fragment(text: str, message: CompiledMessage) -> Fragment:
    """Return HTML with tokens as a tree; each slot's place in the HTML decides its escape."""
    return _tree(list(_pieces(text, message, _Places(text, message).escape)), 0)[0]


def text_fragment(text: str, message: CompiledMessage) -> Fragment:
    """Return plain text with tokens as a tree; inside `<https://...>` a value is a part of an address."""
    addresses = [match.span() for match in _ANGLES.finditer(text)]

    def escape(position: int) -> Escape:
        inside = next((start for start, end in addresses if start < position < end), None)
        if inside is None:
            return as_text
        return as_plain_url if _begins(text[inside + 1 : position], message) else in_url

    return _tree(list(_pieces(text, message, escape)), 0)[0]


TOKEN = "_token"
"""The merge field with a reader's token; no publication can declare a field of this name."""
TOKEN_SLOT = ValueSlot(expression=TOKEN, escape=as_token)
_KEEP_ADDRESSES = (as_url, as_plain_url, in_html, as_text)
"""The escapes that leave an address without special characters as it is."""


def require_whole(message: CompiledMessage) -> None:
    """Raise ValueError for a message that no build makes: it could not be filled in, or a part of it would be lost."""
    if not _PREFIX.fullmatch(message.prefix):
        raise ValueError(f"no token begins with {message.prefix[:40]!r}")
    for text in (message.subject, message.html, message.text):
        if missing := [token[0] for token in message.token.finditer(text) if int(token[1]) >= len(message.tags)]:
            raise ValueError(f"{missing[0]} has no merge tag")
        pieces = list(_pieces(text, message, lambda _position: as_text))
        try:
            end = _tree(pieces, 0)[1]
        except (IndexError, RecursionError):
            raise ValueError("an `if` has no `endif`") from None
        if end < len(pieces):
            raise ValueError("a merge tag has no `if` before it")


def with_addresses(tree: Fragment, addresses: Mapping[str, str]) -> Fragment:
    """Return the tree with addresses in place of the fields of their names, which then are no slots.

    A `{}` in an address is the reader's token. A slot stays where the address would have to be escaped.
    """
    known = {name: url for name, url in addresses.items() if CLEAN_ADDRESS.fullmatch(url.replace("{}", ""))}
    parts: list[str | ValueSlot | ConditionalSlot] = []
    for part in tree:
        field = simple(part.expression) if isinstance(part, ValueSlot) and part.escape in _KEEP_ADDRESSES else None
        if isinstance(part, ConditionalSlot):
            branches = ((condition, with_addresses(branch, known)) for condition, branch in part.branches)
            parts.append(ConditionalSlot(branches=tuple(branches)))
        elif field and field[0] in known:
            before, slot, after = known[field[0]].partition("{}")
            parts += [before, *[TOKEN_SLOT] * bool(slot), after]
        else:
            parts.append(part)
    return _joined_texts(parts)


def _joined_texts(parts: Iterable[str | ValueSlot | ConditionalSlot]) -> Fragment:
    """Join neighbouring texts into one."""
    runs = groupby(parts, lambda part: isinstance(part, str))
    return tuple(part for is_text, run in runs for part in (filter(None, ["".join(map(str, run))]) if is_text else run))


def expressions_of(tree: Fragment) -> Iterator[str]:
    """Yield the slots of a tree as their author wrote them: `first_name | default("there")`, `if plan == "pro"`."""
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
    for token in message.token.finditer(text):
        yield text[last : token.start()]
        tag = Tag(source=message.tags[int(token[1])], line=0, column=0)
        yield tag if tag.is_statement else ValueSlot(expression=tag.inner, escape=escape(token.start()))
        last = token.end()
    yield text[last:]


def _tree(pieces: list[str | Tag | ValueSlot], at: int) -> tuple[Fragment, int]:
    """Return the parts from `at` to the `elif`, `else` or `endif` that ends the branch, and the index of that."""
    parts: list[str | ValueSlot | ConditionalSlot] = []
    while at < len(pieces):
        piece = pieces[at]
        if not isinstance(piece, Tag):
            if piece != "":
                parts.append(piece)
        elif piece.inner.startswith("if"):
            # The recursion is shallow: parsing refuses conditions that nest more than 20 deep.
            slot, at = _conditional_slot(pieces, at)
            parts.append(slot)
        else:
            break
        at += 1
    return tuple(parts), at


def _conditional_slot(pieces: list[str | Tag | ValueSlot], at: int) -> tuple[ConditionalSlot, int]:
    """Return the slot of the `if` at an index, and the index of its `endif`."""
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
    """Tell whether an address begins after `before`: it has only conditions, none of whose branches has text."""
    stack: list[tuple[bool, bool]] = []
    has_text = False
    for index, piece in enumerate(message.token.split(before)):
        tag = Tag(source=message.tags[int(piece)], line=0, column=0) if index % 2 else None
        word = tag.inner.split(" ")[0] if tag and tag.is_statement else ""
        if word == "if":
            stack.append((has_text, has_text))
        elif word in ("elif", "else") and stack:
            start, any_text = stack[-1]
            stack[-1], has_text = (start, any_text or has_text), start
        elif word == "endif" and stack:
            has_text = stack.pop()[1] or has_text
        elif piece:
            has_text = True
    return not has_text


class _Places:
    """Finds the escape of a position in HTML: in text, an attribute, an address or a style."""

    def __init__(self, text: str, message: CompiledMessage) -> None:
        self._text = text
        self._message = message
        self._tags = [match.span() for match in _TAG.finditer(text)]

    def escape(self, position: int) -> Escape:
        """Return the escape of a value at this position."""
        index = bisect_right(self._tags, (position, len(self._text))) - 1
        if index < 0 or position >= self._tags[index][1]:
            return in_html
        start, end = self._tags[index]
        for attribute in _ATTRIBUTE.finditer(self._text, start, end):
            if attribute.start(2) <= position < attribute.end(2):
                return self._in_attribute(attribute, position)
        return in_html

    def _in_attribute(self, attribute: re.Match[str], position: int) -> Escape:
        name = attribute[1].lower()
        if name == "style":
            return in_style
        if name not in _URL_ATTRIBUTES:
            return in_html
        # At its beginning a value is the whole address, later on a part of one.
        before = self._text[attribute.start(2) : position].lstrip("\"'")
        return as_url if _begins(before, self._message) else in_url
