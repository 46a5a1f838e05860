"""The body of a block that is a list, such as news: each item a thumbnail, a title and a sentence.

Splits Markdown tokens; the template and rendering/plaintext.py lay the parts out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from markdown_it.token import Token

from newsletter.issues.markdown.words import alt_text

_GAP = " \t\n—–:-"
"""Characters that authors put between a title and its sentence."""
_MARKS = frozenset(("strong_open", "em_open", "s_open"))
"""Tokens that open words with a mark: bold, italic, struck."""


@dataclass(frozen=True, kw_only=True)
class NewsItem:
    """An item of a list; title and sentence are inline tokens."""

    title: tuple[Token, ...]
    url: str
    """The address of the title; empty for a bare title."""
    blurb: tuple[Token, ...]
    image: str
    """Path or address of the thumbnail; empty for none."""
    image_link: str
    """The address that the thumbnail leads to: its own, else that of the title; empty for none."""
    alt: str
    line: int
    """The line of the body, from 0."""


def list_mistake(body: list[Token]) -> tuple[str, Token] | None:
    """Return why a body is not one list of items, and the token where it stops being one; None for a good list."""
    depth = 0
    for token in body:
        if depth == 0 and token.type not in (
            "bullet_list_open",
            "ordered_list_open",
            "bullet_list_close",
            "ordered_list_close",
        ):
            return "a news block holds one list and nothing else", token
        if token.type in ("bullet_list_open", "ordered_list_open") and depth > 0:
            return "a news item holds no list", token
        if depth > 0 and token.type in ("condition", "fence", "code_block", "heading_open", "blockquote_open", "hr"):
            return "a news item holds a title and a sentence", token
        depth += token.nesting
    empty = next(
        (
            token
            for token, following in pairwise(body)
            if token.type == "list_item_open" and following.type == "list_item_close"
        ),
        None,
    )
    return ("a news item is empty", empty) if empty else None


def news_items(body: tuple[Token, ...]) -> Iterator[NewsItem]:
    """Yield the items of a body in which `list_mistake` finds no mistake."""
    inlines: list[Token] = []
    for token in body:
        if token.type == "list_item_open":
            inlines = []
        elif token.type == "inline":
            inlines.append(token)
        elif token.type == "list_item_close":
            yield _item(inlines)


def _item(inlines: list[Token]) -> NewsItem:
    children = list(inlines[0].children or [])
    image, image_link, children = _take_image(children)
    title, url, rest = _take_title(children)
    # Further paragraphs of an item belong to its sentence.
    for more in inlines[1:]:
        rest = [*rest, _space(), *(more.children or [])] if rest else list(more.children or [])
    return NewsItem(
        title=tuple(title),
        # A link may not stand in a link.
        url=url or ("" if any(token.type == "link_open" for token in title) else image_link),
        blurb=tuple(_stripped(rest)),
        image=str(image.attrs.get("src", "")) if image else "",
        image_link=(image_link or url) if image else "",
        alt=alt_text(image.children or ()) if image else "",
        line=inlines[0].map[0] if inlines[0].map else 0,
    )


def _take_image(children: list[Token]) -> tuple[Token | None, str, list[Token]]:
    """Split off a picture at the beginning, and return it, the address that it leads to and the rest."""
    if children and children[0].type == "image":
        return children[0], "", _stripped(children[1:])
    if children and children[0].type == "link_open":
        inside, rest = _first_element(children)
        if len(inside) == 1 and inside[0].type == "image" and _stripped(rest):
            return inside[0], str(children[0].attrs.get("href", "")), _stripped(rest)
    return None, "", children


def _take_title(children: list[Token]) -> tuple[list[Token], str, list[Token]]:
    """Split off the title (a link, else bold text, else the first line), and return it, its address and the rest."""
    first = children[0].type if children else ""
    if first == "text" and not children[0].content and len(children) > 1:  # markdown-it leaves empty text before `**`
        return _take_title(children[1:])
    if first in _MARKS:
        inside, rest = _first_element(children)
        if linked := _only_link(inside):
            title, url = linked
            marks = [children[0], *title, children[len(inside) + 1]]
            return (title if first == "strong_open" else marks), url, rest
    if first in ("link_open", "strong_open"):
        inside, rest = _first_element(children)
        return inside, str(children[0].attrs.get("href", "")), rest
    breaks = [i for i, token in enumerate(children) if token.type in ("softbreak", "hardbreak")]
    cut = breaks[0] if breaks else len(children)
    return children[:cut], "", children[cut + 1 :]


def _first_element(children: list[Token]) -> tuple[list[Token], list[Token]]:
    """Return the tokens inside the element that the first token opens, and those behind it."""
    opened = children[0]
    closing = opened.type.replace("open", "close")
    end = next(i for i, token in enumerate(children) if token.type == closing and token.level == opened.level)
    return children[1:end], children[end + 1 :]


def _only_link(children: list[Token]) -> tuple[list[Token], str] | None:
    """Return words and address of the link that is all that stands in these tokens, marks around it kept; else None."""
    children = [token for token in children if token.type != "text" or token.content.strip()]
    first = children[0].type if children else ""
    if first not in ("link_open", *_MARKS):
        return None
    inside, rest = _first_element(children)
    if rest:
        return None
    if first == "link_open":
        return inside, str(children[0].attrs.get("href", ""))
    linked = _only_link(inside)
    return ([children[0], *linked[0], children[-1]], linked[1]) if linked else None


def _stripped(children: list[Token]) -> list[Token]:
    """Return the tokens less white space, dashes and colons at their start."""
    while children and children[0].type in ("softbreak", "hardbreak"):
        children = children[1:]
    if children and children[0].type == "text":
        text = children[0].content.lstrip(_GAP)
        if not text:
            return _stripped(children[1:])
        return [children[0].copy(content=text), *children[1:]]
    return children


def _space() -> Token:
    return Token(type="text", tag="", nesting=0, content=" ")
