"""The text alternative: the same tokens as the HTML, written for a terminal or a watch.

No lines are broken here: clients wrap text, and what a merge tag becomes is not known.
Addresses stand in angle brackets after their words (RFC 3986 appendix C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from newsletter.config import Config, SignupSection, SponsorSection
from newsletter.issues.issue import Block, Condition, Issue
from newsletter.issues.markdown import settings_tokens
from newsletter.issues.news_block import NewsItem, news_items
from newsletter.text_flow import RULE, flow, inline_text, picture_text, with_address
from newsletter.translations import Language


@dataclass(frozen=True, kw_only=True)
class Words:
    """What blocks say that is not in the issue: sponsors and the signup's words, from newsletter.toml."""

    sponsors: Mapping[str, SponsorSection]
    signup: SignupSection
    signup_url: str
    language: Language


def plain_content(issue: Issue, config: Config, signup_url: str, language: Language) -> str:
    """The text of an issue's content; what stands around it is in `templates/issue.txt`."""
    words = Words(
        sponsors=config.sponsors, signup=language.signup(config.signup), signup_url=signup_url, language=language
    )
    content = "".join(_piece(piece, words) for piece in issue.content)
    return issue.vault.literal(content.strip("\n"))


def _piece(piece: Block | Condition, words: Words) -> str:
    """One piece with the empty line after it; a condition takes no room of its own."""
    if isinstance(piece, Condition):
        return piece.token
    text = _WRITERS.get(piece.name, _other)(piece, words)
    return f"{text}\n\n" if text else ""


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _article(block: Block, words: Words) -> str:
    field = block.fields.get
    title = with_address(field("title", ""), field("url", ""))
    label = field("label", "").upper()
    _ = words.language.gettext
    author, source = field("author", ""), field("source", "")
    credit = " · ".join(
        ([_("By %(author)s", author=author)] if author else [])
        + ([_("Source: %(source)s", source=source)] if source else [])
    )
    return _paragraphs(
        "\n".join(filter(None, (label, title, "=" * 40))), picture_text(field("alt", "")), flow(block.body), credit
    )


def _news(block: Block, words: Words) -> str:
    title = block.fields.get("title", "")
    return _paragraphs(f"{title}\n{RULE}" if title else "", *(_news_item(item) for item in news_items(block.body)))


def _news_item(item: NewsItem) -> str:
    blurb = inline_text(item.blurb)
    return f"* {with_address(inline_text(item.title), item.url)}" + (f"\n  {blurb}" if blurb else "")


def _sponsor(block: Block, words: Words) -> str:
    known = words.sponsors.get(block.fields.get("id", ""))
    name = block.fields.get("name") or (known.name if known else "")
    url = block.fields.get("url") or (known.url if known and known.url else "")
    text = flow(block.body or settings_tokens(known.text if known else ""))
    heading = words.language.gettext("Sponsored by %(sponsor)s", sponsor=with_address(name, url))
    return _paragraphs(f"{heading}\n{RULE}", text)


def _quote(block: Block, words: Words) -> str:
    quoted = "\n".join(f"> {line}" if line else ">" for line in flow(block.body).split("\n"))
    by = with_address(block.fields.get("by", ""), block.fields.get("url", ""))
    return quoted + (f"\n>\n> — {by}" if by else "")


def _button(block: Block, words: Words) -> str:
    return with_address(flow(block.body), block.fields.get("url", ""))


def _image(block: Block, words: Words) -> str:
    shown = block.fields.get("caption") or block.fields.get("alt", "")
    return with_address(picture_text(shown), block.fields.get("url", "")) if shown else ""


def _note(block: Block, words: Words) -> str:
    return _paragraphs(block.fields.get("title", ""), flow(block.body))


def _text(block: Block, words: Words) -> str:
    return flow(block.body)


def _signup(block: Block, words: Words) -> str:
    heading = block.fields.get("heading") or words.signup.heading
    text = block.fields.get("text") or words.signup.text
    button = block.fields.get("button") or words.signup.button
    return f"{RULE}\n{heading}\n{text}\n{with_address(button, words.signup_url)}"


def _divider(block: Block, words: Words) -> str:
    return RULE


def _other(block: Block, words: Words) -> str:
    """A publication's own kind: its texts, its address, its body."""
    address = block.fields.get("url", "")
    texts = [value for name, value in block.fields.items() if name not in ("url", "image", "src", "width")]
    return _paragraphs(*texts, flow(block.body), f"<{address}>" if address else "")


_WRITERS: Mapping[str, Callable[[Block, Words], str]] = {
    "text": _text, "article": _article, "news": _news, "sponsor": _sponsor, "quote": _quote, "button": _button,
    "image": _image, "note": _note, "divider": _divider, "signup": _signup,
}  # fmt: skip
