"""Built HTML as Outlook for Windows shows it, which lays out with Word: its own branches, and no more than Word's CSS.

Which properties Word lacks is caniemail's finding, in `data/`; what it lacks on some elements only is Microsoft's
list ("Word 2007 HTML and CSS rendering capabilities"). Word's own faults of layout cannot be shown in a browser.
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
"""Besides caniemail's: what it finds to work somewhere in part, and not where emails use it."""
_UNPADDED = frozenset(("a", "div", "p", "span", "img", "h1", "h2", "h3", "h4", "li", "ul", "ol", "table"))
_UNSIZED = frozenset(("a", "div", "p", "span"))
_UNKNOWN_SELECTOR = re.compile(r"[>+~\[]|::?(?!link|visited|hover|active)[a-z-]+")


def in_outlook(page: str) -> str:
    """The email as Word would have it."""
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
    """The HTML with Outlook's branches of conditional comments shown, and those of all others left out."""
    shown = _OTHERS.sub(lambda found: found[2] if holds(found[1]) else "", page)
    shown = _REVEALED.sub(lambda found: found[2] if holds(found[1]) else "", shown)
    return _BRANCH.sub(lambda found: found[2] if holds(found[1]) else "", shown)


def holds(condition: str) -> bool:
    """Whether a condition such as `(gte mso 9)|(IE)` holds in Outlook for Windows; one it does not know does not."""
    words = _WORDS.findall(condition.lower())
    value, rest = _either(words)
    return value and not rest


def _either(words: list[str]) -> tuple[bool, list[str]]:
    value, words = _both(words)
    while words and words[0] == "|":
        other, words = _both(words[1:])
        value = value or other
    return value, words


def _both(words: list[str]) -> tuple[bool, list[str]]:
    value, words = _one(words)
    while words and words[0] == "&":
        other, words = _one(words[1:])
        value = value and other
    return value, words


def _one(words: list[str]) -> tuple[bool, list[str]]:
    if not words:
        return False, []
    if words[0] == "!":
        value, words = _one(words[1:])
        return not value, words
    if words[0] == "(":
        value, words = _either(words[1:])
        return value, words[1:]
    return _compared(words)


_COMPARE = {
    "lt": lambda mine, asked: mine < asked,
    "lte": lambda mine, asked: mine <= asked,
    "gt": lambda mine, asked: mine > asked,
    "gte": lambda mine, asked: mine >= asked,
}


def _compared(words: list[str]) -> tuple[bool, list[str]]:
    """`mso`, `mso 16`, `gte mso 9`; `ie` is another program."""
    how = _COMPARE.get(words[0])
    name, *rest = (words[1:] or [""]) if how else words
    if not rest or not rest[0][0].isdigit():
        return name == "mso" and how is None, rest
    asked = float(rest[0])
    return name == "mso" and (how(VERSION, asked) if how else asked == VERSION), rest[1:]


@cache
def _lacks(name: str) -> bool:
    """Whether Word knows nothing of a property."""
    return name in _LACKING or bool(table().lacking(f"css-{name}", ["outlook.windows"]))


@lru_cache(maxsize=5_000)
def _style(style: str, tag: str) -> str:
    kept = [node for node in tinycss2.parse_blocks_contents(style) if _counts(node, tag)]
    return css_of([_translated(node) for node in kept])


def _translated(node: Token) -> Token:
    """What only Word understands, in a browser's words."""
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
    """The rules of a style sheet that Word reads: none with conditions, none with a selector it does not know."""
    nodes = tinycss2.parse_stylesheet(text)
    return css_of([_rule(node) for node in nodes if node.type == "qualified-rule" and _is_known(node)])


def _is_known(node: Token) -> bool:
    return not _UNKNOWN_SELECTOR.search(tinycss2.serialize(node.prelude))


def _rule(node: Token) -> Token:
    kept = [each for each in tinycss2.parse_blocks_contents(node.content) if _counts(each, "")]
    node.content = [_translated(each) for each in kept]
    return node
