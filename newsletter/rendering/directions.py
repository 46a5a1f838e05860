"""Directions of writing: words that run against the issue's own direction say so, and code runs from left to right.

A text runs against it when its first letter with a direction does, as with `dir="auto"` (html.spec.whatwg.org,
3.2.6.4), which few mail clients know, and most of its letters do: a foreign name at the beginning turns no sentence.
An element with `dir` is isolated from the words around it, so that their punctuation stays in its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from markdown_it.token import Token
from markupsafe import Markup

from newsletter.messages.merge_tags import TagStore
from newsletter.rendering.theme import encode

LTR, RTL = "ltr", "rtl"
_BY_CLASS = {"L": LTR, "R": RTL, "AL": RTL}
"""The classes of characters with a direction (UAX 9, 3.2)."""
_RTL = re.compile("[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""The blocks of Unicode with scripts that run from right to left."""
_LISTS, _ITEMS = ("bullet_list", "ordered_list", "footnotes"), ("list_item", "footnote")
_CONTAINERS = (*_LISTS, *_ITEMS, "blockquote", "table", "paragraph", "heading", "th", "td")
_OPENINGS = frozenset(f"{name}_open" for name in _CONTAINERS)
_CLOSINGS = frozenset(f"{name}_close" for name in _CONTAINERS)
_ITEM_OPENINGS = frozenset(f"{name}_open" for name in _ITEMS)
_CODE = frozenset(("fence", "code_block"))


def direction_of(text: str, base: str) -> str:
    """Return `ltr` or `rtl`, the direction of a text in an issue of the direction `base`; "" when it has none."""
    first = next((each for each in map(_strong, text) if each), "")
    if first in ("", base):
        return first
    directions = [each for each in map(_strong, text) if each]
    return first if 2 * directions.count(first) >= len(directions) else base


def _strong(character: str) -> str:
    return _BY_CLASS.get(unicodedata.bidirectional(character), "")


def words_of(children: Sequence[Token], tag_store: TagStore) -> str:
    """Return the words of inline tokens without code and merge tags, whose values nobody knows yet."""
    return tag_store.token.sub("", "".join(each.content for each in children if each.type == "text"))


def turned(text: str, base: str) -> Markup:
    """Return the `dir` of a title whose text runs against the direction `base`; nothing otherwise."""
    own = direction_of(text, base)
    return Markup("") if own in ("", base) else Markup(f' dir="{own}"')


def isolated(text: str, base: str, tag_store: TagStore) -> Markup:
    """Return a text made safe for MJML, in an element of its own where a sign at its edge would change sides."""
    words = tag_store.token.sub("", text).strip()
    own = direction_of(words, base)
    # Between letters of its own direction everything keeps its place.
    if own in ("", base) or (_strong(words[0]) == own and _strong(words[-1]) == own):
        return encode(text)
    return Markup(f'<span dir="{own}">{encode(text)}</span>')


def directed(tokens: Sequence[Token], base: str, tag_store: TagStore) -> Sequence[Token]:
    """Return block tokens with `dir` on those that run against what is around them, and on code.

    Those tokens are copies, because the plain text is made of the same tokens.
    """
    inlines = (token for token in tokens if token.type == "inline")
    if base == LTR and not any(_RTL.search(token.content) for token in inlines):
        return tokens
    return list(_directed(tokens, base, _own_directions(tokens, base, tag_store)))


def directed_words(children: Sequence[Token], base: str, tag_store: TagStore) -> Sequence[Token]:
    """Return inline tokens, such as a title's, with `dir` on code among words that run from right to left."""
    return _code_turned(children, direction_of(words_of(children, tag_store), base) or base)


def _own_directions(tokens: Sequence[Token], base: str, tag_store: TagStore) -> dict[int, str]:
    """Return the direction of each container and inline token by its index; words of both directions keep `base`."""
    own: dict[int, str] = {}
    open_containers: list[int] = []
    for index, token in enumerate(tokens):
        if token.type in _OPENINGS:
            open_containers.append(index)
        elif token.type in _CLOSINGS:
            open_containers.pop()
        elif token.type == "inline" and (direction := direction_of(words_of(token.children or (), tag_store), base)):
            for container in (*open_containers, index):
                own[container] = direction if own.get(container, direction) == direction else base
    return own


def _directed(tokens: Sequence[Token], base: str, own: dict[int, str]) -> Iterator[Token]:
    around, in_items = [base], [False]
    for index, token in enumerate(tokens):
        if token.type in _OPENINGS:
            # The mark of a list item stands on the side where those of its list do, and so do its words.
            is_in_item = token.type in _ITEM_OPENINGS or (token.type == "paragraph_open" and in_items[-1])
            direction = around[-1] if is_in_item else own.get(index, around[-1])
            yield token if direction == around[-1] else token.copy(attrs={**token.attrs, "dir": direction})
            around.append(direction)
            in_items.append(is_in_item)
        elif token.type in _CLOSINGS:
            around.pop()
            in_items.pop()
            yield token
        elif token.type == "inline":
            yield _words_turned(token, own.get(index, around[-1]), around[-1])
        else:
            yield token.copy(meta={**token.meta, "dir": LTR}) if token.type in _CODE and around[-1] == RTL else token


def _words_turned(token: Token, direction: str, around: str) -> Token:
    """Return an inline token whose words are in an element of their own if they run against those around it."""
    children = _code_turned(token.children or (), direction)
    if direction != around:
        opened, closed = (
            Token("html_inline", "", 0, content=html) for html in (f'<span dir="{direction}">', "</span>")
        )
        children = [opened, *children, closed]
    return token.copy(children=children)


def _code_turned(children: Sequence[Token], direction: str) -> list[Token]:
    """Return inline tokens with `dir` on code among words that run from right to left."""
    if direction != RTL:
        return list(children)
    return [each.copy(attrs={**each.attrs, "dir": LTR}) if each.type == "code_inline" else each for each in children]
