"""CSS as far as rules about the built HTML need it: declarations of style attributes, rules of style sheets.

The tokens are tinycss2's (CSS Syntax Level 3). HTML is not known here; text that is not CSS is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tinycss2

Token = Any
"""A component value of tinycss2, which carries no types."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A property with its value: `color: red !important`."""

    name: str
    """The property in lower case; a custom property as it is written."""
    value: str
    """The value, trimmed and without `!important`."""
    tokens: Sequence[Token]
    important: bool


@dataclass(frozen=True, kw_only=True)
class StyleRule:
    """A rule of a style sheet, `.a, .b { color: red }`, and the conditions around it."""

    selector: str
    declarations: Sequence[Declaration]
    at_rules: tuple[str, ...]
    """The at-rules around it, from the outside in: `media (prefers-color-scheme: dark)`."""

    @property
    def is_dark(self) -> bool:
        """Tell whether the rule counts in dark mode only."""
        return any("prefers-color-scheme" in at_rule and "dark" in at_rule for at_rule in self.at_rules)


@lru_cache(maxsize=2_000)
def declarations(style: str) -> Sequence[Declaration]:
    """Return the declarations of a style attribute in order."""
    return tuple(_declared(tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)))


@lru_cache(maxsize=200)
def style_rules(sheet: str) -> Sequence[StyleRule]:
    """Return the rules of a style sheet in order, including those inside at-rules."""
    return tuple(_rules(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True), ()))


@lru_cache(maxsize=200)
def at_rules(sheet: str) -> Sequence[str]:
    """Return the outermost at-rules of a style sheet, each as `media (max-width: 480px)`."""
    nodes = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
    return tuple(_named(node) for node in nodes if node.type == "at-rule")


def values(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield every token of a value, including those inside functions and brackets."""
    for token in tokens:
        yield token
        yield from values(getattr(token, "arguments", None) or getattr(token, "content", None) or ())


def css_of(nodes: Sequence[Token]) -> str:
    """Return the CSS of parsed nodes."""
    css: str = tinycss2.serialize(nodes)
    return css


def _rules(nodes: Sequence[Token], around: tuple[str, ...]) -> Iterator[StyleRule]:
    for node in nodes:
        if node.type == "qualified-rule":
            yield StyleRule(
                selector=tinycss2.serialize(node.prelude).strip(),
                declarations=tuple(_declared(tinycss2.parse_blocks_contents(node.content, True, True))),
                at_rules=around,
            )
        elif node.type == "at-rule" and node.content is not None and node.lower_at_keyword in ("media", "supports"):
            yield from _rules(tinycss2.parse_rule_list(node.content, True, True), (*around, _named(node)))


def _named(node: Token) -> str:
    return f"{node.lower_at_keyword} {tinycss2.serialize(node.prelude).strip()}".strip()


def _declared(nodes: Sequence[Token]) -> Iterator[Declaration]:
    for node in nodes:
        if node.type == "declaration":
            name = node.name if node.name.startswith("--") else node.lower_name
            value = tinycss2.serialize(node.value).strip()
            yield Declaration(name=name, value=value, tokens=tuple(node.value), important=node.important)
