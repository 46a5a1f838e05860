"""HTML as a tree and back, and CSS back from its nodes: what the views that change an email share."""

from __future__ import annotations

import tinycss2
from lxml import html

from newsletter.checks.html.css import Token
from newsletter.checks.html.visibility import Element


def tree_of(page: str) -> Element:
    """The root element of a whole page."""
    return html.document_fromstring(page, parser=html.HTMLParser(encoding=None))


def add_style(tree: Element, css: str) -> None:
    """A style sheet before all others, so that any of them wins."""
    head = tree.find("head")
    if head is not None:
        sheet = html.Element("style")
        sheet.text = css
        head.insert(0, sheet)


def page_of(tree: Element) -> str:
    """The HTML of a whole tree."""
    out: str = html.tostring(tree, encoding="unicode", doctype="<!DOCTYPE html>")
    return out


def css_of(nodes: list[Token]) -> str:
    """The CSS of parsed nodes."""
    out: str = tinycss2.serialize(nodes)
    return out
