"""Features: the HTML and CSS that an email uses, by caniemail's names: `css-display-flex`, `html-video`.

`rules.compatibility` has the table of clients that support them; it skips a name that the table lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from newsletter.checks.html.computed_style import sheets
from newsletter.checks.html.css import Declaration, StyleRule, Token, at_rules, declarations, values
from newsletter.checks.html.tree import Element

_GROUPS = {
    "html-semantics": "article aside details figcaption figure footer header main mark nav section summary time",
    "html-lists": "ul ol dl",
    "html-h1-h6": "h1 h2 h3 h4 h5 h6",
    "html-image-maps": "map area",
    "html-strike": "strike s",
    "html-object": "object embed",
    "css-left-right-top-bottom": "left right top bottom",
    "css-gap": "gap row-gap column-gap grid-gap",
    "css-grid-template": "grid-template grid-template-areas grid-template-columns grid-template-rows",
    "css-column-layout-properties": "columns column-fill column-rule column-span column-width",
    "css-margin-inline-block": "margin-inline margin-block",
    "css-margin-block-start-end": "margin-block-start margin-block-end",
    "css-margin-inline-start-end": "margin-inline-start margin-inline-end",
    "css-padding-inline-block": "padding-inline padding-block",
    "css-padding-block-start-end": "padding-block-start padding-block-end",
    "css-padding-inline-start-end": "padding-inline-start padding-inline-end",
    "css-border-inline-block": "border-inline border-block",
    "css-mask-image": "mask mask-image",
}
_NAMES = {word: slug for slug, words in _GROUPS.items() for word in words.split()}
"""The names that several elements or properties share; each other element and property has its own."""
_FAMILIES = ("margin", "padding", "border-radius", "border-image", "border", "outline", "animation", "transition")
"""Shorthand properties whose longhands go by their name: `margin-left` is `css-margin`."""
_ATTRIBUTES = frozenset(
    (
        *(
            "align",
            "background",
            "cellpadding",
            "cellspacing",
            "dir",
            "height",
            "hidden",
            "lang",
            "popover",
            "required",
        ),
        *("role", "srcset", "target", "valign", "width", "aria-describedby", "aria-hidden", "aria-label"),
        *("aria-labelledby", "aria-live"),
    )
)
_INPUTS = frozenset(("checkbox", "hidden", "radio", "reset", "submit", "text"))
_DISPLAYS = {"flex": "flex", "inline-flex": "flex", "grid": "grid", "inline-grid": "grid", "none": "none"}
_FUNCTIONS = {
    "calc": "css-unit-calc",
    "var": "css-variables",
    "rgb": "css-rgb",
    "rgba": "css-rgba",
    **{name: f"css-{name}" for name in ("linear-gradient", "radial-gradient", "conic-gradient")},
    **{name: f"css-function-{name}" for name in ("clamp", "light-dark", "max", "min")},
    **dict.fromkeys(("hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color", "color-mix"), "css-modern-color"),
}
_SELECTORS = {
    "css-selector-child": r"\s*>\s*",
    "css-selector-adjacent-sibling": r"\+",
    "css-selector-general-sibling": r"~(?!=)",
    "css-selector-attribute": r"\[",
    "css-selector-id": r"#",
    "css-selector-universal": r"(?:^|[\s,>+~])\*",
}
_PSEUDO = re.compile(r"(::?)([a-z-]+)")
_OLD_ELEMENTS = frozenset(("after", "before", "first-letter", "first-line"))
"""Pseudo-elements that may be written with one colon (CSS 2)."""
_MEDIA = ("device-pixel-ratio", "hover", "orientation", "prefers-color-scheme", "prefers-reduced-motion")
_PICTURE = re.compile(r"\.(apng|avif|bmp|gif|hdr|heif|ico|jpe?g|mp4|png|svg|tiff?|webp)(?:[?#]|$)", re.IGNORECASE)
_SPELLINGS = {"jpeg": "jpg", "tif": "tiff"}


class FeatureUse(NamedTuple):
    """A feature that an email uses, and the element that uses it."""

    slug: str
    element: Element | None
    """The element; None for style sheets."""
    written: str
    """The feature as a template would write it: `display: flex`, `<video`."""
    is_inline: bool = False
    """Tells whether it stands in a style attribute."""


def uses(tree: Element) -> Iterator[FeatureUse]:
    """Yield every use of a feature in document order, those of style sheets first."""
    for slug, written in _of_sheets(tree):
        yield FeatureUse(slug, None, written)
    known: dict[str, Sequence[tuple[str, str]]] = {}
    for element in tree.iter():
        if isinstance(element.tag, str):
            for slug, written in (*_of_element(element), *_of_attributes(element)):
                yield FeatureUse(slug, element, written)
            style = element.get("style", "")
            if style not in known:
                known[style] = [pair for each in declarations(style) for pair in _of_declaration(each)]
            for slug, written in known[style]:
                yield FeatureUse(slug, element, written, True)


def _of_element(element: Element) -> Iterator[tuple[str, str]]:
    tag = element.tag
    kind = (element.get("type") or "").lower()
    if tag == "input":
        yield f"html-input-{kind if kind in _INPUTS else 'text'}", "<input"
    elif tag == "button":
        yield f"html-button-{kind or 'submit'}", "<button"
    else:
        yield _NAMES.get(tag, f"html-{tag}"), f"<{tag}"


def _of_attributes(element: Element) -> Iterator[tuple[str, str]]:
    for name in element.attrib:
        if name in _ATTRIBUTES:
            yield f"html-{name}", f"{name}="
    if "loading" in element.attrib:
        yield "html-loading-attribute", "loading="
    href = element.get("href", "")
    if href.startswith("mailto:"):
        yield "html-mailto-links", "mailto:"
    elif href.startswith("#"):
        yield "html-anchor-links", 'href="#'
    source = element.get("src", "")
    if extension := _PICTURE.search(source.partition("#")[0]):
        kind = extension[1].lower()
        yield f"image-{_SPELLINGS.get(kind, kind)}", source


def _of_sheets(tree: Element) -> Iterator[tuple[str, str]]:
    for element in tree.iter("style"):
        for at_rule in at_rules(element.text or ""):
            name = at_rule.split()[0]
            yield f"css-at-{name}", f"@{name}"
            yield from ((f"css-at-media-{feature}", feature) for feature in _MEDIA if feature in at_rule)
    for rule in sheets(tree):
        yield from _of_rule(rule)


def _of_rule(rule: StyleRule) -> Iterator[tuple[str, str]]:
    for slug, pattern in _SELECTORS.items():
        if re.search(pattern, rule.selector):
            yield slug, rule.selector
    for colons, name in _PSEUDO.findall(rule.selector):
        is_element = len(colons) > 1 or name in _OLD_ELEMENTS
        yield f"css-pseudo-{'element' if is_element else 'class'}-{name}", colons + name
    for declaration in rule.declarations:
        yield from _of_declaration(declaration)


def _of_declaration(declaration: Declaration) -> Iterator[tuple[str, str]]:
    written = f"{declaration.name}:"
    yield _of_property(declaration), written
    if declaration.important:
        yield "css-important", "!important"
    for token in values(declaration.tokens):
        if slug := _of_value(token):
            yield slug, token.serialize() if token.type != "function" else f"{token.name}("


def _of_property(declaration: Declaration) -> str:
    name = declaration.name
    if name.startswith("--"):
        return "css-variables"
    if name == "display":
        kind = _DISPLAYS.get(declaration.value.lower())
        return f"css-display-{kind}" if kind else "css-display"
    if name in _NAMES:
        return _NAMES[name]
    if name.startswith("border-") and name.endswith("-radius"):
        return "css-border-radius"
    is_logical = "-block" in name or "-inline" in name
    family = next((each for each in _FAMILIES if name.startswith(f"{each}-") and not is_logical), name)
    return f"css-{name if name in ('border-collapse', 'border-spacing') or name.startswith('outline-') else family}"


def _of_value(token: Token) -> str:
    if token.type == "dimension":
        return f"css-unit-{token.lower_unit}"
    if token.type == "percentage":
        return "css-unit-percent"
    if token.type == "function":
        return _FUNCTIONS.get(token.lower_name, "")
    if token.type == "ident":
        return {"initial": "css-unit-initial", "system-ui": "css-sytem-ui"}.get(token.lower_value, "")
    return ""
