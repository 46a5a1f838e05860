"""Computed styles: the colours, sizes and line heights of the built HTML's text, by day and by night.

Style attributes count, and the style sheets that always count or count in dark mode. Style sheets for screen widths
and for one mail client are left out. A browser's own styles are those of HTML's style sheet (html.spec.whatwg.org,
15.3), as far as emails use it.
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
from newsletter.checks.html.tree import Element

COLOURED = frozenset(("color", "background", "background-color"))
SHAPED = COLOURED | {"font-size", "line-height", "font-weight", "text-decoration", "text-decoration-line", "display"}
_WEIGHTS = {"bold": True, "bolder": True, "normal": False, "lighter": False}
_SIZES = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67, "small": 0.83}
_BOLD = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "b", "strong", "th"))
_UNITS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_ATTRIBUTES = ("style", "bgcolor", "color", "background")
_NAME = re.compile(r"(?<![\w#.-])\.?[A-Za-z_][\w-]*")
_OF_OUTLOOK = "[data-ogs"
"""Begins the attributes that Outlook.com puts on elements it darkens; no email has them when it is sent."""
_LENGTH = re.compile(r"([\d.]+)\s*([a-z%]*)")


@dataclass(frozen=True, kw_only=True)
class ComputedStyle:
    """The style of the text directly inside an element."""

    ink: Colour = BLACK
    ground: Colour | None = WHITE
    """The opaque colour behind the text; None where a picture of unknown colours lies behind it."""
    size: float = 16.0
    """The size of the text in CSS pixels."""
    pixels: float | None = None
    """The height of a line in CSS pixels, where a style gives one; inherited as it is."""
    factor: float = 1.2
    """The height of a line as a multiple of the size, where `pixels` is None."""
    is_bold: bool = False
    is_underlined: bool = False
    display: str = "inline"

    @property
    def line_height(self) -> float:
        """The height of a line in CSS pixels."""
        return self.factor * self.size if self.pixels is None else self.pixels

    @property
    def is_large(self) -> bool:
        """Tell whether the text is "large scale" (WCAG 2.2): 18 points, or 14 points and bold."""
        return self.size >= 24 or (self.is_bold and self.size >= 18.66)


Declared = tuple[tuple[bool, bool, tuple[int, int, int], int], Declaration]
"""A declaration and its place in the cascade: important, on the element, specificity, order."""


def computed_styles(tree: Element, *, at_night: bool = False) -> Mapping[Element, ComputedStyle]:
    """Return the style of each element of the body; `at_night` includes the dark style sheet."""
    in_sheets = _declared_in_sheets(tree, at_night)
    styles: dict[Element, ComputedStyle] = {}
    alike: dict[object, ComputedStyle] = {}  # most elements have the style of one before them
    for element in tree.find("body").iter():
        if isinstance(element.tag, str):
            parent, declared = styles.get(element.getparent(), ComputedStyle()), in_sheets.get(element, [])
            # `id` is enough for declarations of style sheets: they live as long as this function runs.
            key = (element.tag, parent, *map(element.get, _ATTRIBUTES), *(id(each) for each in declared))
            if key not in alike:
                alike[key] = _computed(element, parent, _cascade(element, declared))
            styles[element] = alike[key]
    return styles


def sheets(tree: Element) -> Iterator[StyleRule]:
    """Yield every rule of the style sheets in order; a `media` attribute counts as an at-rule around them."""
    for element in tree.iter("style"):
        media = element.get("media")
        for rule in style_rules(element.text or ""):
            yield replace(rule, at_rules=(f"media {media}", *rule.at_rules)) if media else rule


def _declared_in_sheets(tree: Element, at_night: bool) -> dict[Element, list[Declared]]:
    in_sheets: dict[Element, list[Declared]] = {}
    names = _names(tree)
    for order, rule in enumerate(sheets(tree)):
        wanted = [declaration for declaration in rule.declarations if declaration.name in SHAPED]
        if not wanted or _OF_OUTLOOK in rule.selector or (rule.at_rules and not (at_night and rule.is_dark)):
            continue
        for selector in _matching_selectors(rule.selector, names):
            for path, specificity in _paths(selector):
                declared = [((each.important, False, specificity, order), each) for each in wanted]
                for element in path(tree):
                    in_sheets.setdefault(element, []).extend(declared)
    return in_sheets


def _names(tree: Element) -> set[str]:
    """Return the names of all elements and `.classes` of the page."""
    names: set[str] = set()
    for element in tree.iter("*"):
        names.add(element.tag)
        names.update(f".{name}" for name in (element.get("class") or "").split())
    return names


def _matching_selectors(group: str, names: set[str]) -> Iterator[str]:
    """Yield the selectors of a group that may match an element."""
    # Compiling a selector takes a millisecond, so those that name no element of the page are not compiled.
    if re.search(r"[\[(:]", group):
        yield group
        return
    for selector in group.split(","):
        if names.issuperset(_NAME.findall(selector)):
            yield selector


@lru_cache(maxsize=1_000)
def _paths(selector: str) -> list[tuple[Any, tuple[int, int, int]]]:
    """Return the XPath and the specificity of each selector of a group; none where the group is not valid CSS."""
    from cssselect import SelectorError, parse
    from cssselect.xpath import HTMLTranslator

    try:
        parsed = [each for each in parse(selector) if not each.pseudo_element]
        return [(etree.XPath(HTMLTranslator().selector_to_xpath(each)), each.specificity()) for each in parsed]
    except (SelectorError, etree.XPathError):
        return []


def _cascade(element: Element, in_sheets: list[Declared]) -> list[Declaration]:
    """Return an element's declarations, the strongest last, but its sizes first: lengths in `em` depend on them."""
    own: list[Declared] = [
        ((each.important, True, (0, 0, 0), 0), each) for each in declarations(element.get("style", ""))
    ]
    ranked = [each for _, each in sorted((*in_sheets, *own), key=lambda pair: pair[0])]
    return sorted(ranked, key=lambda each: each.name != "font-size")


def _computed(element: Element, parent: ComputedStyle, declared: list[Declaration]) -> ComputedStyle:
    style = _unstyled(element, parent)
    for declaration in declared:
        style = _APPLY.get(declaration.name, _unchanged)(style, parent, declaration)
    return style


def _unstyled(element: Element, parent: ComputedStyle) -> ComputedStyle:
    """Return an element's style before any CSS: inherited, by its tag, and by attributes such as `bgcolor`."""
    tag = element.tag
    ground = read_colour(element.get("bgcolor", ""))
    return replace(
        parent,
        ink=Colour(0, 0, 238 / 255) if tag == "a" else read_colour(element.get("color", "")) or parent.ink,
        ground=None if element.get("background") else ground or parent.ground,
        size=parent.size * _SIZES.get(tag, 1.0),
        is_bold=tag in _BOLD or parent.is_bold,
        is_underlined=tag in ("a", "u", "ins") or parent.is_underlined,
        display="inline" if tag in _INLINE else "block",
    )


_INLINE = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "del", "em", "font", "i", "img", "ins", "kbd"),
        *("mark", "q", "s", "small", "span", "strong", "sub", "sup", "u"),
    )
)


def _unchanged(style: ComputedStyle, _parent: ComputedStyle, _declaration: Declaration) -> ComputedStyle:
    return style


def _ink(style: ComputedStyle, parent: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    ink = parent.ink if declaration.value == "inherit" else read_colour(declaration.value)
    if ink is None:
        return style
    return replace(style, ink=ink.over(style.ground or WHITE) if ink.alpha < 1 else ink)


def _ground(style: ComputedStyle, parent: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    # A colour counts even where a picture lies on it: it is what shows when pictures are blocked.
    colours = (read_colour(token.serialize()) for token in declaration.tokens)
    colour = next((colour for colour in colours if colour), None)
    if colour is not None:
        if colour.alpha == 1:
            return replace(style, ground=colour)
        return replace(style, ground=parent.ground and colour.over(parent.ground))
    is_picture = any(token.type == "url" or token.type == "function" for token in values(declaration.tokens))
    return replace(style, ground=None if is_picture else parent.ground)


def _size(style: ComputedStyle, parent: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    size = length(declaration.value, parent.size)
    return style if size is None else replace(style, size=size)


def _line(style: ComputedStyle, _parent: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    if re.fullmatch(r"\d*\.?\d+", declaration.value):
        return replace(style, pixels=None, factor=float(declaration.value))
    pixels = length(declaration.value, style.size)
    return style if pixels is None else replace(style, pixels=pixels)


def _weight(style: ComputedStyle, _parent: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    weight = declaration.value.lower()
    return replace(style, is_bold=int(weight) >= 600 if weight.isdigit() else _WEIGHTS.get(weight, style.is_bold))


def _decoration(style: ComputedStyle, _parent: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    return replace(style, is_underlined="underline" in declaration.value.lower())


def _display(style: ComputedStyle, _parent: ComputedStyle, declaration: Declaration) -> ComputedStyle:
    return replace(style, display=declaration.value.lower())


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
    """Return a length in CSS pixels, or None when it depends on the screen; `em` and `%` are parts of `whole`."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if not match:
        return None
    number, unit = float(match[1]) if match[1].count(".") < 2 else 0.0, match[2]
    if unit in ("em", "rem"):
        return number * (whole if unit == "em" else 16)
    if unit == "%":
        return number * whole / 100
    return number * _UNITS[unit] if unit in _UNITS else None
