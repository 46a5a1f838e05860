"""Rules about contrast: words that are hard to read by day, in dark mode, or where a mail client inverts colours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import NamedTuple

from newsletter.checks.context.context import Context
from newsletter.checks.context.origins import is_written, origin
from newsletter.checks.context.places import Spot
from newsletter.checks.context.rule import WARNING, Example, Finding, Scope, rule
from newsletter.checks.html.colours import Colour
from newsletter.checks.html.computed_style import ComputedStyle
from newsletter.checks.html.tree import Element
from newsletter.rendering import colours

LARGE = 3.0
"""The contrast that large text needs (WCAG 2.2, success criterion 1.4.3); smaller text needs 4.5."""
_ROUNDING = 0.01
"""The difference from the contrast needed that is not reported."""


class VisibleText(NamedTuple):
    """A run of text that readers see, with its style."""

    element: Element
    text: str
    style: ComputedStyle

    @property
    def contrast(self) -> float:
        """The contrast of ink and ground, 1 to 21; 21 where the ground is unknown."""
        return colours.contrast(str(self.style.ink), str(self.style.ground)) if self.style.ground else 21.0

    @property
    def needed(self) -> float:
        """The least contrast that can be read."""
        return LARGE if self.style.is_large else colours.READABLE

    @property
    def is_faint(self) -> bool:
        """Tell whether the contrast is too low."""
        return self.contrast < self.needed - _ROUNDING

    @property
    def message(self) -> str:
        """The text of a finding, with the colours and their contrast."""
        pair = f"{self.style.ink} on {self.style.ground}"
        return f'"{self.text[:30]}" has a contrast of {self.contrast:.1f} ({pair}); it needs {self.needed:g}'


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


@rule(
    "NL205",
    WARNING,
    Scope.HTML,
    summary="Words have too little contrast with their background: less than 4.5, or 3 where they are large.",
    why="One in twelve men sees colours differently, and every phone is read in sunlight (WCAG 2.2, 1.4.3).",
    fix="Make the darker of the two colours darker, in the template or in [theme] of newsletter.toml.",
    fires=Example(files={_TEXT: _BLOCK % ("#AAAAAA", "")}, shown='<mj-text color="#AAAAAA"> on white in a template'),
    passes=Example(files={_TEXT: _BLOCK % ("#555555", "")}, shown='<mj-text color="#555555"> on white in a template'),
)
def _faint_by_day(context: Context) -> Iterator[Finding]:
    for words in _faint(context, context.styles, colours.light(context.config.theme)):
        yield Finding.at(_spot(context, words), words.message)


@rule(
    "NL206",
    WARNING,
    Scope.HTML,
    summary="Words have too little contrast in dark mode: by the dark style sheet, or where colours are inverted.",
    why="Apple Mail and Outlook use the dark style sheet; Gmail on phones inverts the colours it finds.",
    fix="Choose two colours that are further apart in lightness; those of dark mode stand in templates/dark.css.",
    fires=Example(
        files={_TEXT: _BLOCK % ("#333333", "words"), _DARK: _NIGHT % "#444444"},
        shown=".words { color: #444444 !important } on #1D2025 in templates/dark.css",
    ),
    passes=Example(
        files={_TEXT: _BLOCK % ("#333333", "words"), _DARK: _NIGHT % "#DDDDDD"},
        shown=".words { color: #DDDDDD !important } on #1D2025 in templates/dark.css",
    ),
)
def _faint_by_night(context: Context) -> Iterator[Finding]:
    for words in _faint(context, context.styles_at_night, colours.dark(context.config.theme)):
        yield _by_night(context, words, words.style, "accent_dark", "in dark mode", _DARK_WHY)
    by_day = _reported_pairs(context, colours.light(context.config.theme))
    accent_is_reported = False
    for words in _faint(context, _inverted(context.styles), None):
        seen = context.styles[words.element]
        # Words that were faint before the inversion, or have colours that are, are reported by NL205.
        if words._replace(style=seen).is_faint or (str(seen.ink), str(seen.ground)) in by_day:
            continue
        is_accent = str(context.config.theme.accent).upper() in (str(seen.ink), str(seen.ground))
        if not (is_accent and accent_is_reported):
            yield _by_night(context, words, seen, "accent", "where colours are inverted", _INVERTED_WHY)
        accent_is_reported = accent_is_reported or is_accent


_DARK_WHY = "Apple Mail and Outlook use the dark style sheet when it is dark."
_INVERTED_WHY = "Gmail on phones inverts the colours of an email when it is dark."


def _by_night(
    context: Context, words: VisibleText, written: ComputedStyle, setting: str, when: str, why: str
) -> Finding:
    """Return the finding about faint words; `written` is their style before a mail client inverts it.

    Where the colour is the setting's, it is reported at the setting, with the nearest colour that can be read.
    """
    message = f'{when}, "{words.text[:30]}" has a contrast of {words.contrast:.1f}{_named(context, written)}'
    message += f"; it needs {words.needed:g}"
    theme = context.config.theme
    if str(getattr(theme, setting)).upper() not in (str(written.ink), str(written.ground)):
        return Finding.at(_spot(context, words), message, why=why)
    better = colours.readable(theme, setting)
    hint = f'Write {setting} = "{better}", the nearest that can be read.' if better else ""
    return Finding.at(context.settings_spot("theme", setting), message, hint=hint, why=why)


def _named(context: Context, style: ComputedStyle) -> str:
    """Return the colours of a style that the author wrote, in a template or in newsletter.toml, in brackets."""
    colours_of_pair = [str(colour) for colour in (style.ink, style.ground) if colour]
    known = [colour for colour in colours_of_pair if is_written(context, colour)]
    return f" ({' on '.join(known)})" if known else ""


def _faint(
    context: Context, styles: Mapping[Element, ComputedStyle], scheme: colours.Palette | None
) -> Iterator[VisibleText]:
    """Yield words with too little contrast, once for each line and pair of colours."""
    reported = _reported_pairs(context, scheme) if scheme else set()
    seen: set[tuple[int, Colour, Colour | None]] = set()
    for element, text in context.runs:
        words = VisibleText(element, text, styles[element])
        pair = (str(words.style.ink), str(words.style.ground))
        place = (context.line_of(element), words.style.ink, words.style.ground)
        if words.style.display != "none" and words.is_faint and pair not in reported and place not in seen:
            seen.add(place)
            yield words


def _reported_pairs(context: Context, scheme: colours.Palette) -> set[tuple[str, str]]:
    """Return the pairs of the theme's colours when the build warns of the theme's settings itself, else none."""
    if not any(colours.unreadable(context.config.theme)):
        return set()
    every = {colour.upper() for colour in asdict(scheme).values()}
    return {(ink, ground) for ink in every for ground in every}


def _inverted(styles: Mapping[Element, ComputedStyle]) -> Mapping[Element, ComputedStyle]:
    """Return the styles with ink and ground inverted."""
    # Elements share styles, so each style is inverted once.
    inverted = {
        style: replace(style, ink=style.ink.inverted, ground=style.ground and style.ground.inverted)
        for style in set(styles.values())
    }
    return {element: inverted[style] for element, style in styles.items()}


def _spot(context: Context, words: VisibleText) -> Spot:
    style = words.style
    return origin(context, words.element, str(style.ink), str(style.ink.inverted), str(style.ground))
