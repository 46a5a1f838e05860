"""The text alternative: the same tokens as the HTML, written for a terminal or a watch.

No lines are broken here: clients wrap text, and what a merge tag becomes is not known.
Addresses stand in angle brackets after their words (RFC 3986 appendix C).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from newsletter.config import Config, SignupSection, SponsorSection
from newsletter.issues import Block, Condition, Issue
from newsletter.markdown import settings_tokens
from newsletter.news import NewsItem, news_items

RULE = "-" * 40


@dataclass(frozen=True, kw_only=True)
class Words:
    """What blocks say that is not in the issue: sponsors and the signup's words, from newsletter.toml."""

    sponsors: Mapping[str, SponsorSection]
    signup: SignupSection
    signup_url: str


def plain_content(issue: Issue, config: Config, signup_url: str) -> str:
    """The text of an issue's content; what stands around it is in `templates/issue.txt`."""
    words = Words(sponsors=config.sponsors, signup=config.signup, signup_url=signup_url)
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
    title = _with_address(field("title", ""), field("url", ""))
    label = field("label", "").upper()
    credit = " · ".join(
        filter(None, (_prefixed("By ", field("author", "")), _prefixed("Source: ", field("source", ""))))
    )
    return _paragraphs(
        "\n".join(filter(None, (label, title, "=" * 40))), _picture(field("alt", "")), flow(block.body), credit
    )


def _news(block: Block, words: Words) -> str:
    title = block.fields.get("title", "")
    return _paragraphs(f"{title}\n{RULE}" if title else "", *(_news_item(item) for item in news_items(block.body)))


def _news_item(item: NewsItem) -> str:
    blurb = _inline(item.blurb)
    return f"* {_with_address(_inline(item.title), item.url)}" + (f"\n  {blurb}" if blurb else "")


def _sponsor(block: Block, words: Words) -> str:
    known = words.sponsors.get(block.fields.get("id", ""))
    name = block.fields.get("name") or (known.name if known else "")
    url = block.fields.get("url") or (known.url if known and known.url else "")
    text = flow(block.body or settings_tokens(known.text if known else ""))
    return _paragraphs(f"Sponsored by {_with_address(name, url)}\n{RULE}", text)


def _quote(block: Block, words: Words) -> str:
    quoted = "\n".join(f"> {line}" if line else ">" for line in flow(block.body).split("\n"))
    by = _with_address(block.fields.get("by", ""), block.fields.get("url", ""))
    return quoted + (f"\n>\n> — {by}" if by else "")


def _button(block: Block, words: Words) -> str:
    return _with_address(flow(block.body), block.fields.get("url", ""))


def _image(block: Block, words: Words) -> str:
    shown = block.fields.get("caption") or block.fields.get("alt", "")
    return _with_address(_picture(shown), block.fields.get("url", "")) if shown else ""


def _note(block: Block, words: Words) -> str:
    return _paragraphs(block.fields.get("title", ""), flow(block.body))


def _text(block: Block, words: Words) -> str:
    return flow(block.body)


def _signup(block: Block, words: Words) -> str:
    heading = block.fields.get("heading") or words.signup.heading
    text = block.fields.get("text") or words.signup.text
    button = block.fields.get("button") or words.signup.button
    return f"{RULE}\n{heading}\n{text}\n{_with_address(button, words.signup_url)}"


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


def _prefixed(prefix: str, text: str) -> str:
    return prefix + text if text else ""


def _picture(alt: str) -> str:
    return f"[{alt}]" if alt else ""


def _with_address(words: str, url: str) -> str:
    if not url or words == url:
        return words or url
    return f"{words} <{url}>"


def flow(tokens: Iterable[Token]) -> str:
    """The text of a run of block tokens: paragraphs apart, lists with marks, quotations with `>`."""
    return _Flow().write(tokens)


class _Flow:
    """Writes block tokens one after the other; knows how deep it stands in lists and quotations."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.prefixes: list[str] = []
        self.counters: list[int | None] = []
        self.marker = ""
        self.tight = False

    def write(self, tokens: Iterable[Token]) -> str:
        heading = ""
        for token in tokens:
            if token.type in ("bullet_list_open", "ordered_list_open"):
                self.counters.append(int(token.attrs.get("start", 1)) if token.type.startswith("ordered") else None)
            elif token.type in ("bullet_list_close", "ordered_list_close"):
                self.counters.pop()
                self.tight = bool(self.counters)
            elif token.type == "list_item_open":
                self._open_item()
            elif token.type == "list_item_close":
                self.prefixes.pop()
            elif token.type == "blockquote_open":
                self.prefixes.append("> ")
            elif token.type == "blockquote_close":
                self.prefixes.pop()
            elif token.type == "heading_open":
                heading = token.tag
            elif token.type == "inline":
                words = _inline(token.children or [])
                self._paragraph(
                    f"{words}\n{'=' * 40 if heading == 'h1' else RULE}" if heading in ("h1", "h2") else words
                )
                heading = ""
            elif token.type in ("fence", "code_block"):
                self._paragraph("\n".join(f"    {line}" for line in token.content.rstrip("\n").split("\n")))
            elif token.type == "hr":
                self._paragraph(RULE)
            elif token.type == "condition":
                self.out.append(token.content)
        return _joined(self.out)

    def _open_item(self) -> None:
        count = self.counters[-1]
        self.marker = "- " if count is None else f"{count}. "
        if count is not None:
            self.counters[-1] = count + 1
        self.prefixes.append(" " * len(self.marker))

    def _paragraph(self, text: str) -> None:
        prefix = "".join(self.prefixes)
        first = prefix[: len(prefix) - len(self.marker)] + self.marker if self.marker else prefix
        lines = text.split("\n")
        written = "\n".join([first + lines[0], *(prefix + line for line in lines[1:])])
        between = "\n" if self.marker and self.tight else "\n\n"
        self.out.append(between + written)
        self.tight = bool(self.counters)
        self.marker = ""


def _joined(parts: Sequence[str]) -> str:
    return "".join(parts).strip("\n")


def _inline(children: Iterable[Token]) -> str:
    """Words of a run of inline tokens; links keep their address, pictures their alt text."""
    out: list[str] = []
    links: list[tuple[str, int]] = []
    for token in children:
        if token.type == "link_open":
            links.append((str(token.attrs.get("href", "")), len(out)))
        elif token.type == "link_close":
            url, start = links.pop()
            out[start:] = [_with_address("".join(out[start:]), url)]
        elif token.type == "image":
            out.append(_picture(token.content))
        elif token.type in ("softbreak", "hardbreak"):
            out.append(" " if token.type == "softbreak" else "\n")
        elif token.type in ("text", "code_inline", "text_special"):
            out.append(token.content)
    return "".join(out)
