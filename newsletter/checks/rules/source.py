"""Rules about the text of the file: invisible characters, useless spaces, and HTML that readers would see."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from newsletter.characters import INVISIBLE
from newsletter.checks.context.context import Context
from newsletter.checks.context.places import Spot, code_lines, field_spot, texts
from newsletter.checks.context.rule import ERROR, INFO, WARNING, Example, Finding, Scope, rule
from newsletter.errors import Edit
from newsletter.issues.blocks import FieldType

_CONTROL = re.compile("([\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd])\\1*")
"""A run of one control character: a line of a million of them is one finding."""
_HTML = (
    "a abbr acronym address applet area article aside audio b base bdi bdo big blink blockquote body br button canvas "
    "caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset "
    "figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins "
    "kbd label legend li link main map mark marquee menu meta meter nav noscript object ol optgroup option output p "
    "param picture pre progress q rp rt ruby s samp script section select small source span strike strong style sub "
    "summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr"
)
_ELEMENTS = frozenset(_HTML.split())
_ELEMENT = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*)?/?>")


@rule(
    "NL105",
    WARNING,
    Scope.SOURCE,
    summary="The text holds a control character, or a character that was lost in a conversion (U+FFFD).",
    why="Gmail has cut emails at such characters, whatever their size.",
    fix="Remove it, or let `newsletter check --fix` do so.",
    fires=Example(body="Good\u0092morning.", shown="Good\\u0092morning."),
    passes=Example(body="Good morning."),
)
def _control_characters(context: Context) -> Iterator[Finding]:
    for number, line in enumerate(context.lines, start=1):
        for match in _CONTROL.finditer(line):
            width = len(match[0])
            spot, name = Spot(number, match.start() + 1, width), f"U+{ord(match[1]):04X}"
            if match[1] == "\ufffd":
                message = f"a character was lost before it came here ({name})"
                why = "Readers see a black diamond with a question mark."
                yield Finding.at(spot, message, hint="Write it again.", why=why)
            else:
                edit = Edit(line=spot.line, column=spot.column, width=width, text="")
                count = "a control character stands" if width == 1 else f"{width:,} control characters stand"
                yield Finding.at(spot, f"{count} here ({name})", edits=(edit,))


@rule(
    "NL017",
    INFO,
    Scope.SOURCE,
    summary="A line ends in useless spaces.",
    why="They appear as changes where nothing changed, and two of them are a line break in Markdown.",
    fix="Remove them, or let `newsletter check --fix` do so.",
    fires=Example(body="Good morning. ", shown="a line that ends in one space"),
    passes=Example(body="Good morning."),
)
def _trailing_spaces(context: Context) -> Iterator[Finding]:
    code = code_lines(context)
    for number in range(context.body_line, len(context.lines) + 1):
        line = context.line(number)
        kept = line.rstrip(" \t")
        # Two spaces at the end of a line of text break it in Markdown; those are meant.
        useless = not kept or kept.startswith(":::") or not line.endswith("  ")
        if kept != line and useless and number not in code:
            spot = Spot(number, len(kept) + 1, len(line) - len(kept))
            edit = Edit(line=spot.line, column=spot.column, width=spot.width, text="")
            message = "there are spaces at the end of the line" if kept else "an empty line holds spaces"
            yield Finding.at(spot, message, edits=(edit,))


@rule(
    "NL302",
    ERROR,
    Scope.SOURCE,
    summary="The text holds HTML, and readers see its tags as they stand (a warning in a field).",
    why="Issues are Markdown, and raw HTML is shown as text so that nothing can break the email.",
    fix="Write Markdown, or a block of your own; in code, put it between backticks.",
    fires=Example(body="The <b>new</b> rules are out."),
    passes=Example(body="The **new** rules are out; `<b>` is HTML."),
)
def _html(context: Context) -> Iterator[Finding]:
    for text, spot in texts(context):
        yield from _elements(context.written(text), spot)
    for block in context.blocks:
        kind = context.theme.kinds.get(block.name)
        for name in block.fields:
            if kind and kind.fields.get(name) is FieldType.TEXT:
                spot = field_spot(context, block, name)
                written = context.line(spot.line)[spot.column - 1 : spot.column - 1 + spot.width]
                findings = _elements(written, spot)
                yield from (replace(finding, severity=WARNING) for finding in findings)


def _elements(text: str, spot: Spot) -> Iterator[Finding]:
    """Yield a finding for each opening tag in a run of words, and for a closing tag that has no opening one."""
    opened: set[str] = set()
    for tag in _ELEMENT.finditer(text):
        name = tag[2].lower()
        if name in _ELEMENTS and not (tag[1] and name in opened):
            opened.add(name)
            part = Spot(spot.line, spot.column + tag.start(), len(tag[0]))
            shown = re.sub(r"\\([\"'\\])", r"\1", tag[0])  # a field escapes its quotes
            yield Finding.at(part, f'readers see "{shown}" as it stands: HTML is shown as text')


@rule(
    "NL107",
    WARNING,
    Scope.SOURCE,
    summary="The text holds an invisible character: one without width, or one that changes the direction of the text.",
    why="Copied text brings it along. It splits words for search and screen readers, and spam uses it to hide words.",
    fix="Remove it by writing the word again.",
    fires=Example(body="Good\u200bmorning.", shown="Good\\u200bmorning."),
    passes=Example(body="Good morning."),
)
def _invisible_characters(context: Context) -> Iterator[Finding]:
    code = code_lines(context)
    for number, line in enumerate(context.lines, start=1):
        for match in _INVISIBLE_RUN.finditer(line):
            if match["flag"] is None:
                yield _invisible(match[0][0], Spot(number, match.start() + 1, len(match[0])))
        # In the body Markdown makes characters of `&zwnj;` and `&#8203;`, but not in code.
        if number >= context.body_line and number not in code and "&" in line:
            for match in _REFERENCE.finditer(line):
                character = html.unescape(match[2] or "")
                before, after = line[max(0, match.start() - 1) : match.start()], line[match.end() : match.end() + 1]
                if any(seen[0] == character for seen in INVISIBLE.finditer(before + character + after)):
                    yield _invisible(character, Spot(number, match.start() + 1, len(match[0])))


_INVISIBLE_RUN = re.compile(rf"(?P<run>{INVISIBLE.pattern.replace('(', '(?P<flag>', 1)})(?P=run)*")
"""A run of one invisible character."""


def _invisible(character: str, spot: Spot) -> Finding:
    name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
    return Finding.at(spot, f"an invisible character stands here ({name})")


_REFERENCE = re.compile(
    r"(?<!`)(`+)(?!`).{1,500}?(?<!`)\1(?!`)|\\.|(&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,31});)"
)
"""A reference to a character; code between backticks and escaped signs are matched so that they are passed over."""
