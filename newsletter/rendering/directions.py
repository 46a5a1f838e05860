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
_CONTAINERS = ("bullet_list", "ordered_list", "list_item", "blockquote", "table", "paragraph", "heading", "th", "td")
_OPENINGS = frozenset(f"{name}_open" for name in _CONTAINERS)
_CLOSINGS = frozenset(f"{name}_close" for name in _CONTAINERS)
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
    """Return the attributes of an element whose text runs against the direction `base`; nothing otherwise."""
    own = direction_of(text, base)
    if own in ("", base):
        return Markup("")
    return Markup(f' dir="{own}" align="{"left" if own == LTR else "right"}"')


def isolated(text: str, base: str, tag_store: TagStore) -> Markup:
    """Return a text made safe for MJML, in an element of its own when it runs against the direction `base`."""
    own = direction_of(tag_store.token.sub("", text), base)
    return encode(text) if own in ("", base) else Markup(f'<span dir="{own}">{encode(text)}</span>')


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
    around = direction_of(words_of(children, tag_store), base) or base
    return [_leftward(each) if each.type == "code_inline" else each for each in children] if around == RTL else children


def _own_directions(tokens: Sequence[Token], base: str, tag_store: TagStore) -> dict[int, str]:
    """Return the direction of each container by its index; one with words of both directions keeps `base`."""
    own: dict[int, str] = {}
    open_containers: list[int] = []
    for index, token in enumerate(tokens):
        if token.type in _OPENINGS:
            open_containers.append(index)
        elif token.type in _CLOSINGS:
            open_containers.pop()
        elif token.type == "inline" and (direction := direction_of(words_of(token.children or (), tag_store), base)):
            for container in open_containers:
                own[container] = direction if own.get(container, direction) == direction else base
    return own


def _directed(tokens: Sequence[Token], base: str, own: dict[int, str]) -> Iterator[Token]:
    around = [base]
    for index, token in enumerate(tokens):
        if token.type in _OPENINGS:
            direction = own.get(index, around[-1])
            # A hidden paragraph writes no element; its list item has the same direction.
            turns = direction != around[-1] and not token.hidden
            around.append(direction)
            yield token.copy(attrs={**token.attrs, "dir": direction}) if turns else token
        else:
            if token.type in _CLOSINGS:
                around.pop()
            yield _code_turned(token) if around[-1] == RTL else token


def _code_turned(token: Token) -> Token:
    """Return a token inside words from right to left with `dir` on its code, which runs from left to right."""
    if token.type in _CODE:
        return token.copy(meta={**token.meta, "dir": LTR})
    if token.type == "inline":
        children = [_leftward(each) if each.type == "code_inline" else each for each in token.children or ()]
        return token.copy(children=children)
    return token


def _leftward(code: Token) -> Token:
    return code.copy(attrs={**code.attrs, "dir": LTR})
