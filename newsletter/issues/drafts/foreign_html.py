"""Strangers' HTML and XML: cut to a size that libraries can read, and turned into plain text.

The text is what a reader would see; nothing that runs, loads or tracks is kept.
"""

from __future__ import annotations

import re
from typing import Any

from newsletter.issues.drafts.story import LONGEST_TEXT

_HIDDEN = ("script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head", "title", "form")
_LINES = {
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "img", "li", "main", "nav", "ol", "p", "pre", "section",
    "table", "td", "th", "tr", "ul",
}  # fmt: skip
"""Elements with lines of their own (HTML, section 15.3): their text does not run into their neighbour's."""


def text_of(markup: str) -> str:
    """Return the text of a fragment of HTML, of which at most LONGEST_TEXT characters are read."""
    markup = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", markup[:LONGEST_TEXT])
    # Text without markup needs no parser, which is slow to import.
    if not re.search(r"<[A-Za-z/!?]|&", markup):
        return markup
    from lxml import etree, html

    tree = html.fragment_fromstring(f"<div>{markup}</div>", create_parent="div")
    etree.strip_elements(tree, etree.Comment, etree.ProcessingInstruction, *_HIDDEN, with_tail=False)
    for element in tree.iter():
        if element.tag in _LINES:
            element.text = f" {element.text or ''}"
            element.tail = f" {element.tail or ''}"
    return str(tree.text_content())


def cut_tree(tree: Any, most_elements: int) -> None:
    """Cut an lxml tree to its first elements, and each text to LONGEST_TEXT: libraries are slow on huge trees."""
    for number, node in enumerate(list(tree.iter())):
        if number >= most_elements and node.getparent() is not None:
            node.getparent().remove(node)
        elif isinstance(node.tag, str):
            node.text = node.text and node.text[:LONGEST_TEXT]
            node.tail = node.tail and node.tail[:LONGEST_TEXT]
