"""The light and dark views of built HTML, whatever colour scheme the viewer's own screen has.

Two views only rewrite the conditions of style sheets, and the browser does the rest. Two others invert colours, as
Gmail on phones and Outlook do without asking the email; rule NL206 inverts a colour by the same function.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import tinycss2

from newsletter.checks.html.colours import BLACK, WHITE, read_colour
from newsletter.checks.html.css import Token, css_of
from newsletter.checks.html.tree import Element, add_style, page_of, tree_of

_PAINTS = ("color", "background", "border", "outline", "text-decoration", "fill", "stroke", "box-shadow")
"""The beginnings of the names of properties that may hold colours; all others with a colour end in `-color`."""
_UNTOUCHED = frozenset(("color-scheme", "background-image", "background-size", "border-radius"))
_ATTRIBUTES = ("bgcolor", "color", "text", "link", "vlink")
_INVERTED_PAGE = f":root{{background:{WHITE.inverted};color:{BLACK.inverted};color-scheme:dark}}"


def inverted(page: str) -> str:
    """Return the email with every colour of text and background inverted; pictures stay as they are."""
    return _inverted(page, marks=False)


def inverted_by_outlook(page: str) -> str:
    """Return the email inverted as Outlook.com does it: with its marks, which an email's `[data-ogsc]` rules match."""
    return _inverted(page, marks=True)


def _inverted(page: str, *, marks: bool) -> str:
    tree = tree_of(by_day(page))
    for element in tree.iter("*"):
        _invert(element, marks)
    add_style(tree, _INVERTED_PAGE)
    if marks:
        _mark_frame(tree)
    return page_of(tree)


def _invert(element: Element, marks: bool) -> None:
    if element.tag == "style":
        element.text = element.text and _sheet(element.text)
        return
    style = element.get("style")
    if style:
        element.set("style", inverted_style(style))
    for name in _ATTRIBUTES:
        colour = read_colour(element.get(name, ""))
        if colour:
            element.set(name, str(colour.inverted))
    if marks:
        _mark(element, style or "")


def _mark(element: Element, style: str) -> None:
    """Set the attributes that Outlook.com puts on elements whose colours it changes."""
    names = {name.strip() for name, _, _ in (part.partition(":") for part in style.split(";"))}
    if "color" in names:
        element.set("data-ogsc", "")
    if names & {"background", "background-color"} or element.get("bgcolor"):
        element.set("data-ogsb", "")


def _mark_frame(tree: Element) -> None:
    """Mark the body: it stands for the frame that Outlook.com puts around an email and marks too."""
    for element in tree.iter("body"):
        element.set("data-ogsc", "")
        element.set("data-ogsb", "")


@lru_cache(maxsize=5_000)
def inverted_style(style: str) -> str:
    """Return a style attribute with its colours inverted."""
    return css_of([_declared(node) for node in tinycss2.parse_blocks_contents(style)])


def _declared(node: Token) -> Token:
    if node.type == "declaration" and _has_colour(node.lower_name):
        node.value = [_inverted_token(token) for token in node.value]
    return node


def _has_colour(name: str) -> bool:
    return name not in _UNTOUCHED and (name.startswith(_PAINTS) or name.endswith("-color"))


def _inverted_token(token: Token) -> Token:
    if token.type not in ("hash", "ident", "function"):
        return token
    colour = read_colour(token.serialize())
    if colour is None:
        return token
    text = str(colour.inverted) if colour.alpha == 1 else _see_through(colour.inverted)
    return tinycss2.parse_one_component_value(text)


def _see_through(colour: tuple[float, float, float, float]) -> str:
    red, green, blue = (round(channel * 255) for channel in colour[:3])
    return f"rgba({red},{green},{blue},{colour[3]:g})"


def _sheet(text: str) -> str:
    """Return a style sheet with its colours inverted."""
    return css_of([_rule(node) for node in tinycss2.parse_stylesheet(text)])


def _rule(node: Token) -> Token:
    if node.type == "qualified-rule":
        if "data-ogs" not in tinycss2.serialize(node.prelude):
            node.content = [_declared(each) for each in tinycss2.parse_blocks_contents(node.content)]
    elif node.type == "at-rule" and node.content is not None and node.lower_at_keyword in ("media", "supports"):
        node.content = [_rule(each) for each in tinycss2.parse_rule_list(node.content)]
    return node


Scheme = Literal["light", "dark"]
_SHEET = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.DOTALL | re.IGNORECASE)
_MEDIA = re.compile(r"(\smedia=[\"'])([^\"']*)([\"'])", re.IGNORECASE)
_PREFERENCE = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*(light|dark)\s*)?\)", re.IGNORECASE)
_PROPERTY = re.compile(r"((?:^|[\s;{])(?:supported-)?color-schemes?\s*:)[^;}\"]*", re.IGNORECASE)
_META = re.compile(r"(<meta\b[^>]*\bname=\"(?:supported-)?color-schemes?\"[^>]*\bcontent=\")[^\"]*", re.IGNORECASE)
_TRUE, _FALSE = "(min-width:0)", "(max-width:0)"


def by_day(page: str) -> str:
    """Return the email in light mode."""
    return _fixed(page, "light")


def by_night(page: str) -> str:
    """Return the email in dark mode with its own dark style sheet, as Apple Mail shows it."""
    return _fixed(page, "dark")


def _fixed(page: str, scheme: Scheme) -> str:
    def fixed_sheet(sheet: re.Match[str]) -> str:
        return sheet[1] + _PROPERTY.sub(rf"\1 {scheme}", _decided(sheet[2], scheme)) + sheet[3]

    def fixed_media(media: re.Match[str]) -> str:
        return media[1] + _decided(media[2], scheme) + media[3]

    return _META.sub(rf"\g<1>{scheme}", _MEDIA.sub(fixed_media, _SHEET.sub(fixed_sheet, page)))


def _decided(conditions: str, scheme: Scheme) -> str:
    """Return media conditions with `prefers-color-scheme` replaced by one that always holds, or never does."""
    return _PREFERENCE.sub(lambda wanted: _TRUE if (wanted[1] or scheme).lower() == scheme else _FALSE, conditions)
