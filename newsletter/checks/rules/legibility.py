"""Rules about reading and tapping: small text, low links, and links that look like the text around them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.origins import origin
from newsletter.checks.context.places import kind_of
from newsletter.checks.context.rule import INFO, WARNING, Example, Finding, Scope, rule
from newsletter.checks.html.computed_style import ComputedStyle, length
from newsletter.checks.html.css import declarations
from newsletter.checks.html.tree import Element
from newsletter.issues.issue import Block

TARGET = 24
"""CSS pixels: the least height of a link that is tapped (WCAG 2.2, success criterion 2.5.8)."""
SMALL, TIGHT = 14, 1.3
"""CSS pixels: the least size of running text; and the least height of its lines as a multiple of its size."""
RUNNING = 60
"""Characters: text from this length on is running text; labels, dates and captions are not."""
_BLOCKS = frozenset(("td", "th", "div", "p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "body"))
_WORD = re.compile(r"\w{2,}")


_TEXT = "templates/blocks/text.mjml"
_BLOCK = "<mj-section><mj-column><mj-text%s>{{ body }}%s</mj-text></mj-column></mj-section>\n"
_LONG = "The new rules on chips came out last night, and they are longer than anybody had thought they would be."
_CSS = "templates/inline.css"
_BARE = ".body a { color: #0F5BD3; text-decoration: %s; }\n"


@rule(
    "NL208",
    WARNING,
    Scope.HTML,
    summary="Running text is smaller than 14 pixels, or its lines are lower than 1.3 times its size.",
    why="Emails are read on phones, on the move and without glasses; iOS enlarges small text by itself.",
    fix="Set 16 pixels, with lines of 24 to 26 pixels.",
    fires=Example(
        body=_LONG,
        files={_TEXT: _BLOCK % (' font-size="12px"', "")},
        shown='<mj-text font-size="12px"> in a template',
    ),
    passes=Example(
        body=_LONG,
        files={_TEXT: _BLOCK % (' font-size="15px"', "")},
        shown='<mj-text font-size="15px"> in a template',
    ),
)
def _small_text(context: Context) -> Iterator[Finding]:
    for element, text in context.runs:
        style, block = context.styles[element], context.block_of(element)
        if style.display == "none" or block is None or not _is_running(context, block, text):
            continue
        if style.size < SMALL:
            spot = origin(context, element, "font-size")
            yield Finding.at(spot, f'"{text[:30]}" has {style.size:g} pixels')
        elif style.line_height < TIGHT * style.size and not style.is_large:
            spot = origin(context, element, "line-height")
            times = style.line_height / style.size
            yield Finding.at(spot, f'"{text[:30]}" has lines of {times:.2f} times its size')


def _is_running(context: Context, block: Block, text: str) -> bool:
    return len(text) >= RUNNING and not kind_of(context, block).is_caption and not _is_credit(block, text)


def _is_credit(block: Block, text: str) -> bool:
    """Tell whether the words name an author or a source; those may be small, however long a name is."""
    names = (block.fields.get(field, "") for field in ("author", "source"))
    return any(name and " ".join(name.split()) in text for name in names)


@rule(
    "NL207",
    WARNING,
    Scope.HTML,
    summary="A link that stands alone, or a button, is less than 24 pixels high.",
    why="Thumbs miss it (WCAG 2.2, 2.5.8); links inside a sentence are exempt.",
    fix="Give it a line height or a padding of 24 pixels together; 44 are comfortable.",
    fires=Example(
        files={_TEXT: _BLOCK % ("", '<p style="line-height: 16px"><a href="https://example.com">All issues</a></p>')},
        shown='<p style="line-height: 16px"><a href="...">All issues</a></p> in a template',
    ),
    passes=Example(
        files={_TEXT: _BLOCK % ("", '<p style="line-height: 24px"><a href="https://example.com">All issues</a></p>')},
        shown='<p style="line-height: 24px"><a href="...">All issues</a></p> in a template',
    ),
)
def _low_links(context: Context) -> Iterator[Finding]:
    sentences: dict[Element, bool] = {}
    for link, words in _links(context):
        style = context.styles[link]
        if style.display == "none" or _is_in_a_sentence(link, sentences):
            continue
        # The words may stand in an element inside the link, with a larger line.
        line = max(context.styles[part].line_height for part in link.iter() if part in context.styles)
        # The padding of an inline element does not move its neighbours, so it is not room to tap. That of the
        # paragraph or the cell around it keeps other links away, which counts as well (2.5.8, "Spacing").
        height = line + (_room(link) if style.display != "inline" else 0) + _room(_paragraph(link))
        if height < TARGET:
            spot = origin(context, link, "line-height")
            yield Finding.at(spot, f'the link "{words[:30]}" is {height:g} pixels high')


@rule(
    "NL211",
    INFO,
    Scope.HTML,
    summary="A link inside a sentence differs from the words around it by its colour alone.",
    why="Readers who do not see the colour do not see the link (WCAG 2.2, 1.4.1).",
    fix="Underline it.",
    fires=Example(
        body="Read [the rules](https://example.com) first.",
        files={_CSS: _BARE % "none"},
        shown=".body a { text-decoration: none; } in templates/inline.css",
    ),
    passes=Example(
        body="Read [the rules](https://example.com) first.",
        files={_CSS: _BARE % "underline"},
        shown=".body a { text-decoration: underline; } in templates/inline.css",
    ),
)
def _links_like_text(context: Context) -> Iterator[Finding]:
    sentences: dict[Element, bool] = {}
    for link, words in _links(context):
        styles = [context.styles[part] for part in link.iter() if part in context.styles]
        around = context.styles.get(link.getparent(), ComputedStyle())
        is_marked = any(style.is_underlined or style.is_bold != around.is_bold for style in styles)
        if not is_marked and styles[0].ground == around.ground and _is_in_a_sentence(link, sentences):
            spot = origin(context, link, "text-decoration: none", "text-decoration:none")
            yield Finding.at(spot, f'the link "{words[:30]}" differs from the words around it by colour alone')


def _links(context: Context) -> Iterator[tuple[Element, str]]:
    """Yield the links that readers see, with their words; links around a picture are left out."""
    for link in context.elements("a"):
        words = context.written(" ".join(link.text_content().split()))
        if (
            link.get("href")
            and link in context.styles
            and link not in context.hidden
            and words
            and link.find(".//img") is None
        ):
            yield link, words


def _is_in_a_sentence(link: Element, known: dict[Element, bool]) -> bool:
    """Tell whether other words stand beside a link in its paragraph; `known` remembers the answer by paragraph."""
    paragraph = _paragraph(link)
    if paragraph not in known:
        linked = sum(len(_WORD.findall(each.text_content())) for each in paragraph.iter("a"))
        known[paragraph] = len(_WORD.findall(paragraph.text_content())) > linked
    return known[paragraph]


def _paragraph(link: Element) -> Element:
    return next(each for each in link.iterancestors() if each.tag in _BLOCKS)


def _room(element: Element) -> float:
    """Return the padding and the margin above and below an element together, in CSS pixels."""
    room: dict[str, float] = {}
    for each in declarations(element.get("style", "")):
        box, _, side = each.name.partition("-")
        sizes = [max(0.0, length(part, 16) or 0.0) for part in each.value.split()]
        if box not in ("padding", "margin") or side not in ("", "top", "bottom") or not sizes:
            continue
        if side != "bottom":
            room[f"{box}-top"] = sizes[0]
        if side != "top":
            room[f"{box}-bottom"] = sizes[2] if len(sizes) > 2 else sizes[0]
    return sum(room.values())
