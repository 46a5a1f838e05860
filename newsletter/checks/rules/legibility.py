"""Rules about reading and tapping: text that is too small, links that are hard to hit or hard to tell from text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.origins import found_at
from newsletter.checks.context.rule import INFO, WARNING, Example, Finding, Rule, Scope
from newsletter.checks.context.visible_text import VisibleText, seen_words
from newsletter.checks.html.computed_style import ComputedStyle, length
from newsletter.checks.html.css import declarations
from newsletter.checks.html.visibility import Element
from newsletter.issues.issue import Block

TARGET = 24
"""CSS pixels: the least height of what is tapped (WCAG 2.2, success criterion 2.5.8)."""
SMALL, TIGHT = 14, 1.3
"""CSS pixels of running text, and its line as a multiple of them."""
RUNNING = 60
"""Characters from which text runs; a label or a date is no reading matter, nor is what stands under a picture."""
_BLOCKS = frozenset(("td", "th", "div", "p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "body"))
_WORD = re.compile(r"\w{2,}")


def _small(context: Context) -> Iterator[Finding]:
    for words in seen_words(context, context.looks):
        block = context.block_of(words.element)
        if len(words.text) < RUNNING or block is None or block.name == "image" or _is_credit(block, words.text):
            continue
        look = words.look
        if look.size < SMALL:
            yield _about(context, words, f"has {look.size:g} pixels", "font-size")
        elif look.line_height < TIGHT * look.size and not look.is_large:
            yield _about(
                context, words, f"has lines of {look.line_height / look.size:.2f} times its size", "line-height"
            )


def _is_credit(block: Block, text: str) -> bool:
    """Whether the words name an author or a source; those may be small, however long a name is."""
    names = (block.fields.get(field, "") for field in ("author", "source"))
    return any(name and " ".join(name.split()) in text for name in names)


def _about(context: Context, words: VisibleText, what: str, written: str) -> Finding:
    return found_at(context, words.element, f'"{words.text[:30]}" {what}', written)


def _low(context: Context) -> Iterator[Finding]:
    sentences: dict[Element, bool] = {}
    for link, words in _links(context):
        look = context.looks[link]
        if look.display == "none" or _is_in_a_sentence(link, sentences):
            continue
        height = max(context.looks[part].line_height for part in link.iter() if part in context.looks)
        tall = height + (_padding(link) if look.display != "inline" else 0)
        if tall < TARGET:
            yield found_at(context, link, f'the link "{words[:30]}" is {tall:g} pixels high', "line-height")


def _hardly_seen(context: Context) -> Iterator[Finding]:
    sentences: dict[Element, bool] = {}
    for link, words in _links(context):
        looks = [context.looks[part] for part in link.iter() if part in context.looks]
        around = context.looks.get(link.getparent(), ComputedStyle())
        is_told = any(look.is_underlined or look.is_bold != around.is_bold for look in looks)
        if not is_told and looks[0].ground == around.ground and _is_in_a_sentence(link, sentences):
            message = f'the link "{words[:30]}" differs from the words around it by colour alone'
            yield found_at(context, link, message, "text-decoration: none", "text-decoration:none")


def _links(context: Context) -> Iterator[tuple[Element, str]]:
    """The links that readers see, with their words; those around a picture are its size."""
    for link in context.elements("a"):
        words = context.written(" ".join(link.text_content().split()))
        if (
            link.get("href")
            and link in context.looks
            and link not in context.hidden
            and words
            and link.find(".//img") is None
        ):
            yield link, words


def _is_in_a_sentence(link: Element, known: dict[Element, bool]) -> bool:
    """Whether words that are no links stand beside it in its paragraph; `known` are the paragraphs asked before."""
    above = next(each for each in link.iterancestors() if each.tag in _BLOCKS)
    if above not in known:
        linked = sum(len(_WORD.findall(each.text_content())) for each in above.iter("a"))
        known[above] = len(_WORD.findall(above.text_content())) > linked
    return known[above]


def _padding(element: Element) -> float:
    """Above and below, in CSS pixels."""
    top = bottom = 0.0
    for each in declarations(element.get("style", "")):
        sizes = [length(part, 16) or 0.0 for part in each.value.split()]
        if each.name == "padding" and sizes:
            top, bottom = sizes[0], sizes[2] if len(sizes) > 2 else sizes[0]
        elif each.name == "padding-top" and sizes:
            top = sizes[0]
        elif each.name == "padding-bottom" and sizes:
            bottom = sizes[0]
    return top + bottom


_TEXT = "templates/blocks/text.mjml"
_BLOCK = "<mj-section><mj-column><mj-text%s>{{ body }}%s</mj-text></mj-column></mj-section>\n"
_LONG = "The new rules on chips came out last night, and they are longer than anybody had thought they would be."
_CSS = "templates/inline.css"
_BARE = ".body a { color: #0F5BD3; text-decoration: %s; }\n"

RULES = (
    Rule(
        id="NL207",
        severity=WARNING,
        scope=Scope.HTML,
        summary="A link that stands alone, or a button, is less than 24 pixels high.",
        why="Thumbs miss it (WCAG 2.2, 2.5.8); links inside a sentence are exempt.",
        fix="Give it a line height or a padding of 24 pixels together; 44 are comfortable.",
        fires=Example(
            files={
                _TEXT: _BLOCK % ("", '<p style="line-height: 16px"><a href="https://example.com">All issues</a></p>')
            },
            shown='<p style="line-height: 16px"><a href="...">All issues</a></p> in a template',
        ),
        passes=Example(
            files={
                _TEXT: _BLOCK % ("", '<p style="line-height: 24px"><a href="https://example.com">All issues</a></p>')
            },
            shown='<p style="line-height: 24px"><a href="...">All issues</a></p> in a template',
        ),
        find=_low,
    ),
    Rule(
        id="NL208",
        severity=WARNING,
        scope=Scope.HTML,
        summary="Running text has less than 14 pixels, or lines of less than 1.3 times its size.",
        why="It is read on phones, on the move, and by people above forty; iOS enlarges small text by itself.",
        fix="Set 16 pixels with lines of 24 to 26.",
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
        find=_small,
    ),
    Rule(
        id="NL211",
        severity=INFO,
        scope=Scope.HTML,
        summary="A link inside a sentence differs from the words around it by its colour alone.",
        why="Whoever does not see the colour does not see the link (WCAG 2.2, 1.4.1).",
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
        find=_hardly_seen,
    ),
)
