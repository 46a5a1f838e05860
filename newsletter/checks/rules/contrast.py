"""Rules about contrast: words that cannot be read by day, by night, or where a mail client turns colours around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

from newsletter.checks.context.context import Context
from newsletter.checks.context.origins import found_at
from newsletter.checks.context.rule import WARNING, Example, Finding, Rule, Scope
from newsletter.checks.context.visible_text import VisibleText, seen_words
from newsletter.checks.html.colours import Colour
from newsletter.checks.html.computed_style import ComputedStyle
from newsletter.checks.html.visibility import Element
from newsletter.rendering import colours


def _by_day(context: Context) -> Iterator[Finding]:
    for words in _faint(context, context.looks, colours.light(context.config.theme)):
        yield _at(context, words, words.message)


def _by_night(context: Context) -> Iterator[Finding]:
    for words in _faint(context, context.looks_at_night, colours.dark(context.config.theme)):
        yield _at(context, words, f"in dark mode, {words.message}")
    for words in _faint(context, _turned(context.looks), None):
        if not words._replace(look=context.looks[words.element]).is_faint:
            yield _at(context, words, f"where colours are inverted, {words.message}")


def _faint(
    context: Context, looks: Mapping[Element, ComputedStyle], scheme: colours.Palette | None
) -> Iterator[VisibleText]:
    """Words that cannot be read, once for each line and pair of colours."""
    settings = _of_settings(context, scheme) if scheme else set()
    seen: set[tuple[int, Colour, Colour | None]] = set()
    for words in seen_words(context, looks):
        pair = (str(words.look.ink), str(words.look.ground))
        place = (context.line_of(words.element), words.look.ink, words.look.ground)
        if words.is_faint and pair not in settings and place not in seen:
            seen.add(place)
            yield words


def _of_settings(context: Context, scheme: colours.Palette) -> set[tuple[str, str]]:
    """Pairs of the theme's colours, when its settings are already said to be unreadable."""
    if not any(colours.unreadable(context.config.theme)):
        return set()
    every = {colour.upper() for colour in asdict(scheme).values()}
    return {(ink, ground) for ink in every for ground in every}


def _turned(looks: Mapping[Element, ComputedStyle]) -> Mapping[Element, ComputedStyle]:
    """Ink and ground turned around, each look once."""
    other = {
        look: replace(look, ink=look.ink.turned, ground=look.ground and look.ground.turned)
        for look in set(looks.values())
    }
    return {element: other[look] for element, look in looks.items()}


def _at(context: Context, words: VisibleText, message: str) -> Finding:
    look = words.look
    return found_at(context, words.element, message, str(look.ink), str(look.ink.turned), str(look.ground))


_TEXT = "templates/blocks/text.mjml"
_BLOCK = (
    '<mj-section background-color="#FFFFFF"><mj-column>'
    '<mj-text color="%s" css-class="%s">{{ body }}</mj-text></mj-column></mj-section>\n'
)
_DARK = "templates/dark.css"
_NIGHT = (
    "{{ ink }}.words, {{ ink }}.words div { color: %s !important; }\n"
    "{{ ground }}.words { background: #1D2025 !important; }\n"
)

RULES = (
    Rule(
        id="NL205",
        severity=WARNING,
        scope=Scope.HTML,
        summary="Words have too little contrast against what is behind them: less than 4.5, or 3 where they are large.",
        why="One in twelve men sees colours differently, and every phone is read in the sun (WCAG 2.2, 1.4.3).",
        fix="Make the darker of the two colours darker, in the template or in [theme] of newsletter.toml.",
        fires=Example(
            files={_TEXT: _BLOCK % ("#AAAAAA", "")}, shown='<mj-text color="#AAAAAA"> on white in a template'
        ),
        passes=Example(
            files={_TEXT: _BLOCK % ("#555555", "")}, shown='<mj-text color="#555555"> on white in a template'
        ),
        find=_by_day,
    ),
    Rule(
        id="NL206",
        severity=WARNING,
        scope=Scope.HTML,
        summary="The same at night: in the theme's dark style sheet, or where a mail client inverts colours by itself.",
        why="Apple Mail and Outlook use the dark style sheet; Gmail on phones inverts what it finds.",
        fix="Set the colour in templates/dark.css too, or change accent_dark, card_dark or page_dark in [theme].",
        fires=Example(
            files={_TEXT: _BLOCK % ("#333333", "words"), _DARK: _NIGHT % "#444444"},
            shown=".words { color: #444444 !important } on #1D2025 in templates/dark.css",
        ),
        passes=Example(
            files={_TEXT: _BLOCK % ("#333333", "words"), _DARK: _NIGHT % "#DDDDDD"},
            shown=".words { color: #DDDDDD !important } on #1D2025 in templates/dark.css",
        ),
        find=_by_night,
    ),
)
