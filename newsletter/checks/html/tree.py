"""HTML as a tree and back, and which part of a tree readers see, judged by style attributes alone."""

from __future__ import annotations

import re
from typing import Any

Element = Any
"""An lxml element; lxml carries no types."""
_HIDES = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|(?<![\w-])opacity\s*:\s*0(?![.\d])", re.IGNORECASE)
_SILENT = {"style", "script", "title", "head"}


def tree_of(page: str) -> Element:
    """Return the root element of a whole page."""
    from lxml import html  # here, because the import takes longer than most uses of this module

    return html.document_fromstring(page, parser=html.HTMLParser(encoding=None))


def page_of(tree: Element) -> str:
    """Return the HTML of a whole tree."""
    from lxml import html

    page: str = html.tostring(tree, encoding="unicode", doctype="<!DOCTYPE html>")
    return page


def add_style(tree: Element, css: str) -> None:
    """Put a style sheet before all others, so that any of them wins over it."""
    from lxml import html

    head = tree.find("head")
    if head is not None:
        sheet = html.Element("style")
        sheet.text = css
        head.insert(0, sheet)


def hidden_elements(tree: Element) -> set[Element]:
    """Return the elements that are hidden by their own style attribute or by that of an element around them."""
    hidden: set[Element] = set()
    for element in tree.iter():
        if element.getparent() in hidden or _HIDES.search(element.get("style") or ""):
            hidden.add(element)
    return hidden


def visible_words(tree: Element) -> str:
    """Return the words that readers see, on one line."""
    hidden = hidden_elements(tree)
    parts: list[str] = []
    for element in tree.iter():
        if isinstance(element.tag, str) and element.tag not in _SILENT and element not in hidden:
            parts.append(element.text or "")
        if element.getparent() is not None and element.getparent() not in hidden:
            parts.append(element.tail or "")
    return " ".join(" ".join(parts).split())
