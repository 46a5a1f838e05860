"""The view of built HTML without pictures: frames of their size with their alt text, as mail clients show them."""

from __future__ import annotations

import re

from lxml import html

from newsletter.checks.html.tree import Element, page_of, tree_of
from newsletter.preview.dark_mode import by_day

_PICTURE = re.compile(r"url\([^)]*\)", re.IGNORECASE)
_FRAME = "display:inline-block;box-sizing:border-box;max-width:100%;overflow:hidden;vertical-align:middle;"
_WIDE = re.compile(r"(?:^|;)\s*width\s*:")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ONLY_PICTURES = re.compile(r"(?:^|;)\s*(?:object-fit|object-position|height|display)\s*:[^;]*", re.IGNORECASE)


def without_pictures(page: str) -> str:
    """Return the email before its reader allows pictures. A picture with an empty alt text leaves only its room."""
    tree = tree_of(by_day(page))
    for element in list(tree.iter("*")):
        if element.tag == "img":
            _frame(element)
        elif element.tag == "style":
            element.text = element.text and _PICTURE.sub("none", element.text)
        else:
            _drop_background(element)
    return page_of(tree)


def _drop_background(element: Element) -> None:
    element.attrib.pop("background", None)
    if "url(" in element.get("style", ""):
        element.set("style", _PICTURE.sub("none", element.get("style")))


def _frame(image: Element) -> None:
    """Replace a picture by a `span` that has the styles of its alt text."""
    frame = html.Element("span", {"class": f"nl-no-picture {image.get('class', '')}".strip()})
    frame.text, frame.tail = image.get("alt", ""), image.tail
    frame.set("style", _style(image, bool(frame.text)))
    image.getparent().replace(image, frame)


def _style(image: Element, has_alt: bool) -> str:
    own = _ONLY_PICTURES.sub("", image.get("style", "")).strip("; ")
    width = "" if _WIDE.search(own) else _length(image, "width")
    height = _length(image, "height")
    box = f"{own};{_FRAME}" + (f"width:{width};" if width else "")
    if has_alt:
        return f"{box}border:1px solid #9AA0AA;padding:8px 12px;" + (f"min-height:{height};" if height else "")
    return box + (f"height:{height};" if height else "")


def _length(image: Element, name: str) -> str:
    """Return an attribute's length in CSS pixels, `552px`; empty when it has none."""
    number = _NUMBER.fullmatch(image.get(name, ""))
    return f"{number[0]}px" if number else ""
