"""Markdown tokens to HTML fragments: the bodies of a document.

Plain tags without styles, which the theme's inline.css adds; merge tags stay tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from newsletter.issues.markdown.words import alt_text
from newsletter.messages.merge_tags import TagStore
from newsletter.rendering.source_map import LINE


@dataclass(frozen=True, kw_only=True)
class Image:
    """The address and width of a picture in the HTML."""

    url: str
    width: int
    """CSS pixels; always set, because Outlook needs it."""


LONGEST_WORD = 16
"""Characters of the longest word or figure that is kept whole in a cell; two such fit beside each other on a phone."""
FindImage = Callable[[str], Image]
"""Returns the picture that readers load for the path that an author wrote."""


class _Renderer(RendererHTML):
    """CommonMark's HTML with conditions, and with real widths on pictures."""

    find_image: FindImage
    first_line: int | None = None
    """The line of the file that tokens count from; set in a traced build, whose elements name their lines."""
    has_anchors: bool = False
    """Tells whether notes and their references are links to each other; mail programs do not follow those."""

    def renderAttrs(self, token: Token) -> str:  # type: ignore[override]  # noqa: N802
        line = token.meta.get("line", token.map[0] if token.map else None)
        traced = "" if self.first_line is None or line is None else f' {LINE}="{self.first_line + line}"'
        return traced + super().renderAttrs(token)

    def condition(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        return tokens[index].content

    def table_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        # A table that is too wide for a phone is scrolled by itself, not with the whole email.
        return '<div class="wide">' + self.renderToken(tokens, index, options, env)

    def table_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        return self.renderToken(tokens, index, options, env).rstrip("\n") + "</div>\n"

    def td_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        token = tokens[index]
        if max(map(len, tokens[index + 1].content.split()), default=0) > LONGEST_WORD:
            token = token.copy(attrs={**token.attrs, "class": "long"})
        return self.renderToken([token], 0, options, env)

    th_open = td_open

    def fence(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        return _code(tokens[index], super().fence(tokens, index, options, env))

    def code_block(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        return _code(tokens[index], super().code_block(tokens, index, options, env))

    def footnote_ref(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        meta = tokens[index].meta
        # A link inside a link is no HTML.
        if not self.has_anchors or meta["is_linked"]:
            return f"<sup>{meta['number']}</sup>"
        number, reference = meta["number"], meta["reference"]
        return f'<sup><a id="note-{number}-{reference}" href="#note-{number}">{number}</a></sup>'

    def footnote_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        token = tokens[index]
        named = token.copy(attrs={**token.attrs, "id": f"note-{token.meta['number']}"}) if self.has_anchors else token
        return f"<li{self.renderAttrs(named)}>"

    def footnote_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        number, references = tokens[index].meta["number"], tokens[index].meta["references"]
        back = [f' <a href="#note-{number}-{each + 1}">↩</a>' for each in range(references if self.has_anchors else 0)]
        return f"{''.join(back)}</li>\n"

    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        token = tokens[index]
        picture = self.find_image(str(token.attrs["src"]))
        alt = alt_text(token.children or ())
        kept = {"src": picture.url, "alt": alt, "width": str(picture.width), "title": str(token.attrs.get("title", ""))}
        # A copy, because the plain text is made of the same tokens.
        token = token.copy(attrs={name: value for name, value in kept.items() if value or name == "alt"})
        return f"<img{self.renderAttrs(token)}>"


_OPTIONS = OptionsDict(
    {
        "maxNesting": 20,
        "html": False,
        "linkify": False,
        "typographer": False,
        "quotes": "",
        "xhtmlOut": False,
        "breaks": False,
        "langPrefix": "language-",
        "highlight": None,
    }
)


def body_html(
    tokens: Sequence[Token],
    tag_store: TagStore,
    find_image: FindImage,
    *,
    traced_from: int | None = None,
    has_anchors: bool = False,
) -> str:
    """Return the HTML of a block's body; traced if `traced_from`, the line that tokens count from, is given."""
    return _finished(_renderer(find_image, traced_from, has_anchors).render(tokens, _OPTIONS, {}), tag_store)


def inline_html(
    children: Sequence[Token],
    tag_store: TagStore,
    find_image: FindImage,
    *,
    traced_from: int | None = None,
    has_anchors: bool = False,
) -> str:
    """Return the HTML of a run of inline tokens: a title, a sentence."""
    return _finished(_renderer(find_image, traced_from, has_anchors).renderInline(children, _OPTIONS, {}), tag_store)


def _code(token: Token, html: str) -> str:
    """Return the HTML of a code block with the direction that directions.py gave it."""
    direction = token.meta.get("dir")
    return html.replace("<pre", f'<pre dir="{direction}"', 1) if direction else html


def _renderer(find_image: FindImage, traced_from: int | None, has_anchors: bool) -> _Renderer:
    renderer = _Renderer()
    renderer.find_image, renderer.first_line, renderer.has_anchors = find_image, traced_from, has_anchors
    return renderer


def _finished(html: str, tag_store: TagStore) -> str:
    """Return the HTML without space around it, and with the braces that their author escaped."""
    return tag_store.literal(html.strip())
