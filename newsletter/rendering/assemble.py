"""Assemble an Issue and a Theme into a Document: MJML with tokens in place of bodies and merge tags.

Article HTML never enters MJML: each body is a token and is put back after the compiler has run.
No author's text is ever run as a template; it is only a value in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import quote

from markdown_it.token import Token
from markupsafe import Markup

from newsletter.config import PublicationSettings
from newsletter.issues.blocks import COLUMN_WIDTH, KINDS, SIGNUP, TEXT, THUMBNAIL_WIDTH, BlockKind, BodyKind, FieldType
from newsletter.issues.images import PictureError, find_picture, is_remote, picture_url
from newsletter.issues.issue import Block, Condition, Issue
from newsletter.issues.markdown.parser import settings_tokens
from newsletter.issues.news_block import NewsItem, news_items
from newsletter.messages.merge_tags import TagStore
from newsletter.rendering import colours, source_map, thumbnails
from newsletter.rendering.directions import directed, directed_words, isolated, turned, words_of
from newsletter.rendering.headings import has_heading, level_above, shifted, top_level
from newsletter.rendering.markdown_html import Image, body_html, inline_html
from newsletter.rendering.theme import Theme, encode
from newsletter.rendering.translations import Language

Medium = Literal["email", "web"]
NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, kw_only=True)
class Document:
    """The assembled MJML of an issue, with the bodies and merge tags that its tokens stand for."""

    mjml: str
    css: str
    """The style rules that the inliner puts on the elements of bodies."""
    bodies: tuple[str, ...]
    tag_store: TagStore = field(repr=False)

    def with_bodies(self, text: str) -> str:
        """Return a text with the HTML of bodies in place of their tokens."""
        return re.sub(rf"{self.tag_store.base}B(\d{{5}})xNL", lambda token: self.bodies[int(token[1])], text)


def assemble(
    issue: Issue, theme: Theme, medium: Medium = "email", *, traced: bool = False, more: Mapping[str, object] = NOTHING
) -> Document:
    """Render every block and the frame around them. Raises NewsletterError for a template's mistake.

    `more` has further values for the frame's template. A `traced` document carries the marks of source_map.py.
    """
    assembly = _Assembly(issue=issue, theme=theme, medium=medium, traced=traced)
    values = assembly.values()
    content = "\n".join(assembly.pieces(values))
    frame = {**values, **_empty_fields(KINDS[SIGNUP]), "content": Markup(content), **more}
    frame["signup"] = values["signup"] if issue.wants_signup else None
    has_turned = any(' dir="' in body for body in assembly.bodies)
    return Document(
        # Escaped braces are put back only after Jinja has run.
        mjml=issue.tag_store.literal(_ascii(theme.render(f"{issue.template}.mjml", frame))),
        css=theme.render("inline.css", {**values, "has_turned": has_turned}),
        bodies=tuple(assembly.bodies),
        tag_store=issue.tag_store,
    )


def language_of(issue: Issue, theme: Theme) -> Language:
    """Return the language of the theme's own words: that of the issue's list, else the publication's."""
    config = theme.publication.config
    return theme.translations.language(config.lists[issue.list].language or config.publication.language)


def signup_url(publication: PublicationSettings, list_name: str) -> str:
    """Return the address of the signup button of an email; it names the list when there are several."""
    query = f"?list={quote(list_name)}" if len(publication.config.lists) > 1 else ""
    return f"{publication.config.publication.url}/subscribe{query}"


@dataclass(kw_only=True)
class _Assembly:
    """The state of assembling an issue: its bodies so far, and whether one of its headings came already."""

    issue: Issue
    theme: Theme
    medium: Medium
    traced: bool = False
    bodies: list[str] = field(default_factory=list)
    has_heading: bool = False

    @cached_property
    def language(self) -> Language:
        return language_of(self.issue, self.theme)

    @cached_property
    def top_of_text(self) -> int:
        """The highest level of heading between the blocks, 1 to 6; 7 when there is none."""
        blocks = (piece for piece in self.issue.content if isinstance(piece, Block) and piece.name == TEXT.name)
        return top_level(token for block in blocks for token in block.body)

    @property
    def publication(self) -> PublicationSettings:
        return self.theme.publication

    @property
    def _traced_from(self) -> int | None:
        return self.issue.body_line if self.traced else None

    def values(self) -> dict[str, object]:
        """Return the values that every template may use."""
        config = self.publication.config
        language, side = self.language, self.language.direction
        start, end = ("left", "right") if side == "ltr" else ("right", "left")
        settings = {name: getattr(config.theme, name) for name in config.theme.__struct_fields__}
        return {
            "publication": config.publication,
            "theme": {
                **settings,
                "light": asdict(colours.light(config.theme)),
                "dark": asdict(colours.dark(config.theme)),
            },
            "issue": self.issue,
            **language.for_templates(encode),
            "date_line": language.date_line(self.issue.date),
            "language": language.code,
            "dir": side,
            "start": start,
            "end": end,
            "turned": lambda text: turned(self.issue.tag_store.token.sub("", str(text)), side),
            "isolated": lambda text: isolated(str(text), side, self.issue.tag_store),
            "medium": self.medium,
            "list_title": config.lists[self.issue.list].title,
            "signup": language.signup(config.signup),
            "signup_url": signup_url(self.publication, self.issue.list),
            "tag": self.issue.tag_store.own,
            "image": lambda path: picture_url(self.publication.root, config.publication.url, path),
        }

    def hide(self, html: str) -> Markup | None:
        """Return a token for a body's HTML; None when it is empty."""
        if not html:
            return None
        self.bodies.append(html)
        return Markup(self._token(len(self.bodies) - 1))

    def _token(self, index: int) -> str:
        return f"{self.issue.tag_store.base}B{index:05d}xNL"

    def pieces(self, values: Mapping[str, object]) -> Iterator[str]:
        """Yield the MJML of each piece of the issue; in a traced document, blocks are between marks."""
        for index, piece in enumerate(self.issue.content):
            mjml = self.piece(piece, values)
            yield source_map.around(index, mjml) if self.traced and isinstance(piece, Block) else mjml

    def piece(self, piece: Block | Condition, values: Mapping[str, object]) -> str:
        """Return the MJML of one piece of the issue."""
        if isinstance(piece, Condition):
            return f"<mj-raw>{piece.token}</mj-raw>"
        kind, first = self.theme.kinds.get(piece.name, TEXT), len(self.bodies)
        own = {**_empty_fields(kind), **self._fields(kind, piece), "body": self._body(kind, piece)}
        items = [*news_items(piece.body)] if kind.body is BodyKind.LIST else []
        shapes = thumbnails.shapes([self._shape(item.image) for item in items])
        own["items"] = [{**self._item(item), **shape} for item, shape in zip(items, shapes, strict=True)]
        own["is_first"] = piece is next(
            block for block in self.issue.content if isinstance(block, Block) and block.name == piece.name
        )
        own["is_headline"] = own["is_first"] and not self.has_heading
        mjml = self.theme.render(f"blocks/{piece.name}.mjml", {**values, **own})
        self._place_headings(piece, mjml, first)
        return mjml

    def _place_headings(self, block: Block, mjml: str, first: int) -> None:
        """Move the headings of a block's bodies, those from `first` on, below the heading that its template writes."""
        for index in range(first, len(self.bodies)):
            if has_heading(self.bodies[index]):
                top = self.top_of_text if block.name == TEXT.name else top_level(block.body)
                above = level_above(mjml.partition(self._token(index))[0])
                self.bodies[index] = shifted(self.bodies[index], max(0, above + 1 - top))
                self.has_heading = True
        self.has_heading = self.has_heading or has_heading(mjml)

    def _fields(self, kind: BlockKind, block: Block) -> dict[str, object]:
        """Return a block's fields for its template: of a picture the address and the width in pixels.

        The address of `image` is `image_url`, because `image` is a function in every template.
        """
        sponsor = kind.sponsor(block.fields, self.publication.config)
        defaults = {name: value for name in kind.fields if (value := getattr(sponsor, name, None)) is not None}
        fields: dict[str, object] = {**defaults, **block.fields}
        for name in kind.fields_of(FieldType.IMAGE):
            if path := fields.get(name):
                picture = self.find_image(str(path))
                fields["image_url" if name == "image" else name] = picture.url
                fields[f"{name}_width"] = picture.width
        fields.pop("image", None)
        return fields

    def _body(self, kind: BlockKind, block: Block) -> Markup | None:
        if kind.body is BodyKind.LABEL:
            return self._inline([child for token in block.body for child in token.children or []])
        sponsor = kind.sponsor(block.fields, self.publication.config)
        if not block.body and sponsor:
            tokens = self._directed(settings_tokens(sponsor.text))
            return self.hide(body_html(tokens, self.issue.tag_store, self.find_image))
        html = body_html(
            self._directed(block.body),
            self.issue.tag_store,
            self.find_image,
            traced_from=self._traced_from,
            has_anchors=self.medium == "web",
        )
        return self.hide(html)

    def _directed(self, tokens: Sequence[Token]) -> Sequence[Token]:
        return directed(tokens, self.language.direction, self.issue.tag_store)

    def _item(self, item: NewsItem) -> dict[str, object]:
        thumbnail = self.find_image(item.image) if item.image else None
        return {
            "title": self._inline(item.title),
            "title_turned": self._turned(item.title),
            "blurb_turned": self._turned(item.blurb),
            "url": item.url,
            "blurb": self._inline(item.blurb, has_anchors=self.medium == "web"),
            "image_url": thumbnail.url if thumbnail else None,
            "image_width": min(thumbnail.width, THUMBNAIL_WIDTH) if thumbnail else None,
            "image_link": item.image_link,
            "alt": item.alt,
        }

    def _shape(self, path: str) -> tuple[int, int] | None:
        """Return width and height of a thumbnail's file; None where it is not one of the publication."""
        if not path or is_remote(path):
            return None
        try:
            file = find_picture(self.publication.root, path)
        except PictureError:  # a path with a merge tag in it
            return None
        return (file.width, file.height) if file.width and file.height else None

    def _inline(self, children: Sequence[Token], *, has_anchors: bool = False) -> Markup | None:
        """Return a token for the HTML of words; a title or a label, which is a link, has no anchors."""
        if not children:
            return None
        html = inline_html(
            directed_words(children, self.language.direction, self.issue.tag_store),
            self.issue.tag_store,
            self.find_image,
            traced_from=self._traced_from,
            has_anchors=has_anchors,
        )
        return self.hide(html)

    def _turned(self, children: Sequence[Token]) -> Markup:
        return turned(words_of(children, self.issue.tag_store), self.language.direction)

    def find_image(self, path: str) -> Image:
        """Return the picture that readers load, as wide as its file but never wider than the column."""
        url = picture_url(self.publication.root, self.publication.config.publication.url, path)
        if is_remote(path):
            return Image(url=url, width=COLUMN_WIDTH)
        try:
            width = find_picture(self.publication.root, path).width
        except PictureError:  # a path with a merge tag in it: only the reader's copy knows the file
            width = 0
        return Image(url=url, width=min(width or COLUMN_WIDTH, COLUMN_WIDTH))


def _empty_fields(kind: BlockKind) -> dict[str, object]:
    """Return None for each field of a kind: templates may name every field, set or not."""
    empty: dict[str, object] = {field: None for field in kind.fields if field != "image"}
    return {**empty, "image_url": None, "body": None, "items": []}


def _ascii(mjml: str) -> str:
    """Replace what is not ASCII by character references, except in style sheets, which have none."""
    parts = re.split(r"(<mj-style\b.*?</mj-style>)", mjml, flags=re.DOTALL)
    return "".join(
        part if index % 2 else part.encode("ascii", "xmlcharrefreplace").decode() for index, part in enumerate(parts)
    )
