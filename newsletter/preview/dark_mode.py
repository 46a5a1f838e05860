"""Built HTML as mail clients show it at night that invert colours by themselves.

Gmail on phones and Outlook's apps turn every colour they find around and ask the email for nothing. What a colour
turned around is, `checks.colours` says, and so the rule about it and the picture of it agree.

Day and night of built HTML, whatever the viewer's own screen is set to.

Only the conditions of style sheets are written over; the cascade stays the browser's.
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
"""What the names of properties with colours in them begin with; longer ones end in `-color`, or hold one."""
_UNTOUCHED = frozenset(("color-scheme", "background-image", "background-size", "border-radius"))
_ATTRIBUTES = ("bgcolor", "color", "text", "link", "vlink")
_GROUND = f":root{{background:{WHITE.inverted};color:{BLACK.inverted};color-scheme:dark}}"


def inverted(page: str) -> str:
    """The email with every colour of its text and grounds turned around; pictures stay as they are."""
    return _inverted(page, marks=False)


def inverted_by_outlook(page: str) -> str:
    """The same as Outlook.com does it: what it turns it marks, so that an email's `[data-ogsc]` rules can answer."""
    return _inverted(page, marks=True)


def _inverted(page: str, *, marks: bool) -> str:
    tree = tree_of(by_day(page))
    for element in tree.iter("*"):
        _turn(element, marks)
    add_style(tree, _GROUND)
    if marks:
        _mark_frame(tree)
    return page_of(tree)


def _turn(element: Element, marks: bool) -> None:
    if element.tag == "style":
        element.text = element.text and _sheet(element.text)
        return
    style = element.get("style")
    if style:
        element.set("style", turned_style(style))
    for name in _ATTRIBUTES:
        colour = read_colour(element.get(name, ""))
        if colour:
            element.set(name, str(colour.inverted))
    if marks:
        _mark(element, style or "")


def _mark(element: Element, style: str) -> None:
    """Outlook.com leaves what it took away in attributes, which its own style rules, and emails', look for."""
    names = {name.strip() for name, _, _ in (part.partition(":") for part in style.split(";"))}
    if "color" in names:
        element.set("data-ogsc", "")
    if names & {"background", "background-color"} or element.get("bgcolor"):
        element.set("data-ogsb", "")


def _mark_frame(tree: Element) -> None:
    """Outlook.com puts an email into a frame of its own, which it marks too."""
    for element in tree.iter("body"):
        element.set("data-ogsc", "")
        element.set("data-ogsb", "")


@lru_cache(maxsize=5_000)
def turned_style(style: str) -> str:
    """A style attribute with its colours turned around."""
    return css_of([_declared(node) for node in tinycss2.parse_blocks_contents(style)])


def _declared(node: Token) -> Token:
    if node.type == "declaration" and _has_colour(node.lower_name):
        node.value = [_turned(token) for token in node.value]
    return node


def _has_colour(name: str) -> bool:
    return name not in _UNTOUCHED and (name.startswith(_PAINTS) or name.endswith("-color"))


def _turned(token: Token) -> Token:
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
    """A style sheet with its colours turned around, those at night left out: the client does not ask for them."""
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
_FEATURE = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*(light|dark)\s*)?\)", re.IGNORECASE)
_SAID = re.compile(r"((?:^|[\s;{])(?:supported-)?color-schemes?\s*:)[^;}\"]*", re.IGNORECASE)
_META = re.compile(r"(<meta\b[^>]*\bname=\"(?:supported-)?color-schemes?\"[^>]*\bcontent=\")[^\"]*", re.IGNORECASE)
_TRUE, _FALSE = "(min-width:0)", "(max-width:0)"


def by_day(page: str) -> str:
    """The email where the mail client is light."""
    return _fixed(page, "light")


def by_night(page: str) -> str:
    """The email where the mail client is dark and asks the email for its own dark colours, as Apple Mail does."""
    return _fixed(page, "dark")


def _fixed(page: str, scheme: Scheme) -> str:
    def of_sheet(found: re.Match[str]) -> str:
        return found[1] + _SAID.sub(rf"\1 {scheme}", _decided(found[2], scheme)) + found[3]

    def of_media(found: re.Match[str]) -> str:
        return found[1] + _decided(found[2], scheme) + found[3]

    return _META.sub(rf"\g<1>{scheme}", _MEDIA.sub(of_media, _SHEET.sub(of_sheet, page)))


def _decided(conditions: str, scheme: Scheme) -> str:
    return _FEATURE.sub(lambda found: _TRUE if (found[1] or scheme).lower() == scheme else _FALSE, conditions)
