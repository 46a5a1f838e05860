"""Rules about the structure of the finished HTML: headings, hidden text, titles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import WHOLE_ISSUE
from newsletter.checks.context.rule import INFO, WARNING, Example, Finding, Scope, rule
from newsletter.checks.html.tree import Element

_FILE_NAME = re.compile(r"[\w-]+\.(png|jpe?g|gif|webp|svg|pdf|html?)", re.IGNORECASE)
_COLOUR = re.compile(r"(?<![\w-])color:\s*([^;]+)")
_GROUND = re.compile(r"background(?:-color)?:\s*(#[0-9a-fA-F]{3,6}|[a-z]+)")


_BLOCK = "templates/blocks/text.mjml"
_HIDDEN = "<mj-section><mj-column><mj-text>{{ body }}%s</mj-text></mj-column></mj-section>\n"


@rule(
    "NL209",
    WARNING,
    Scope.HTML,
    summary="A heading skips a level, or there is no heading at all.",
    why="Screen readers jump from heading to heading; a missing level sounds like a lost part (WCAG 2.2, 1.3.1).",
    fix="Begin with `##` in text and go down one level at a time.",
    fires=Example(body="Good morning.\n\n#### The rules\n\nThey changed."),
    passes=Example(body="Good morning.\n\n## The rules\n\nThey changed."),
)
def _skipped_headings(context: Context) -> Iterator[Finding]:
    last = 0
    for element in context.elements("h1", "h2", "h3", "h4", "h5", "h6"):
        level = int(element.tag[1])
        if level > last + 1:
            place = f"follows one of level {last}" if last else "is the first"
            yield Finding.at(context.whole_line(context.line_of(element)), f"a heading of level {level} {place}")
        last = level
    if not last:
        why = "Screen readers jump from heading to heading, and find none (WCAG 2.2, 1.3.1)."
        yield Finding.at(WHOLE_ISSUE, "the email has no heading", why=why)


@rule(
    "NL509",
    WARNING,
    Scope.HTML,
    summary="The email has hidden words other than the preheader, or words in the colour of their background.",
    why="Spam hides words from readers, and filters look for it.",
    fix="Take the words out of the template, or show them.",
    fires=Example(
        files={_BLOCK: _HIDDEN % '<p style="display:none">cheap chips</p>'},
        shown='<p style="display:none">cheap chips</p> in a template',
    ),
    passes=Example(files={_BLOCK: _HIDDEN % "<p>chips</p>"}, shown="<p>chips</p> in a template"),
)
def _hidden_words(context: Context) -> Iterator[Finding]:
    hidden = context.hidden
    preheader = " ".join(context.written(context.message.preheader).split())
    for element in context.elements():
        text = " ".join((element.text or "").split())
        if not re.search(r"\w{2,}", text) or element.tag in ("style", "script", "title"):
            continue
        why = "is hidden" if element in hidden else "has the colour of its ground" if _is_drowned(element) else ""
        if why and not (preheader and context.written(text).startswith(preheader)):
            yield Finding.at(context.spot_of(element), f'"{context.written(text)[:40]}" {why}')


def _is_drowned(element: Element) -> bool:
    """Tell whether the nearest text colour and the nearest background that style attributes set are equal."""
    colour, ground = (_nearest(element, pattern) for pattern in (_COLOUR, _GROUND))
    return bool(colour) and colour == ground


def _nearest(element: Element, pattern: re.Pattern[str]) -> str:
    for each in (element, *element.iterancestors()):
        if match := pattern.search(each.get("style", "")):
            colour = match[1].strip().lower()
            return colour.replace("#fff", "#ffffff") if len(match[1]) == 4 else colour
    return ""


@rule(
    "NL511",
    INFO,
    Scope.HTML,
    summary="The title of the email is empty, or a title or label is a file name.",
    why="Screen readers read it aloud, and browsers show it beside the mouse.",
    fix="Say what it is, or leave the title out: `![A chart of exports](images/exports.png)`.",
    fires=Example(body='![A chart of exports](https://example.com/exports.png "exports.png")'),
    passes=Example(body="![A chart of exports](https://example.com/exports.png)"),
)
def _useless_titles(context: Context) -> Iterator[Finding]:
    title = context.tree.find(".//title")
    if title is None or not (title.text or "").strip():
        why = "Screen readers read it aloud first, and browsers name the window by it."
        yield Finding.at(WHOLE_ISSUE, "the email has no title", why=why)
    for element in context.elements():
        for name in ("title", "aria-label"):
            if _FILE_NAME.fullmatch(element.get(name, "")):
                message = f'{name} is a file name, "{element.get(name)}"'
                yield Finding.at(context.spot_of(element), message)
