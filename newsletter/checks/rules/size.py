"""Rules about size: HTML that Gmail cuts off, style sheets that it drops, pictures that it does not show."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import WHOLE_ISSUE, Spot
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Scope, rule
from newsletter.issues.issue import Block
from newsletter.messages.mime import quoted_printable

LARGE, CLIPPED = 90_000, 102_000
"""Bytes of HTML: near Gmail's cut, and behind it (it cuts at about 102 KB of source; reports vary by a few KB)."""
STYLE_LARGE, STYLE_DROPPED = 14_000, 16_384
"""Characters of all style sheets together; Gmail drops them from the second figure on."""
_LINK = re.compile(rb"<a\b[^>]*?\shref=[\"']?https?:")
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style>", re.DOTALL)
_CONDITIONAL = re.compile(r"<!--\[if.*?<!\[endif\]-->", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class BlockSize:
    """The size of a block in the email, in bytes, with its links as long as tracking makes them."""

    block: Block
    start: int
    """The bytes of HTML before the block."""
    size: int
    """The bytes of the block's HTML."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The size of an issue and its blocks, for the sample reader whose copy is the longest."""

    total: int
    """The bytes of the HTML, with its links as long as tracking makes them."""
    encoded: int
    """The bytes of the HTML part in quoted-printable, as it is sent."""
    blocks: Sequence[BlockSize]
    """The blocks in the order of the issue; the bytes between and around them are the frame's."""

    def at(self, offset: int) -> BlockSize | None:
        """Return the block that holds this byte, or the next one; None behind the last block."""
        return next((block for block in self.blocks if block.start + block.size > offset), None)

    def cheapest_cut(self, excess: int) -> BlockSize | None:
        """Return the smallest block of at least `excess` bytes, else the largest block."""
        enough = [block for block in self.blocks if block.size >= excess]
        if enough:
            return min(enough, key=lambda block: block.size)
        return max(self.blocks, key=lambda block: block.size, default=None)


def sizes(context: Context) -> Sizes:
    """Return the size of the issue and its blocks; each link counts `[check] link_allowance` bytes more."""
    page = context.message.html.encode()
    # Gmail cuts each reader's copy by its own length, so the longest sample copy counts.
    longest = max((copy.message.html for copy in context.copies), key=lambda html: len(html.encode()))
    more = context.config.check.link_allowance
    grown = len(longest.encode()) - len(page)
    links = [link.start() for link in _LINK.finditer(page)]
    blocks = [
        BlockSize(
            block=block,
            start=span.start + more * bisect_left(links, span.start),
            size=span.size + more * (bisect_left(links, span.end) - bisect_left(links, span.start)),
        )
        for span in context.spans
        if isinstance(block := context.issue.content[span.piece], Block)
    ]
    total = len(page) + max(0, grown) + more * len(links)
    return Sizes(total=total, encoded=len(quoted_printable(longest)), blocks=blocks)


_BLOCK = ':::note title="Number {}"\n' + "A sentence that says nothing, at length. " * 20 + "\n:::\n\n"
_THEME = "templates/blocks/text.mjml"
_TEXT = "<mj-section><mj-column><mj-text>{{ body }}</mj-text>%s</mj-column></mj-section>\n"
_GOOD = Example()


@rule(
    "NL101",
    WARNING,
    Scope.HTML,
    summary="The HTML of the longest copy, with tracked links, has more than 90,000 bytes.",
    why="Gmail cuts emails at about 102 KB of source and hides the rest, with the unsubscribe link, behind a link.",
    fix="Cut the block that the message names, or move a story to the web page.",
    fires=Example(body="".join(_BLOCK.format(n) for n in range(26)), shown="26 long notes"),
    passes=_GOOD,
)
def _large(context: Context) -> Iterator[Finding]:
    measured = sizes(context)
    if LARGE < measured.total <= CLIPPED:
        heaviest = max(measured.blocks, key=lambda block: block.size, default=None)
        cut = measured.cheapest_cut(measured.total - LARGE)
        yield _too_large(measured, heaviest, f"Gmail cuts at {CLIPPED:,}", cut)


@rule(
    "NL102",
    ERROR,
    Scope.HTML,
    summary="The HTML of the longest copy has more than 102,000 bytes: Gmail cuts it.",
    why="Gmail hides the rest, with the unsubscribe link, and readers report such emails as spam.",
    fix="Cut the block that the message names, or move a story to the web page.",
    fires=Example(body="".join(_BLOCK.format(n) for n in range(40)), shown="40 long notes"),
    passes=_GOOD,
)
def _clipped(context: Context) -> Iterator[Finding]:
    measured = sizes(context)
    if measured.total > CLIPPED:
        at = measured.at(CLIPPED)
        where = f'in the block "{at.block.name}"' if at else "in the footer, before the unsubscribe link"
        cut = measured.cheapest_cut(measured.total - CLIPPED)
        yield _too_large(measured, at, f"Gmail cuts it {where}", cut)


def _too_large(measured: Sizes, at: BlockSize | None, consequence: str, cut: BlockSize | None) -> Finding:
    message = f"the HTML has {measured.total:,} bytes ({measured.encoded:,} as it travels); {consequence}"
    spot = Spot(at.block.line) if at else WHOLE_ISSUE
    return Finding.at(spot, message, hint=_advice(measured, cut))


def _advice(measured: Sizes, cut: BlockSize | None) -> str:
    if cut is None:
        return "The frame around the issue is too large: look at templates/."
    heaviest = sorted(measured.blocks, key=lambda block: -block.size)[:5]
    listed = ", ".join(f"{each.block.name} on line {each.block.line} {each.size:,}" for each in heaviest)
    return f'Cut the block "{cut.block.name}" on line {cut.block.line} ({cut.size:,} bytes). Heaviest: {listed}.'


def _style_sheets(context: Context) -> Sequence[str]:
    """Return the style sheets that Gmail reads: all but those for Outlook alone."""
    return _STYLE.findall(_CONDITIONAL.sub("", context.message.html))


@rule(
    "NL103",
    WARNING,
    Scope.HTML,
    summary="All style sheets together have more than 14,000 characters (an error from 16,384 on).",
    why="Gmail drops style sheets of 16,384 characters and more: phones get the desktop's layout.",
    fix="Take rules out of templates/head.css or templates/dark.css.",
    fires=Example(
        files={"templates/head.css": ".wide-but-never-used { color: #123456 !important; }\n" * 250},
        shown="templates/head.css with 250 rules",
    ),
    passes=_GOOD,
)
def _large_style_sheets(context: Context) -> Iterator[Finding]:
    size = sum(len(sheet) for sheet in _style_sheets(context))
    if size > STYLE_LARGE:
        severity = ERROR if size >= STYLE_DROPPED else None
        message = f"the style sheets have {size:,} characters; Gmail drops them from {STYLE_DROPPED:,} on"
        yield Finding.at(WHOLE_ISSUE, message, severity=severity)


@rule(
    "NL104",
    ERROR,
    Scope.HTML,
    summary="A style sheet has an at-rule inside an at-rule.",
    why="Gmail then drops the whole style sheet.",
    fix="Write the conditions into one: `@media (min-width: 480px) and (prefers-color-scheme: dark)`.",
    fires=Example(
        files={"templates/head.css": "@media screen { @supports (color: red) { .g { color: red; } } }\n"},
        shown="@media screen { @supports (color: red) { ... } }",
    ),
    passes=Example(
        files={"templates/head.css": "@media screen { .g { padding: 0; } }\n"},
        shown="@media screen { .g { padding: 0; } }",
    ),
)
def _nested_at_rules(context: Context) -> Iterator[Finding]:
    for sheet in _style_sheets(context):
        if inner := _inner_at_rule(sheet):
            message = f"a style sheet has {inner} inside another at-rule; Gmail drops the whole sheet"
            yield Finding.at(WHOLE_ISSUE, message)


def _inner_at_rule(sheet: str) -> str:
    """Return the first at-rule inside an at-rule, or "" when there is none."""
    stack: list[bool] = []  # of each open block, whether it is that of an at-rule
    is_next = False
    # Comments and strings match first, so that braces inside them do not count.
    for part in re.finditer(r"/\*.*?\*/|\"[^\"]*\"|'[^']*'|(@[\w-]+)[^{};]*|[{};]", sheet, re.DOTALL):
        if part[1] and any(stack):
            return part[1]
        if part[0] == "{":
            stack.append(is_next)
        elif part[0] == "}" and stack:
            stack.pop()
        is_next = part[1] is not None
    return ""


@rule(
    "NL106",
    WARNING,
    Scope.HTML,
    summary="A picture is written into the email as a `data:` address.",
    why="Gmail and Outlook do not show such pictures, and their bytes count for Gmail's cut.",
    fix="Put the picture into images/ and name its path.",
    fires=Example(
        files={_THEME: _TEXT % '<mj-image alt="A dot" width="1px" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" />'},
        shown='<mj-image src="data:image/gif;base64,..." /> in a template',
    ),
    passes=Example(
        files={_THEME: _TEXT % '<mj-image alt="A dot" width="1px" src="https://example.com/dot.gif" />'},
        shown='<mj-image src="https://example.com/dot.gif" /> in a template',
    ),
)
def _inlined_pictures(context: Context) -> Iterator[Finding]:
    for element in context.elements("img"):
        if element.get("src", "").startswith("data:"):
            size = len(element.get("src"))
            message = f"a picture is written into the email itself, {size:,} characters of it"
            yield Finding.at(context.spot_of(element), message)
    if "url(data:" in re.sub(r"[\"'\s]", "", context.message.html):
        yield Finding.at(WHOLE_ISSUE, "a style has a picture written into it")
