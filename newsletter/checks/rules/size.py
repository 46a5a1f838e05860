"""Rules about size: what Gmail cuts off, and what else makes it show less than was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from newsletter.checks.context.context import Context
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Rule, Scope
from newsletter.errors import Severity
from newsletter.issues.issue import Block
from newsletter.messages.mime import quoted_printable

LARGE, CLIPPED = 90_000, 102_000
"""Bytes of HTML: near Gmail's clip, and behind it (it cuts at about 102 KB of source; reports vary by a few KB)."""
STYLE_LARGE, STYLE_DROPPED = 14_000, 16_384
"""Characters of all style sheets together; Gmail drops them from the second figure on."""
_LINK = re.compile(rb"<a\b[^>]*?\shref=[\"']?https?:")
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style>", re.DOTALL)
_CONDITIONAL = re.compile(r"<!--\[if.*?<!\[endif\]-->", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class BlockSize:
    """What a block weighs in the email, in bytes, its links as long as tracking makes them."""

    block: Block
    start: int
    """Bytes before it."""
    size: int


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The weight of an issue for the reader whose copy is the longest."""

    total: int
    """Bytes of HTML, its links as long as tracking makes them."""
    encoded: int
    """Bytes of the HTML part in quoted-printable, as it travels."""
    blocks: Sequence[BlockSize]
    """In the order of the issue; the frame's bytes are between and around them."""

    def at(self, offset: int) -> BlockSize | None:
        """The block in which this byte falls, or before which; None behind the last."""
        return next((block for block in self.blocks if block.start + block.size > offset), None)

    def cheapest_cut(self, excess: int) -> BlockSize | None:
        """The smallest block whose loss takes at least so many bytes off, else the largest."""
        enough = [block for block in self.blocks if block.size >= excess]
        if enough:
            return min(enough, key=lambda block: block.size)
        return max(self.blocks, key=lambda block: block.size, default=None)


def sizes(context: Context) -> Sizes:
    """What each block and the whole weigh. A link counts for `[check] link_allowance` bytes more than is written."""
    page = context.message.html.encode()
    longest = max((copy.message.html for copy in context.copies), key=lambda html: len(html.encode()))
    more = context.config.check.link_allowance
    grown = len(longest.encode()) - len(page)
    found = [
        BlockSize(
            block=block,
            start=span.start + more * _links(page[: span.start]),
            size=span.size + more * _links(page[span.start : span.end]),
        )
        for span in context.spans
        if isinstance(block := context.issue.content[span.piece], Block)
    ]
    total = len(page) + max(0, grown) + more * _links(page)
    return Sizes(total=total, encoded=len(quoted_printable(longest)), blocks=found)


def _links(html: bytes) -> int:
    return len(_LINK.findall(html))


def _large(context: Context) -> Iterator[Finding]:
    weighed = sizes(context)
    if LARGE < weighed.total <= CLIPPED:
        heaviest = max(weighed.blocks, key=lambda block: block.size, default=None)
        yield _about(weighed, heaviest, f"Gmail cuts at {CLIPPED:,}", weighed.cheapest_cut(weighed.total - LARGE))


def _clipped(context: Context) -> Iterator[Finding]:
    weighed = sizes(context)
    if weighed.total > CLIPPED:
        falls = weighed.at(CLIPPED)
        where = f'in the block "{falls.block.name}"' if falls else "in the footer, before the unsubscribe link"
        cut = weighed.cheapest_cut(weighed.total - CLIPPED)
        yield _about(weighed, falls, f"Gmail cuts it {where}", cut)


def _about(weighed: Sizes, at: BlockSize | None, what: str, cut: BlockSize | None) -> Finding:
    message = f"the HTML has {weighed.total:,} bytes ({weighed.encoded:,} as it travels); {what}"
    return Finding(message=message, line=at.block.line if at else 1, hint=_advice(weighed, cut))


def _advice(weighed: Sizes, cut: BlockSize | None) -> str:
    if cut is None:
        return "The frame around the issue is too large: look at templates/."
    heaviest = sorted(weighed.blocks, key=lambda block: -block.size)[:5]
    listed = ", ".join(f"{each.block.name} on line {each.block.line} {each.size:,}" for each in heaviest)
    return f'Cut the block "{cut.block.name}" on line {cut.block.line} ({cut.size:,} bytes). Heaviest: {listed}.'


def _style_sheets(context: Context) -> Sequence[str]:
    """What stands in the style sheets that Gmail reads: not those for Outlook alone."""
    return _STYLE.findall(_CONDITIONAL.sub("", context.message.html))


def _style_size(context: Context) -> Iterator[Finding]:
    size = sum(len(sheet) for sheet in _style_sheets(context))
    if size > STYLE_LARGE:
        severity = Severity.ERROR if size >= STYLE_DROPPED else None
        message = f"the style sheets have {size:,} characters; Gmail drops them from {STYLE_DROPPED:,} on"
        yield Finding(message=message, severity=severity)


def _nested(context: Context) -> Iterator[Finding]:
    for sheet in _style_sheets(context):
        if inner := _inner_at_rule(sheet):
            yield Finding(message=f"a style sheet has {inner} inside another at-rule; Gmail drops the whole sheet")


def _inner_at_rule(sheet: str) -> str:
    """The first at-rule inside an at-rule."""
    stack: list[bool] = []
    for found in re.finditer(r"/\*.*?\*/|\"[^\"]*\"|'[^']*'|(@[\w-]+)[^{};]*|[{}]", sheet, re.DOTALL):
        if found[1]:
            if any(stack):
                return found[1]
            stack_next = True
        if found[0] == "{":
            stack.append(False)
        elif found[0] == "}" and stack:
            stack.pop()
        elif found[1]:
            stack.append(stack_next)
    return ""


def _inlined_pictures(context: Context) -> Iterator[Finding]:
    for element in context.elements("img"):
        if element.get("src", "").startswith("data:"):
            size = len(element.get("src"))
            message = f"a picture is written into the email itself, {size:,} characters of it"
            yield Finding(message=message, line=context.line_of(element))
    if "url(data:" in re.sub(r"[\"'\s]", "", context.message.html):
        yield Finding(message="a style has a picture written into it")


_BLOCK = ':::note title="Number {}"\n' + "A sentence that says nothing, at length. " * 20 + "\n:::\n\n"
_THEME = "templates/blocks/text.mjml"
_TEXT = "<mj-section><mj-column><mj-text>{{ body }}</mj-text>%s</mj-column></mj-section>\n"
_GOOD = Example()

RULES = (
    Rule(
        id="NL101",
        severity=WARNING,
        scope=Scope.HTML,
        summary="The HTML has more than 90,000 bytes, with the longest reader's fields and tracked links.",
        why="Gmail cuts mails at about 102 KB of source and hides the rest behind a link, the unsubscribe link too.",
        fix="Cut the block that the message names, or move a story to the web page.",
        fires=Example(body="".join(_BLOCK.format(n) for n in range(26)), shown="26 long notes"),
        passes=_GOOD,
        find=_large,
    ),
    Rule(
        id="NL102",
        severity=ERROR,
        scope=Scope.HTML,
        summary="The HTML has more than 102,000 bytes: Gmail cuts it.",
        why="Gmail hides everything behind its cut, the unsubscribe link too, and such mail is reported as spam.",
        fix="Cut the block that the message names, or move a story to the web page.",
        fires=Example(body="".join(_BLOCK.format(n) for n in range(40)), shown="40 long notes"),
        passes=_GOOD,
        find=_clipped,
    ),
    Rule(
        id="NL103",
        severity=WARNING,
        scope=Scope.HTML,
        summary="All style sheets together have more than 14,000 characters (an error from 16,384 on).",
        why="Gmail drops style sheets of 16,384 characters and more: phones get the desktop's layout.",
        fix="Take rules out of templates/head.css or templates/dark.css.",
        fires=Example(
            files={"templates/head.css": ".wide-but-never-used { color: #123456 !important; }\n" * 250},
            shown="templates/head.css with 250 rules",
        ),
        passes=_GOOD,
        find=_style_size,
    ),
    Rule(
        id="NL104",
        severity=ERROR,
        scope=Scope.HTML,
        summary="A style sheet has an at-rule inside an at-rule.",
        why="Gmail drops the whole style sheet then.",
        fix="Write the conditions into one: `@media (min-width: 480px) and (prefers-color-scheme: dark)`.",
        fires=Example(
            files={"templates/head.css": "@media screen { @supports (color: red) { .g { color: red; } } }\n"},
            shown="@media screen { @supports (color: red) { ... } }",
        ),
        passes=Example(
            files={"templates/head.css": "@media screen { .g { padding: 0; } }\n"},
            shown="@media screen { .g { padding: 0; } }",
        ),
        find=_nested,
    ),
    Rule(
        id="NL106",
        severity=WARNING,
        scope=Scope.HTML,
        summary="A picture is written into the email as a `data:` address.",
        why="Gmail and Outlook do not show such pictures, and their bytes count for Gmail's cut.",
        fix="Put the picture into images/ and name its path.",
        fires=Example(
            files={
                _THEME: _TEXT % '<mj-image alt="A dot" width="1px" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" />'
            },
            shown='<mj-image src="data:image/gif;base64,..." /> in a template',
        ),
        passes=Example(
            files={_THEME: _TEXT % '<mj-image alt="A dot" width="1px" src="https://example.com/dot.gif" />'},
            shown='<mj-image src="https://example.com/dot.gif" /> in a template',
        ),
        find=_inlined_pictures,
    ),
)
