"""The content of an issue for feed readers: headlines, paragraphs, lists and pictures, without the layout.

Made from the web page, so that the page kept with a campaign is enough and a publication's own blocks are
included. Feed readers have their own fonts and colours.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

_KEPT = {"a": ("href",), "img": ("src", "alt", "width"), "ol": ("start",), "th": ("scope",), "td": ("colspan",)}
"""Attributes with a meaning, by element; `dir` has one on all of them, and all others are about looks."""
_LAYOUT = ("div", "span", "font", "center")
"""Elements that only lay out; a table does when it has `role="presentation"`."""
_BLOCKS = ("div", "table", "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "hr", "figure")


def reading_view(page: str) -> str:
    """Return the content of a web page as plain HTML: its `<main>`, or the whole body of a page without one."""
    from lxml import etree, html  # only where a feed is written

    root = html.document_fromstring(page)
    main = next(root.iter("main"), None)
    main = root.body if main is None else main
    # A signup form does nothing in a feed reader: it needs our site.
    for form in [*main.iter("form")]:
        _drop(_piece(form, main))
    for element in [*main.iter(etree.Comment, "script", "style")]:
        _drop(element)
    for link in [*main.iter("a")]:
        _loosen(link)
    for element in [*main.iter("div", "td", "p")]:
        _make_paragraph(element)
    for table in [*main.iter("table")]:
        if table.get("role") == "presentation":
            _unwrap_table(table)
    for element in [*main.iter(*_LAYOUT)]:
        if element.tag != "span" or "dir" not in element.attrib:
            element.drop_tag()
    for element in main.iter(etree.Element):
        _strip(element)
    begins = escape(main.text) if _has_words(main.text) else ""
    return begins + "".join(
        html.tostring(child, encoding="unicode", with_tail=_has_words(child.tail)) for child in main
    )


def _loosen(link: Any) -> None:
    """Take the link off a footnote's number, and drop the one that leads back: a feed reader's page has many issues."""
    if re.fullmatch(r"#note-\d+", link.get("href", "")):
        link.drop_tag()
    elif re.fullmatch(r"#note-\d+-\d+", link.get("href", "")):
        _drop(link)


def _has_words(text: str | None) -> bool:
    return bool(text and text.strip())


def _piece(element: Any, main: Any) -> Any:
    """Return the block of the issue that an element belongs to."""
    while element is not main and element.getparent() is not main:
        element = element.getparent()
    return element


def _drop(element: Any) -> None:
    if element.getparent() is not None:
        element.drop_tree()


def _make_paragraph(element: Any) -> None:
    """Make an element that holds only words a paragraph, and drop it when it is empty."""
    if element.tag == "td" and _table_of(element).get("role") != "presentation":
        return
    if next(element.iter(*(name for name in _BLOCKS if name != element.tag)), None) is not None:
        return
    if next(element.iterdescendants(element.tag), None) is not None:
        return
    if not element.text_content().strip() and next(element.iter("img"), None) is None:
        _drop(element)
    elif element.tag == "td":
        _wrap(element)
    else:
        element.tag = "p"


def _wrap(cell: Any) -> None:
    paragraph = cell.makeelement("p")
    paragraph.text, cell.text = cell.text, None
    paragraph.extend([*cell])
    cell.append(paragraph)


def _table_of(cell: Any) -> Any:
    return next(cell.iterancestors("table"))


def _unwrap_table(table: Any) -> None:
    """Replace a table by the content of its cells, in their order."""
    for part in [*table.iter("tbody", "thead", "tr", "td", "th")]:
        if _table_of(part) is table:
            part.drop_tag()
    table.drop_tag()


def _strip(element: Any) -> None:
    for name in [name for name in element.attrib if name not in ("dir", *_KEPT.get(element.tag, ()))]:
        del element.attrib[name]
