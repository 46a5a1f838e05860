"""The kinds of block: the fields that `:::name key=value` may have, its body, and how it reads as plain text.

A kind has one template of its name, `templates/blocks/<name>.mjml`; everything else that the program knows of
it is its entry in KINDS. A publication's own kind lists its fields in the first line of its template.
Opening lines are read in block_fields.py; whether a picture exists is asked in images.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from newsletter.config import Config, SponsorSection
from newsletter.errors import suggestion

COLUMN_WIDTH = 552
"""CSS pixels of the text column: 600 less two gutters of 24."""
THUMBNAIL_WIDTH = 120
"""CSS pixels of a picture beside text."""
RULE, DOUBLE_RULE = "-" * 40, "=" * 40
SIGNUP = "signup"
"""The kind that stands at the end of every issue which does not place it by hand or leave it out."""


class FieldType(StrEnum):
    """The type of a field's value."""

    TEXT = "text"
    URL = "url"
    IMAGE = "image"
    WIDTH = "width"


class BodyKind(StrEnum):
    """The content that may stand between the opening and the closing line."""

    MARKDOWN = "markdown"
    LIST = "list"
    LABEL = "label"
    NONE = "none"


class PlainBlock(Protocol):
    """A block in plain text, piece by piece: what a kind's `text` function joins. Absent pieces are empty."""

    def field(self, name: str) -> str:
        """Return a field's value; one left out comes from the settings that the block names."""

    def texts(self) -> Iterable[str]:
        """Return the values of the text fields, in the order in which the author wrote them."""

    def linked(self, words: str) -> str:
        """Return the words with the block's `url` in angle brackets after them."""

    def picture(self, alt: str) -> str:
        """Return the words that stand for a picture."""

    def body(self, above: int = 0) -> str:
        """Return the text of the body; its headings stand below the level `above`, that of the block's title."""

    def items(self) -> Iterable[str]:
        """Return the text of each item of a list."""

    def signup(self) -> str:
        """Return the heading, the text and the button of the signup block."""

    def translate(self, message: str, **values: str) -> str:
        """Return one of the program's own messages in the issue's language."""


def own_text(block: PlainBlock) -> Iterator[str]:
    """Yield the paragraphs of a kind without a function of its own: its text fields, its body, its address."""
    yield from block.texts()
    yield block.body()
    yield block.linked("")


def _article(block: PlainBlock) -> Iterator[str]:
    author, source = block.field("author"), block.field("source")
    yield _lines(_capitals(block.field("label")), block.linked(block.field("title")), DOUBLE_RULE)
    yield block.picture(block.field("alt"))
    yield block.body(1)
    _ = block.translate
    credits = [_("By %(author)s", author=author)] if author else []
    yield " · ".join(credits + ([_("Source: %(source)s", source=source)] if source else []))


def _news(block: PlainBlock) -> Iterator[str]:
    yield f"{block.field('title')}\n{RULE}" if block.field("title") else ""
    yield from block.items()


def _sponsor(block: PlainBlock) -> Iterator[str]:
    _ = block.translate
    yield _lines(_("Sponsored by %(sponsor)s", sponsor=block.linked(block.field("name"))), RULE)
    yield block.body()


def _quote(block: PlainBlock) -> Iterator[str]:
    quoted = "\n".join(f"> {line}" if line else ">" for line in block.body().split("\n"))
    by = block.linked(block.field("by"))
    yield quoted + (f"\n>\n> — {by}" if by else "")


def _button(block: PlainBlock) -> Iterator[str]:
    yield block.linked(block.body())


def _image(block: PlainBlock) -> Iterator[str]:
    shown = block.field("caption") or block.field("alt")
    yield block.linked(block.picture(shown)) if shown else ""


def _signup(block: PlainBlock) -> Iterator[str]:
    yield _lines(RULE, block.signup())


def _divider(block: PlainBlock) -> Iterator[str]:
    yield RULE


def _capitals(text: str) -> str:
    """Return a text in capitals; the tokens of merge tags and of escaped braces stay as they are."""
    parts = re.split(r"(NL\w*?[ML]\d{5}xNL)", text)
    return "".join(part if index % 2 else part.upper() for index, part in enumerate(parts))


def _lines(*lines: str) -> str:
    return "\n".join(filter(None, lines))


@dataclass(frozen=True, kw_only=True)
class BlockKind:
    """A kind of block: its fields, its body, and what each of them is to a reader."""

    name: str
    fields: Mapping[str, FieldType]
    required: tuple[str, ...] = ()
    positional: str = ""
    """The field that a value without a key fills."""
    body: BodyKind = BodyKind.MARKDOWN
    body_required: bool = False
    link_field: str = ""
    """The field whose words lead to `url`; empty: the body's words do, or the whole block."""
    image_width: int = COLUMN_WIDTH
    """CSS pixels at which the template shows a picture, at most."""
    is_caption: bool = False
    """The block's own words stand under a picture and may be small."""
    sponsor_field: str = ""
    """The field with the id of a `[sponsors.<id>]`, whose fields and text stand in for those left out.

    A block with one is an advertisement: neither its words nor its pictures stand for the issue in feeds.
    """
    text: Callable[[PlainBlock], Iterator[str]] = own_text
    """Writes the paragraphs of the plain text; empty ones are dropped."""

    def fields_of(self, type_: FieldType) -> list[str]:
        """Return the names of the fields of one type, in order."""
        return [name for name, field_type in self.fields.items() if field_type is type_]

    @property
    def image_field(self) -> str:
        """The first field that names a picture; empty when there is none."""
        return next(iter(self.fields_of(FieldType.IMAGE)), "")

    @property
    def has_linked_picture(self) -> bool:
        """Tell whether `url` is the address of a picture: the words of the link describe it."""
        return self.link_field == "alt"

    def sponsor(self, fields: Mapping[str, str], config: Config) -> SponsorSection | None:
        """Return the sponsor that a block of this kind names, if it names one."""
        return config.sponsors.get(fields.get(self.sponsor_field, "")) if self.sponsor_field else None


def _kind(
    name: str,
    fields: str,
    *,
    positional: str = "",
    body: BodyKind = BodyKind.MARKDOWN,
    body_required: bool = False,
    link_field: str = "",
    image_width: int = COLUMN_WIDTH,
    is_caption: bool = False,
    sponsor_field: str = "",
    text: Callable[[PlainBlock], Iterator[str]] = own_text,
) -> BlockKind:
    """Make a kind; `fields` is written as the documentation's table writes them: `title* url image`."""
    names = fields.split()
    return BlockKind(
        name=name,
        fields={field.rstrip("*"): _TYPES.get(field.rstrip("*"), FieldType.TEXT) for field in names},
        required=tuple(field.rstrip("*") for field in names if field.endswith("*")),
        positional=positional,
        body=body,
        body_required=body_required,
        link_field=link_field,
        image_width=image_width,
        is_caption=is_caption,
        sponsor_field=sponsor_field,
        text=text,
    )


_TYPES = {"url": FieldType.URL, "image": FieldType.IMAGE, "src": FieldType.IMAGE, "width": FieldType.WIDTH}
"""The type of a field by its name; every other field is text."""
TEXT = BlockKind(name="text", fields={})
"""Markdown between blocks."""
KINDS: Mapping[str, BlockKind] = {
    kind.name: kind
    # In the order of the table in docs/writing.md.
    for kind in (
        _kind("article", "title* url image alt author source label", link_field="title", text=_article),
        _kind("news", "title", body=BodyKind.LIST, body_required=True, image_width=THUMBNAIL_WIDTH, text=_news),
        _kind(
            "sponsor",
            "id name url image alt",
            positional="id",
            link_field="name",
            image_width=THUMBNAIL_WIDTH,
            sponsor_field="id",
            text=_sponsor,
        ),
        _kind("quote", "by url", body_required=True, link_field="by", text=_quote),
        _kind("button", "url*", positional="url", body=BodyKind.LABEL, body_required=True, text=_button),
        _kind(
            "image",
            "src* alt* url caption width",
            body=BodyKind.NONE,
            link_field="alt",
            is_caption=True,
            text=_image,
        ),
        _kind(SIGNUP, "heading text button", body=BodyKind.NONE, text=_signup),
        _kind("divider", "", body=BodyKind.NONE, text=_divider),
        _kind("note", "title", body_required=True),
    )
}
# Jinja drops the line as a comment.
_DECLARED = re.compile(
    r"\{#-?\s*fields:(?P<fields>[^#;]*)(?:;\s*positional:\s*(?P<positional>\w+)\s*)?(?:;\s*body:\s*(?P<body>\w+)\s*)?-?#\}"
)


def kind_from_template(name: str, template: str) -> BlockKind:
    """Read a publication's own kind from `{# fields: title* url image; positional: url; body: none #}` in its template.

    Without that line it has no fields and a Markdown body. Raises ValueError for a body of another kind.
    """
    declared = _DECLARED.search(template)
    # A template may be older than its declaration, or need no fields.
    if not declared:
        return BlockKind(name=name, fields={})
    body = declared["body"] or "markdown"
    if body not in list(BodyKind):
        raise ValueError(f'body: "{body}"; {suggestion(body, list(BodyKind), "Bodies")}')
    return _kind(name, declared["fields"], positional=declared["positional"] or "", body=BodyKind(body))
