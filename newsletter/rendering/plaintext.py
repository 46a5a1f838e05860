"""The text alternative: the same tokens as the HTML, written for a terminal or a watch.

No lines are broken here: clients wrap text, and what a merge tag becomes is not known.
Addresses stand in angle brackets after their words (RFC 3986 appendix C).

Markdown tokens to plain text: paragraphs, lists, quotations, tables, links.

Addresses stand in angle brackets after their words (RFC 3986 appendix C).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from markdown_it.token import Token

from newsletter.config import Config, SignupSection, SponsorSection
from newsletter.issues.issue import Block, Condition, Issue
from newsletter.issues.markdown import settings_tokens
from newsletter.issues.news_block import NewsItem, news_items
from newsletter.rendering.translations import Language


@dataclass(frozen=True, kw_only=True)
class BlockWords:
    """What blocks say that is not in the issue: sponsors and the signup's words, from newsletter.toml."""

    sponsors: Mapping[str, SponsorSection]
    signup: SignupSection
    signup_url: str
    language: Language


def plain_content(issue: Issue, config: Config, signup_url: str, language: Language) -> str:
    """The text of an issue's content; what stands around it is in `templates/issue.txt`."""
    words = BlockWords(
        sponsors=config.sponsors, signup=language.signup(config.signup), signup_url=signup_url, language=language
    )
    content = "".join(_piece(piece, words) for piece in issue.content)
    return issue.tag_store.literal(content.strip("\n"))


def _piece(piece: Block | Condition, words: BlockWords) -> str:
    """One piece with the empty line after it; a condition takes no room of its own."""
    if isinstance(piece, Condition):
        return piece.token
    text = _WRITERS.get(piece.name, _other)(piece, words)
    return f"{text}\n\n" if text else ""


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _article(block: Block, words: BlockWords) -> str:
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


def _news(block: Block, words: BlockWords) -> str:
    title = block.fields.get("title", "")
    return _paragraphs(f"{title}\n{RULE}" if title else "", *(_news_item(item) for item in news_items(block.body)))


def _news_item(item: NewsItem) -> str:
    blurb = inline_text(item.blurb)
    return f"* {with_address(inline_text(item.title), item.url)}" + (f"\n  {blurb}" if blurb else "")


def _sponsor(block: Block, words: BlockWords) -> str:
    known = words.sponsors.get(block.fields.get("id", ""))
    name = block.fields.get("name") or (known.name if known else "")
    url = block.fields.get("url") or (known.url if known and known.url else "")
    text = flow(block.body or settings_tokens(known.text if known else ""))
    heading = words.language.gettext("Sponsored by %(sponsor)s", sponsor=with_address(name, url))
    return _paragraphs(f"{heading}\n{RULE}", text)


def _quote(block: Block, words: BlockWords) -> str:
    quoted = "\n".join(f"> {line}" if line else ">" for line in flow(block.body).split("\n"))
    by = with_address(block.fields.get("by", ""), block.fields.get("url", ""))
    return quoted + (f"\n>\n> — {by}" if by else "")


def _button(block: Block, words: BlockWords) -> str:
    return with_address(flow(block.body), block.fields.get("url", ""))


def _image(block: Block, words: BlockWords) -> str:
    shown = block.fields.get("caption") or block.fields.get("alt", "")
    return with_address(picture_text(shown), block.fields.get("url", "")) if shown else ""


def _note(block: Block, words: BlockWords) -> str:
    return _paragraphs(block.fields.get("title", ""), flow(block.body))


def _text(block: Block, words: BlockWords) -> str:
    return flow(block.body)


def _signup(block: Block, words: BlockWords) -> str:
    heading = block.fields.get("heading") or words.signup.heading
    text = block.fields.get("text") or words.signup.text
    button = block.fields.get("button") or words.signup.button
    return f"{RULE}\n{heading}\n{text}\n{with_address(button, words.signup_url)}"


def _divider(block: Block, words: BlockWords) -> str:
    return RULE


def _other(block: Block, words: BlockWords) -> str:
    """A publication's own kind: its texts, its address, its body."""
    address = block.fields.get("url", "")
    texts = [value for name, value in block.fields.items() if name not in ("url", "image", "src", "width")]
    return _paragraphs(*texts, flow(block.body), f"<{address}>" if address else "")


_WRITERS: Mapping[str, Callable[[Block, BlockWords], str]] = {
    "text": _text, "article": _article, "news": _news, "sponsor": _sponsor, "quote": _quote, "button": _button,
    "image": _image, "note": _note, "divider": _divider, "signup": _signup,
}  # fmt: skip


RULE = "-" * 40
_UNDERLINES = {"h1": "=" * 40, "h2": RULE}


def flow(tokens: Iterable[Token]) -> str:
    """The text of a run of block tokens, without line breaks around it."""
    writer = _Flow()
    for token in tokens:
        writer.write(token)
    return "".join(writer.out).strip("\n")


class _Flow:
    """Writes block tokens one after the other; knows how deep it stands in lists and quotations."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.prefixes: list[str] = []
        self.counters: list[int | None] = []
        self.marker = ""
        self.opening = False
        self.is_tight = False
        self.heading = ""
        self.cells: list[str] | None = None

    def write(self, token: Token) -> None:
        """One token; those that only hold others together are passed over."""
        kind = token.type.removesuffix("_open").removesuffix("_close")
        handler = getattr(self, f"_{kind}", None)
        if handler is not None:
            handler(token)

    def _bullet_list(self, token: Token) -> None:
        if token.nesting > 0:
            is_ordered = token.type.startswith("ordered")
            self.opening = not self.counters
            self.counters.append(int(token.attrs.get("start", 1)) if is_ordered else None)
        else:
            self.counters.pop()

    _ordered_list = _bullet_list

    def _list_item(self, token: Token) -> None:
        if token.nesting < 0:
            self.prefixes.pop()
            return
        count = self.counters[-1]
        self.marker = "- " if count is None else f"{count}. "
        self.counters[-1] = None if count is None else count + 1
        self.prefixes.append(" " * len(self.marker))

    def _blockquote(self, token: Token) -> None:
        if token.nesting > 0:
            self.prefixes.append("> ")
        else:
            self.prefixes.pop()

    def _paragraph(self, token: Token) -> None:
        self.is_tight = token.hidden

    def _heading(self, token: Token) -> None:
        self.heading = token.tag if token.nesting > 0 else ""

    def _tr(self, token: Token) -> None:
        if token.nesting < 0:
            self._put(" | ".join(self.cells or []), close=not self.opening)
            self.opening = False
        self.cells = [] if token.nesting > 0 else None

    def _table(self, token: Token) -> None:
        self.opening = token.nesting > 0

    def _inline(self, token: Token) -> None:
        words = inline_text(token.children or [])
        if self.cells is not None:
            self.cells.append(words)
            return
        if underline := _UNDERLINES.get(self.heading):
            words = f"{words}\n{underline}"
        self._put(words, close=bool(self.marker) and self.is_tight and not self.opening)

    def _fence(self, token: Token) -> None:
        self._put("\n".join(f"    {line}" for line in token.content.rstrip("\n").split("\n")))

    _code_block = _fence

    def _hr(self, token: Token) -> None:
        self._put(RULE)

    def _condition(self, token: Token) -> None:
        self.out.append(token.content)

    def _put(self, text: str, *, close: bool = False) -> None:
        """A paragraph, behind the marks of where it stands; `close` leaves out the empty line before it."""
        prefix = "".join(self.prefixes)
        first = prefix[: len(prefix) - len(self.marker)] + self.marker if self.marker else prefix
        lines = text.split("\n")
        self.out.append("\n" if close else "\n\n")
        self.out.append("\n".join([first + lines[0], *(prefix + line for line in lines[1:])]))
        if self.marker:
            self.opening = False
        self.marker = ""


def inline_text(children: Iterable[Token]) -> str:
    """Words of a run of inline tokens; links keep their address, pictures their alt text."""
    out: list[str] = []
    links: list[tuple[str, int]] = []
    for token in children:
        if token.type == "link_open":
            links.append((str(token.attrs.get("href", "")), len(out)))
        elif token.type == "link_close":
            url, start = links.pop()
            out[start:] = [with_address("".join(out[start:]), url)]
        elif token.type == "image":
            out.append(picture_text(token.content))
        else:
            out.append({"softbreak": " ", "hardbreak": "\n"}.get(token.type, token.content))
    return "".join(out)


def picture_text(alt: str) -> str:
    """What stands for a picture; nothing for one that only decorates."""
    return f"[{alt}]" if alt else ""


def with_address(words: str, url: str) -> str:
    """Words and where they lead, once when they are the same."""
    if not url:
        return words
    return f"<{url}>" if words in (url, "") else f"{words} <{url}>"
