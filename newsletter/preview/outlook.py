"""The view of built HTML as Outlook for Windows shows it: Outlook's own branches, and only the CSS that Word knows.

caniemail's table in `checks/data/` has the properties that Word lacks; those it lacks on some elements only are from
Microsoft's list ("Word 2007 HTML and CSS rendering capabilities"). A browser cannot show Word's own layout faults.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import tinycss2

from newsletter.checks.html.css import Token, css_of
from newsletter.checks.html.tree import add_style, page_of, tree_of
from newsletter.checks.rules.compatibility import table
from newsletter.preview.dark_mode import by_day

VERSION = 16
"""Outlook's version, which conditions such as `gte mso 9` are compared with."""
_BRANCH = re.compile(r"<!--\[if\s([^\]]*)\]>(.*?)<!\[endif\]-->", re.DOTALL)
_OTHERS = re.compile(r"<!--\[if\s([^\]]*)\]><!-->?(.*?)<!--<!\[endif\]-->", re.DOTALL)
_REVEALED = re.compile(r"<!\[if\s([^\]]*)\]>(.*?)<!\[endif\]>", re.DOTALL)
_WORDS = re.compile(r"[()|&!]|[a-z]+|\d+(?:\.\d+)?", re.IGNORECASE)
_OF_WORD = "ul,ol{margin-left:40px;padding:0}"
"""Word indents lists by their margins, browsers by their padding."""
_LACKING = frozenset(
    (
        *("max-width", "min-width", "max-height", "min-height", "background-image", "background-size"),
        *("background-position", "background-repeat", "object-fit", "word-break", "overflow", "float"),
    )
)
"""Properties besides caniemail's: Word knows them in part, but not where emails use them."""
_UNPADDED = frozenset(("a", "div", "p", "span", "img", "h1", "h2", "h3", "h4", "li", "ul", "ol", "table"))
_UNSIZED = frozenset(("a", "div", "p", "span"))
_UNKNOWN_SELECTOR = re.compile(r"[>+~\[]|::?(?!link|visited|hover|active)[a-z-]+")


def in_outlook(page: str) -> str:
    """Return the email as Word lays it out."""
    tree = tree_of(by_day(branches(page)))
    add_style(tree, _OF_WORD)
    for island in list(tree.iter("xml")):  # settings for Word, which shows none of it
        island.drop_tree()
    for element in tree.iter("*"):
        if element.tag == "style":
            element.text = element.text and _sheet(element.text)
        elif style := element.get("style"):
            element.set("style", _style(style, element.tag))
        element.attrib.pop("background", None)
    return page_of(tree)


def branches(page: str) -> str:
    """Return the HTML with Outlook's branches of conditional comments shown, and those for others left out."""
    for pattern in (_OTHERS, _REVEALED, _BRANCH):
        page = pattern.sub(lambda branch: branch[2] if holds(branch[1]) else "", page)
    return page


def holds(condition: str) -> bool:
    """Tell whether a condition such as `(gte mso 9)|(IE)` holds in Outlook for Windows; an unknown one does not."""
    words = _WORDS.findall(condition.lower())
    value, rest = _either(words)
    return value and not rest


def _either(words: list[str]) -> tuple[bool, list[str]]:
    value, words = _both(words)
    while words and words[0] == "|":
        alternative, words = _both(words[1:])
        value = value or alternative
    return value, words


def _both(words: list[str]) -> tuple[bool, list[str]]:
    value, words = _operand(words)
    while words and words[0] == "&":
        condition, words = _operand(words[1:])
        value = value and condition
    return value, words


def _operand(words: list[str]) -> tuple[bool, list[str]]:
    if not words:
        return False, []
    if words[0] == "!":
        value, words = _operand(words[1:])
        return not value, words
    if words[0] == "(":
        value, words = _either(words[1:])
        return value, words[1:]
    return _compared(words)


_COMPARE = {
    "lt": lambda version, limit: version < limit,
    "lte": lambda version, limit: version <= limit,
    "gt": lambda version, limit: version > limit,
    "gte": lambda version, limit: version >= limit,
}


def _compared(words: list[str]) -> tuple[bool, list[str]]:
    """Evaluate `mso`, `mso 16` or `gte mso 9` and return the words behind it; `ie` is another program."""
    compare = _COMPARE.get(words[0])
    name, *rest = (words[1:] or [""]) if compare else words
    if not rest or not rest[0][0].isdigit():
        return name == "mso" and compare is None, rest
    version = float(rest[0])
    return name == "mso" and (compare(VERSION, version) if compare else version == VERSION), rest[1:]


@cache
def _lacks(name: str) -> bool:
    """Tell whether Word does not know a property."""
    return name in _LACKING or bool(table().lacking(f"css-{name}", ["outlook.windows"]))


@lru_cache(maxsize=5_000)
def _style(style: str, tag: str) -> str:
    kept = [node for node in tinycss2.parse_blocks_contents(style) if _counts(node, tag)]
    return css_of([_translated(node) for node in kept])


def _translated(node: Token) -> Token:
    """Return a declaration with Word's own properties turned into those that browsers know."""
    if node.type == "declaration" and node.lower_name == "mso-padding-alt":
        node.name = node.lower_name = "padding"
    elif node.type == "declaration" and node.lower_name == "mso-hide":
        return tinycss2.parse_one_declaration("display:none")
    return node


def _counts(node: Token, tag: str) -> bool:
    if node.type != "declaration":
        return True
    name = node.lower_name
    if _lacks(name) or (name.startswith("padding") and tag in _UNPADDED) or (name in _SIZES and tag in _UNSIZED):
        return False
    words = {token.lower_value for token in node.value if token.type == "ident"}
    return not (name == "display" and words & {"flex", "grid", "inline-block", "inline-flex"})


_SIZES = ("width", "height")


def _sheet(text: str) -> str:
    """Return the rules of a style sheet that Word reads: none in at-rules, none with a selector it does not know."""
    nodes = tinycss2.parse_stylesheet(text)
    return css_of([_rule(node) for node in nodes if node.type == "qualified-rule" and _is_known(node)])


def _is_known(node: Token) -> bool:
    return not _UNKNOWN_SELECTOR.search(tinycss2.serialize(node.prelude))


def _rule(node: Token) -> Token:
    kept = [each for each in tinycss2.parse_blocks_contents(node.content) if _counts(each, "")]
    node.content = [_translated(each) for each in kept]
    return node
