"""Make no picture wider than the place where it stands, in the `width` attribute, which is all that Outlook reads.

The room of a place is worked out from the styles of the finished HTML: the frame, less the paddings, borders and
indents on the way to it. So it holds for every block, list, quotation and table, and for a publication's own
templates. Word's table of what it reads: learn.microsoft.com, "Word 2007 HTML and CSS rendering capabilities".
"""

from __future__ import annotations

import re
from typing import Any

Element = Any
"""An lxml element; lxml carries no types."""
_PIXELS = re.compile(r"(-?\d+(?:\.\d+)?)(?:px)?")
_FOR_OUTLOOK = re.compile(r"\bwidth(?::|=\")(\d+(?:\.\d+)?)(?:px|\")")
_BOXES = frozenset(("margin", "padding", "border"))
_PASSED = frozenset(("tbody", "thead", "tfoot", "tr", "body", "html"))


def fit_pictures(tree: Element) -> None:
    """Lower the `width` of every picture of a page that is wider than its room; no picture is enlarged."""
    rooms: dict[Element, float | None] = {}
    for image in tree.iter("img"):
        width = image.get("width", "")
        if width.isdigit() and (room := _room(image.getparent(), rooms)) and int(width) > room >= 1:
            image.set("width", str(int(room)))


def _room(element: Element, known: dict[Element, float | None]) -> float | None:
    """Return the CSS pixels between the edges of an element's content; None where nothing says them."""
    if element is None:
        return None
    if element not in known:
        known[element] = _measured(element, known)
    return known[element]


def _measured(element: Element, known: dict[Element, float | None]) -> float | None:
    style = _style(element)
    outer = _own_width(element, style)
    if outer is None:
        outer = _share(element, known) if element.tag in ("td", "th") else _room(element.getparent(), known)
    if outer is None or element.tag in _PASSED:
        return outer
    return outer - _edges(style)


def _own_width(element: Element, style: dict[str, str]) -> float | None:
    """Return the width that an element is given in pixels, by itself or by the comment for Outlook before it."""
    before = element.getprevious()
    if before is not None and not isinstance(before.tag, str) and "[if mso" in (before.text or ""):
        widths = _FOR_OUTLOOK.findall(before.text)
        if widths:
            return float(widths[-1])
    for written in (style.get("max-width", ""), style.get("width", ""), element.get("width", "")):
        if (pixels := _pixels(written)) is not None:
            return pixels
    return None


def _share(cell: Element, known: dict[Element, float | None]) -> float | None:
    """Return the width of a cell: its part of what the cells of its row with a width of their own leave."""
    row = _room(cell.getparent(), known)
    if row is None:
        return None
    cells = [each for each in cell.getparent() if each.tag in ("td", "th")]
    given = {each: _own_width(each, _style(each)) for each in cells}
    left = row - sum(width for width in given.values() if width is not None)
    spans = sum(_span(each) for each, width in given.items() if width is None)
    return left * _span(cell) / spans


def _span(cell: Element) -> int:
    written = cell.get("colspan", "1")
    return max(1, int(written)) if written.isdigit() else 1


def _style(element: Element) -> dict[str, str]:
    """Return the declarations of a style attribute in their order, the last of each name."""
    style: dict[str, str] = {}
    for part in (element.get("style") or "").split(";"):
        name, _, value = part.partition(":")
        # Taken out first, because the order counts: `border: 0` ends an earlier `border-left`.
        style.pop(name.strip().lower(), None)
        style[name.strip().lower()] = value.strip()
    return style


def _edges(style: dict[str, str]) -> float:
    """Return the pixels that margins, paddings and borders at both sides take together."""
    edges: dict[str, float] = {}
    for name, value in style.items():
        box, _, side = name.partition("-")
        if box in _BOXES and side in ("", "left", "right"):
            for each in (side,) if side else ("left", "right"):
                edges[f"{box}-{each}"] = _pixels(_side(value, each, box)) or 0.0
    return sum(edges.values())


def _side(value: str, side: str, box: str) -> str:
    """Return the part of `1px 2px 3px 4px` that counts for the left or the right side, or the width of a border."""
    parts = value.split()
    if not parts or box == "border":
        return parts[0] if parts else ""
    return parts[3] if len(parts) == 4 and side == "left" else parts[min(1, len(parts) - 1)]


def _pixels(written: str) -> float | None:
    match = _PIXELS.fullmatch(written)
    return float(match[1]) if match else None
