"""What of an HTML tree readers see, as far as style attributes say; style sheets are not asked."""

from __future__ import annotations

import re
from typing import Any

Element = Any
"""An lxml element; lxml carries no types."""
_HIDES = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|(?<![\w-])opacity\s*:\s*0(?![.\d])", re.IGNORECASE)
_SILENT = {"style", "script", "title", "head"}


def hidden_elements(tree: Element) -> set[Element]:
    """The elements that a style on them, or on one above them, keeps from being seen."""
    hidden: set[Element] = set()
    for element in tree.iter():
        if element.getparent() in hidden or _HIDES.search(element.get("style") or ""):
            hidden.add(element)
    return hidden


def visible_words(tree: Element) -> str:
    """What readers see, on one line."""
    hidden = hidden_elements(tree)
    parts: list[str] = []
    for element in tree.iter():
        if isinstance(element.tag, str) and element.tag not in _SILENT and element not in hidden:
            parts.append(element.text or "")
        if element.getparent() is not None and element.getparent() not in hidden:
            parts.append(element.tail or "")
    return " ".join(" ".join(parts).split())
