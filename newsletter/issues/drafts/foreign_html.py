"""Strangers' HTML and XML: cut to a size that libraries can read, and turned into plain text.

The text is what a reader would see; nothing that runs, loads or tracks is kept.
"""

from __future__ import annotations

import html as html_escapes
import re
from typing import Any

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.story import LONGEST_TEXT

MOST_ATTRIBUTES = 200
"""Attributes of one element that are read."""
_HIDDEN = ("script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head", "title", "form")
_LINES = {
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "img", "li", "main", "nav", "ol", "p", "pre", "section",
    "table", "td", "th", "tr", "ul",
}  # fmt: skip
"""Elements with lines of their own (HTML, section 15.3): their text does not run into their neighbour's."""
_BARE = re.compile(rf"<({'|'.join(_HIDDEN)})>", re.IGNORECASE)
_FORMAT = (
    "a abbr acronym b bdi bdo big blink center cite code del dfn div em font h1 h2 h3 h4 h5 h6 i ins kbd mark nobr p q "
    "s samp small span strike strong sub sup tt u var"
)
_FORMATTING = frozenset(_FORMAT.split())
"""Elements that format the words of a headline; any other tag in one is what the headline is about."""
_WITHOUT_END = ("br", "hr", "img", "wbr")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*)?/?>")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def headline_of(markup: str) -> str:
    """Return the words of a headline in HTML or in text that may be HTML: RSS does not say which.

    Only tags that format are taken out: `Why <script> tags slow kites` keeps every word.
    """
    markup = markup[:LONGEST_TEXT]
    closed = {tag[2].lower() for tag in _TAG.finditer(markup) if tag[1]}

    def without(tag: re.Match[str]) -> str:
        name = tag[2].lower()
        is_formatting = name in _WITHOUT_END or (name in _FORMATTING and name in closed)
        return (" " if name in _LINES else "") if is_formatting else tag[0]

    return _REFERENCE.sub(lambda reference: html_escapes.unescape(reference[0]), _TAG.sub(without, markup))


def text_of(markup: str) -> str:
    """Return the text of a fragment of HTML, of which at most LONGEST_TEXT characters are read."""
    closed = {name.lower() for name in _HIDDEN if f"</{name}" in markup.lower()}
    markup = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", markup[:LONGEST_TEXT])
    # A word such as `<script>` that nothing closes would hide all that follows it.
    markup = _BARE.sub(lambda tag: tag[0] if tag[1].lower() in closed else f"&lt;{tag[1]}>", markup)
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


_WHOLE_TAG = re.compile(r"(<[A-Za-z][\w:-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def without_endless_tags(markup: str) -> str:
    """Return HTML without the attributes of tags that have more than MOST_ATTRIBUTES.

    The time of libxml2's HTML parser grows with their square, and no article has such a tag.
    """

    def cut(tag: re.Match[str]) -> str:
        is_endless = len(tag[2]) > 2 * MOST_ATTRIBUTES and len(_QUOTED.sub("", tag[2]).split()) > MOST_ATTRIBUTES
        return tag[1] if is_endless else tag[0]

    return _WHOLE_TAG.sub(cut, markup)


def check_attributes(tree: Any, lines_before: int = 0) -> None:
    """Raise NewsletterError for an element of a feed's tree that has more attributes than any feed needs.

    The time of feedparser grows with their square. `lines_before` stand above the tree.
    """
    for node in tree.iter():
        count = len(node.attrib) if isinstance(node.tag, str) else 0
        if count > MOST_ATTRIBUTES:
            message = f"an element has {count:,} attributes (line {lines_before + (node.sourceline or 1)})"
            raise NewsletterError(message, hint=f"At most {MOST_ATTRIBUTES} are read: is it the right address?")


def cut_tree(tree: Any, most_elements: int) -> None:
    """Cut an lxml tree to its first elements, and each text to LONGEST_TEXT: libraries are slow on huge trees."""
    for number, node in enumerate(list(tree.iter())):
        if number >= most_elements and node.getparent() is not None:
            node.getparent().remove(node)
        elif isinstance(node.tag, str):
            node.text = node.text and node.text[:LONGEST_TEXT]
            node.tail = node.tail and node.tail[:LONGEST_TEXT]
