"""Addresses that stand in the text without brackets: `https://...`, `www...` and mail addresses become links.

They end where GitHub Flavored Markdown (6.9) ends them, and before quotation marks, punctuation of full width, and a
host's Chinese, Japanese or Korean neighbours, because people write no space there. linkify-it-py would do, but
markdown-it loads it in every program in which it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from markdown_it.common.utils import unescapeAll
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_SCHEME = re.compile(r"(?<![a-z0-9+.-])https?\Z", re.IGNORECASE)
_BARE = re.compile(
    r"(?<![\w./@-])(?P<web>www\.)(?=[a-z0-9])"
    r"|(?<![\w.+@/:-])(?P<mail>[\w.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*)(?![\w@/])",
    re.IGNORECASE | re.ASCII,
)
_CJK = r"\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_LABEL = rf"[^\W{_CJK}](?:[^\W{_CJK}]|-)*"
_WIDE = r"\u2018-\u201f\u2026\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_TRAILING = "*_~?!.,:;'"
"""Signs that end a sentence or an emphasis rather than an address."""
_LONGEST = 4_096
"""Characters of the longest address; browsers stop at about half of it."""
_PAIRS = {")": "(", "]": "[", "}": "{"}


@cache
def _address_pattern() -> re.Pattern[str]:
    """Return the pattern of an address; compiled only where a text has one, because that takes milliseconds."""
    # Without IGNORECASE, which would look at each of these characters once more.
    return re.compile(rf"[Hh][Tt][Tt][Pp][Ss]?://{_LABEL}(?:\.{_LABEL})*(?::\d+)?(?:[/?#][^\s<>\"`|\\\0{_WIDE}]*)?")


def web_address(state: StateInline, silent: bool) -> bool:
    """Read an address that begins with `https://` or `http://`."""
    if not state.src.startswith("://", state.pos) or state.linkLevel > 0:
        return False
    before = state.pending[-len("https") - 1 :]
    scheme = _SCHEME.search(before)
    url = _address(state.src, state.pos - len(scheme[0])) if scheme else ""
    if not scheme or not url:
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[0])]
        _push(state, url, state.pos - len(scheme[0]))
    state.pos += len(url) - len(scheme[0])
    return True


def _push(state: StateInline, url: str, at: int) -> None:
    opened = state.push("link_open", "a", 1)
    opened.attrs, opened.markup, opened.info = {"href": state.md.normalizeLink(unescapeAll(url))}, "linkify", "auto"
    opened.meta = {"at": at, "end": at + len(url)}
    state.push("text", "", 0).content = url
    state.push("link_close", "a", -1).markup = "linkify"


def link_addresses(children: list[Token]) -> Iterator[Token]:
    """Yield the tokens of a line with links around its `www...` and mail addresses."""
    depth = 0
    for child in children:
        depth += child.nesting if child.type in ("link_open", "link_close") else 0
        if child.type == "text" and not depth and ("@" in child.content or "www." in child.content.lower()):
            yield from _linked(child)
        else:
            yield child


def _linked(token: Token) -> Iterator[Token]:
    text, last = token.content, 0
    for match in _BARE.finditer(text):
        start, words = match.start(), match["mail"] or _address("https://" + text[match.start() :], 0)[8:]
        if start < last or not words.strip("."):
            continue
        yield from _part(token, last, start)
        url = f"mailto:{words}" if match["mail"] else f"https://{words}"
        opened = Token("link_open", "a", 1, attrs={"href": url}, level=token.level, markup="linkify", info="auto")
        if "at" in token.meta:
            opened.meta = {"at": token.meta["at"] + start, "end": token.meta["at"] + start + len(words)}
        yield opened
        inside = token.copy(content=words, level=token.level + 1, meta={})
        yield inside
        yield Token("link_close", "a", -1, level=token.level, markup="linkify", info="auto")
        last = start + len(words)
    yield from _part(token, last, len(text))


def _part(token: Token, start: int, end: int) -> Iterator[Token]:
    if start < end:
        at = token.meta.get("at")
        meta = {} if at is None else {"at": at + start, "end": at + end}
        yield token.copy(content=token.content[start:end], meta=meta)


def _address(text: str, start: int) -> str:
    """Return the web address that begins at `start`, without the punctuation behind it; empty for none."""
    match = _address_pattern().match(text, start, start + _LONGEST)
    url = match[0] if match else ""
    while url:
        shorter = url.rstrip(_TRAILING)
        # A bracket at the end belongs to the address only when it opens in it.
        if shorter[-1:] in _PAIRS and shorter.count(shorter[-1]) > shorter.count(_PAIRS[shorter[-1]]):
            shorter = shorter[:-1]
        if shorter == url:
            break
        url = shorter
    return url
