"""The text part of a message: every block as its kind writes it, for a terminal or a watch.

No lines are broken here: mail clients wrap text, and the length of a merge tag's value is not known.
Markdown becomes text in markdown_text.py; the frame around the content is `templates/issue.txt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from newsletter.config import Config, SponsorSection
from newsletter.issues.blocks import TEXT, BlockKind, FieldType
from newsletter.issues.issue import Block, Condition, Issue
from newsletter.issues.markdown.parser import settings_tokens
from newsletter.issues.news_block import NewsItem, news_items
from newsletter.rendering.markdown_text import body_text, inline_text, picture_text, with_address
from newsletter.rendering.translations import Language


def plain_content(
    issue: Issue, config: Config, kinds: Mapping[str, BlockKind], signup_url: str, language: Language
) -> str:
    """Return the text of an issue's content, an empty line between its paragraphs."""
    content = "".join(
        piece.token
        if isinstance(piece, Condition)
        else _block_text(kinds.get(piece.name, TEXT), piece, config, signup_url, language)
        for piece in issue.content
    )
    return issue.tag_store.literal(content.strip("\n"))


def _block_text(kind: BlockKind, block: Block, config: Config, signup_url: str, language: Language) -> str:
    """Return a block's paragraphs with an empty line after them; a block without words takes no room."""
    plain = _PlainBlock(kind=kind, block=block, config=config, signup_url=signup_url, language=language)
    text = "\n\n".join(filter(None, kind.text(plain)))
    return f"{text}\n\n" if text else ""


@dataclass(frozen=True, kw_only=True)
class _PlainBlock:
    """The pieces of one block in plain text: see `issues.blocks.PlainBlock`."""

    kind: BlockKind
    block: Block
    config: Config
    signup_url: str
    language: Language

    @cached_property
    def _sponsor(self) -> SponsorSection | None:
        return self.kind.sponsor(self.block.fields, self.config)

    def field(self, name: str) -> str:
        return self.block.fields.get(name) or str(getattr(self._sponsor, name, None) or "")

    def texts(self) -> Iterable[str]:
        return [text for name, text in self.block.fields.items() if self.kind.fields.get(name) is FieldType.TEXT]

    def linked(self, words: str) -> str:
        return with_address(words, self.field("url"))

    def picture(self, alt: str) -> str:
        return picture_text(alt)

    def body(self, above: int = 0) -> str:
        if not self.block.body and self._sponsor:
            return body_text(settings_tokens(self._sponsor.text), above)
        return body_text(self.block.body, above)

    def items(self) -> Iterable[str]:
        return (_item_text(item) for item in news_items(self.block.body))

    def signup(self) -> str:
        default, fields = self.language.signup(self.config.signup), self.block.fields
        heading, text = fields.get("heading") or default.heading, fields.get("text") or default.text
        return f"{heading}\n{text}\n{with_address(fields.get('button') or default.button, self.signup_url)}"

    def translate(self, message: str, **values: str) -> str:
        return self.language.gettext(message, **values)


def _item_text(item: NewsItem) -> str:
    title, blurb = with_address(inline_text(item.title), item.url), inline_text(item.blurb)
    if item.image_link != item.url and item.image:
        blurb = "\n  ".join(filter(None, (blurb, with_address(picture_text(item.alt), item.image_link))))
    return f"* {title}\n  {blurb}" if blurb else f"* {title}"
