"""How text of the built HTML looks, by day and by night: colours, sizes, lines, as its styles say.

Style attributes and the style sheets that always count or count at night; sheets for widths of screens,
and for one mail client only, are left out. What a browser adds by itself is HTML's own style sheet
(html.spec.whatwg.org, 15.3), as far as email uses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from lxml import etree

from newsletter.checks.html.colours import BLACK, WHITE, Colour, read_colour
from newsletter.checks.html.css import Declaration, StyleRule, declarations, style_rules, values
from newsletter.checks.html.visibility import Element

COLOURED = frozenset(("color", "background", "background-color"))
SHAPED = COLOURED | {"font-size", "line-height", "font-weight", "text-decoration", "text-decoration-line", "display"}
_WEIGHTS = {"bold": True, "bolder": True, "normal": False, "lighter": False}
_SIZES = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67, "small": 0.83}
_BOLD = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "b", "strong", "th"))
_UNITS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_ATTRIBUTES = ("style", "bgcolor", "color", "background")
_NAME = re.compile(r"(?<![\w#.-])\.?[A-Za-z_][\w-]*")
_OF_OUTLOOK = "[data-ogs"
"""What Outlook.com puts on elements that it darkens; no email has it when it leaves."""
_LENGTH = re.compile(r"([\d.]+)\s*([a-z%]*)")


@dataclass(frozen=True, kw_only=True)
class ComputedStyle:
    """What styles make of the text directly inside an element."""

    ink: Colour = BLACK
    ground: Colour | None = WHITE
    """Opaque; None where a picture lies behind the text, and nothing says what it shows."""
    size: float = 16.0
    """In CSS pixels."""
    pixels: float | None = None
    """The height of a line in CSS pixels, where one is said; inherited as it is."""
    factor: float = 1.2
    """Else: as a multiple of the size."""
    is_bold: bool = False
    is_underlined: bool = False
    display: str = "inline"

    @property
    def line_height(self) -> float:
        """Of one line, in CSS pixels."""
        return self.factor * self.size if self.pixels is None else self.pixels

    @property
    def is_large(self) -> bool:
        """WCAG 2.2, "large scale": 18 points, or 14 points and bold."""
        return self.size >= 24 or (self.is_bold and self.size >= 18.66)


Declared = tuple[tuple[bool, bool, tuple[int, int, int], int], Declaration]
"""A declaration and its place in the cascade: important, on the element, specificity, order."""


def looks(tree: Element, *, at_night: bool = False) -> Mapping[Element, ComputedStyle]:
    """The look of each element of the body; `at_night` by the dark style sheet too."""
    said = _said_by_sheets(tree, at_night)
    found: dict[Element, ComputedStyle] = {}
    alike: dict[object, ComputedStyle] = {}  # most elements look like one before them
    for element in tree.find("body").iter():
        if isinstance(element.tag, str):
            above, here = found.get(element.getparent(), ComputedStyle()), said.get(element, [])
            key = (element.tag, above, *map(element.get, _ATTRIBUTES), *(id(declared) for declared in here))
            if key not in alike:
                alike[key] = _look(element, above, _cascade(element, here))
            found[element] = alike[key]
    return found


def sheets(tree: Element) -> Iterator[StyleRule]:
    """Every rule of the style sheets in order; a `media` attribute is an at-rule around them."""
    for element in tree.iter("style"):
        media = element.get("media")
        for rule in style_rules(element.text or ""):
            yield replace(rule, at_rules=(f"media {media}", *rule.at_rules)) if media else rule


def _said_by_sheets(tree: Element, at_night: bool) -> dict[Element, list[Declared]]:
    said: dict[Element, list[Declared]] = {}
    names = _names(tree)
    for order, rule in enumerate(sheets(tree)):
        wanted = [declaration for declaration in rule.declarations if declaration.name in SHAPED]
        if not wanted or _OF_OUTLOOK in rule.selector or (rule.at_rules and not (at_night and rule.is_dark)):
            continue
        for path, specificity in (found for one in _ones(rule.selector, names) for found in _paths(one)):
            declared = [((each.important, False, specificity, order), each) for each in wanted]
            for element in path(tree):
                said.setdefault(element, []).extend(declared)
    return said


def _names(tree: Element) -> set[str]:
    """The elements and the `.classes` that there are."""
    names: set[str] = set()
    for element in tree.iter("*"):
        names.add(element.tag)
        names.update(f".{name}" for name in (element.get("class") or "").split())
    return names


def _ones(selector: str, names: set[str]) -> Iterator[str]:
    """The selectors of a group that may find something: understanding one costs a millisecond."""
    if re.search(r"[\[(:]", selector):
        yield selector
        return
    for one in selector.split(","):
        if names.issuperset(_NAME.findall(one)):
            yield one


@lru_cache(maxsize=1_000)
def _paths(selector: str) -> list[tuple[Any, tuple[int, int, int]]]:
    """What finds the elements of each selector of a group; nothing for a selector nobody understands."""
    from cssselect import SelectorError, parse
    from cssselect.xpath import HTMLTranslator

    try:
        parsed = [one for one in parse(selector) if not one.pseudo_element]
        return [(etree.XPath(HTMLTranslator().selector_to_xpath(one)), one.specificity()) for one in parsed]
    except (SelectorError, etree.XPathError):
        return []


def _cascade(element: Element, said: list[Declared]) -> list[Declaration]:
    """What counts for an element, the strongest last; the size first, of which others are parts."""
    own: list[Declared] = [
        ((each.important, True, (0, 0, 0), 0), each) for each in declarations(element.get("style", ""))
    ]
    ranked = [each for _, each in sorted((*said, *own), key=lambda pair: pair[0])]
    return sorted(ranked, key=lambda each: each.name != "font-size")


def _look(element: Element, above: ComputedStyle, declared: list[Declaration]) -> ComputedStyle:
    look = _by_itself(element, above)
    for declaration in declared:
        look = _APPLY.get(declaration.name, _unchanged)(look, above, declaration)
    return look


def _by_itself(element: Element, above: ComputedStyle) -> ComputedStyle:
    """Before any style: what is inherited, what the element is, what its old-fashioned attributes say."""
    tag = element.tag
    ground = read_colour(element.get("bgcolor", ""))
    return replace(
        above,
        ink=Colour(0, 0, 238 / 255) if tag == "a" else read_colour(element.get("color", "")) or above.ink,
        ground=None if element.get("background") else ground or above.ground,
        size=above.size * _SIZES.get(tag, 1.0),
        is_bold=tag in _BOLD or above.is_bold,
        is_underlined=tag in ("a", "u", "ins") or above.is_underlined,
        display="inline" if tag in _INLINE else "block",
    )


_INLINE = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "del", "em", "font", "i", "img", "ins", "kbd"),
        *("mark", "q", "s", "small", "span", "strong", "sub", "sup", "u"),
    )
)


def _unchanged(look: ComputedStyle, _above: ComputedStyle, _declaration: Declaration) -> ComputedStyle:
    return look


def _ink(look: ComputedStyle, above: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    ink = above.ink if declaration.value == "inherit" else read_colour(declaration.value)
    if ink is None:
        return look
    return replace(look, ink=ink.over(look.ground or WHITE) if ink.alpha < 1 else ink)


def _ground(look: ComputedStyle, above: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    """A colour counts even where a picture lies on it: it is what shows when pictures are blocked."""
    found = (read_colour(token.serialize()) for token in declaration.tokens)
    colour = next((colour for colour in found if colour), None)
    if colour is not None:
        if colour.alpha == 1:
            return replace(look, ground=colour)
        return replace(look, ground=above.ground and colour.over(above.ground))
    is_picture = any(token.type == "url" or token.type == "function" for token in values(declaration.tokens))
    return replace(look, ground=None if is_picture else above.ground)


def _size(look: ComputedStyle, above: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    size = length(declaration.value, above.size)
    return look if size is None else replace(look, size=size)


def _line(look: ComputedStyle, _above: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    if re.fullmatch(r"\d*\.?\d+", declaration.value):
        return replace(look, pixels=None, factor=float(declaration.value))
    pixels = length(declaration.value, look.size)
    return look if pixels is None else replace(look, pixels=pixels)


def _weight(look: ComputedStyle, _above: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    said = declaration.value.lower()
    return replace(look, is_bold=int(said) >= 600 if said.isdigit() else _WEIGHTS.get(said, look.is_bold))


def _decoration(look: ComputedStyle, _above: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    return replace(look, is_underlined="underline" in declaration.value.lower())


def _display(look: ComputedStyle, _above: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    return replace(look, display=declaration.value.lower())


_APPLY = {
    "color": _ink,
    "background": _ground,
    "background-color": _ground,
    "font-size": _size,
    "line-height": _line,
    "font-weight": _weight,
    "text-decoration": _decoration,
    "text-decoration-line": _decoration,
    "display": _display,
}


def length(text: str, whole: float) -> float | None:
    """A length in CSS pixels; `em` and `%` are parts of `whole`. None for what depends on the screen."""
    found = _LENGTH.fullmatch(text.strip().lower())
    if not found:
        return None
    number, unit = float(found[1]) if found[1].count(".") < 2 else 0.0, found[2]
    if unit in ("em", "rem"):
        return number * (whole if unit == "em" else 16)
    if unit == "%":
        return number * whole / 100
    return number * _UNITS[unit] if unit in _UNITS else None
