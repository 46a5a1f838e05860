"""Places: the links, pictures, words and fields of an issue, each with where its author wrote it in the file.

They are read from Markdown's tokens and the fields of blocks. What is wrong with them is for rules to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

from markdown_it.token import Token

from newsletter.checks.context.table_cells import column_in_cell
from newsletter.issues.blocks import COLUMN_WIDTH, TEXT, BlockKind, BodyKind
from newsletter.issues.issue import Block
from newsletter.issues.markdown.place import place_in
from newsletter.messages.merge_tags import Tag
from newsletter.rendering.theme import Theme


class Written(Protocol):
    """An issue file as its author wrote it and as Markdown reads it. A Context is one."""

    @property
    def blocks(self) -> Sequence[Block]:
        """The blocks in order, text between blocks included."""

    @property
    def theme(self) -> Theme:
        """The templates, which say which kinds of block there are."""

    @property
    def body_line(self) -> int:
        """The first line (from 1) after the front matter."""

    @property
    def hidden_lines(self) -> Sequence[str]:
        """The lines of the file with tokens for merge tags."""

    def line(self, number: int) -> str:
        """Return a line (from 1) as its author wrote it."""

    def column(self, line: int, column: int) -> int:
        """Return the author's column for a column of the line with tokens."""

    def written(self, text: str) -> str:
        """Return a text with its tokens turned back into merge tags."""


class Spot(NamedTuple):
    """A place in a file: line and column from 1, width in characters, all as the author sees them."""

    line: int = 1
    column: int = 1
    width: int = 1
    path: str = ""
    """The file as messages show it; empty for the issue's own."""


WHOLE_ISSUE = Spot()
"""The place of a finding about the issue as a whole: the beginning of line 1."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link as its author wrote it; merge tags are tokens in `url`, themselves in `text`."""

    url: str
    text: str
    has_picture: bool
    """Tells whether a picture stands inside the link."""
    spot: Spot
    address: Spot | None
    """The place of the address itself; None where it is written elsewhere, as a reference."""
    block: Block
    is_markdown: bool
    """Tells `[words](address)` from a field of a block."""

    @property
    def address_spot(self) -> Spot:
        """The place of the address, or of the whole link where the address stands elsewhere."""
        return self.address or self.spot


@dataclass(frozen=True, kw_only=True)
class WrittenPicture:
    """A picture as its author wrote it; merge tags are tokens in `src`."""

    src: str
    alt: str
    spot: Spot
    address: Spot | None
    shown_width: int
    """The width in CSS pixels, at most, at which the block's template shows it."""
    block: Block
    is_markdown: bool
    """Tells `![alt](src)` from a field of a block."""

    @property
    def address_spot(self) -> Spot:
        """The place of the address, or of the whole picture where the address stands elsewhere."""
        return self.address or self.spot


_ADDRESS = re.compile(r"(?:\]\(\s*<?|^<)(?=\S)")


def links(context: Written) -> Iterator[Link]:
    """Yield every link of the issue, in order."""
    for block in context.blocks:
        # A line that lacks a field by mistake has a link without words, or a picture without a description.
        if "url" in block.fields and block.is_readable:
            yield _link_of_field(context, block)
        for token in _inlines(block):
            yield from _link_of_token(context, block, token)


def pictures(context: Written) -> Iterator[WrittenPicture]:
    """Yield every picture of the issue, in order."""
    for block in context.blocks:
        field = kind_of(context, block).image_field
        if field in block.fields and block.is_readable:
            yield _picture_of_field(context, block, field)
        for token in _inlines(block):
            for child in token.children or ():
                if child.type == "image" and "at" in child.meta:
                    yield _picture_of_token(context, block, token, child)


def texts(context: Written) -> Iterator[tuple[str, Spot]]:
    """Yield every run of plain words that readers see: Markdown's text without code, merge tags as tokens.

    A run is not longer than its line. Words that Markdown changed (entities, escapes) are left out.
    """
    for block in context.blocks:
        for token in _inlines(block):
            at = 0
            for child in token.children or ():
                if child.type == "text" and (start := token.content.find(child.content, at)) >= 0:
                    at = start + len(child.content)
                    yield child.content, token_spot(context, token, start, at)


def inline_tokens(context: Written) -> Iterator[tuple[Block, Token, list[str]]]:
    """Yield each paragraph, heading and cell of the issue: its block, its token, and the kinds of the tokens around.

    Those around are the lists, items and quotations that begin with it, the outermost first.
    """
    for block in context.blocks:
        before: list[str] = []
        for token in block.body:
            if token.type == "inline":
                yield block, token, before
            if token.nesting <= 0:
                before = []
            elif token.type != "paragraph_open":
                before = [*before, token.type]


def code_lines(context: Written) -> set[int]:
    """Return the numbers of the lines that are shown as they stand: fenced and indented code."""
    lines: set[int] = set()
    for block in context.blocks:
        for token in block.body:
            if token.type in ("fence", "code_block") and token.map:
                lines.update(range(token.map[0] + context.body_line, token.map[1] + context.body_line))
    return lines


def field_spot(context: Written, block: Block, name: str) -> Spot:
    """Return the place of a block field's value, or of the block's opening line when the value is not in it."""
    if name in block.places:
        return Spot(block.line, *block.places[name])
    return Spot(block.line, 1, len(context.line(block.line)) or 1)


def tag_spot(tag: Tag) -> Spot:
    """Return the place of a merge tag."""
    return Spot(tag.line, tag.column, len(tag.source))


def token_spot(context: Written, token: Token, at: int, end: int) -> Spot:
    """Return the place of a part of an inline token's content, to the end of its line at most."""
    if "cell" in token.meta and token.map:
        return _cell_spot(context, token, token.map[0] + context.body_line, at, end)
    line, column = place_in(token, at, context.hidden_lines, context.body_line - 1)
    stop = token.content.find("\n", at, end)
    number = line + context.body_line
    start = context.column(number, column)
    after = context.column(number, column + (end if stop < 0 else stop) - at)
    return Spot(number, start, max(1, after - start))


def _cell_spot(context: Written, token: Token, number: int, at: int, end: int) -> Spot:
    """Return the place of a part of a table's cell, or its whole line where the cell is not found in it."""
    row = context.hidden_lines[number - 1]
    places = (column_in_cell(row, token.meta["cell"], token.content, each) for each in (at, end))
    start, after = (context.column(number, column) if column else 0 for column in places)
    return Spot(number, start, max(1, after - start)) if start else Spot(number, 1, max(1, len(context.line(number))))


def _inlines(block: Block) -> Iterator[Token]:
    """Yield the inline tokens of a block; those of table cells learn their number in the row, from 0."""
    cell = -1
    for before, token in pairwise((Token("", "", 0), *block.body)):
        if token.type == "tr_open":
            cell = -1
        elif token.type == "inline":
            if before.type in ("th_open", "td_open"):
                cell += 1
                token.meta["cell"] = cell
            yield token


def _link_of_field(context: Written, block: Block) -> Link:
    where = field_spot(context, block, "url")
    kind = kind_of(context, block)
    is_label = kind.body is BodyKind.LABEL
    text = "".join(token.content for token in _inlines(block)) if is_label else block.fields.get(kind.link_field, "")
    return Link(
        url=block.fields["url"],
        text=context.written(text).strip(),
        has_picture=kind.has_linked_picture,
        spot=where,
        address=where,
        block=block,
        is_markdown=False,
    )


def _link_of_token(context: Written, block: Block, token: Token) -> Iterator[Link]:
    children = token.children or []
    for index, child in enumerate(children):
        if child.type == "link_open" and "at" in child.meta:
            inside = _inside(children, index)
            yield Link(
                url=str(child.attrs.get("href", "")),
                text=context.written("".join(part.content for part in inside)).strip(),
                has_picture=any(part.type == "image" for part in inside),
                spot=token_spot(context, token, child.meta["at"], child.meta["end"]),
                address=_address(context, token, child),
                block=block,
                is_markdown=True,
            )


def _inside(children: list[Token], index: int) -> list[Token]:
    level = children[index].level
    inside = []
    for at in range(index + 1, len(children)):
        child = children[at]
        if child.type == "link_close" and child.level == level:
            break
        inside.append(child)
    return inside


def _address(context: Written, token: Token, child: Token) -> Spot | None:
    at, end = child.meta["at"], child.meta["end"]
    openings = list(_ADDRESS.finditer(token.content[at:end]))
    if not openings:
        return None
    start = at + openings[-1].end()
    written = re.match(r"[^\s>)]*", token.content[start:end])
    return token_spot(context, token, start, start + len(written[0] if written else ""))


def kind_of(context: Written, block: Block) -> BlockKind:
    """Return the kind of a block."""
    return context.theme.kinds.get(block.name, TEXT)


def _picture_of_field(context: Written, block: Block, field: str) -> WrittenPicture:
    width = block.fields.get("width", "")
    shown = int(width) if width.isdigit() else kind_of(context, block).image_width
    where = field_spot(context, block, field)
    return WrittenPicture(
        src=block.fields[field],
        alt=context.written(block.fields.get("alt", "")),
        spot=where,
        address=where,
        shown_width=shown,
        block=block,
        is_markdown=False,
    )


def _picture_of_token(context: Written, block: Block, token: Token, child: Token) -> WrittenPicture:
    return WrittenPicture(
        src=str(child.attrs.get("src", "")),
        alt=context.written(child.content),
        spot=token_spot(context, token, child.meta["at"], child.meta["end"]),
        address=_address(context, token, child),
        shown_width=_shown_width(context, block),
        block=block,
        is_markdown=True,
    )


def _shown_width(context: Written, block: Block) -> int:
    """Return the width of a Markdown picture: a list shows thumbnails, a body the whole column."""
    kind = kind_of(context, block)
    return kind.image_width if kind.body is BodyKind.LIST else COLUMN_WIDTH
