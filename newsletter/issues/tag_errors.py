"""The mistakes in the merge tags of an issue: unreadable, unknown, unbalanced.

Conditions must open and close inside one container (a paragraph, a list item, a block's
body, a field), so that the HTML stays whole when a branch is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markdown_it.token import Token

from newsletter.errors import NewsletterError, nearest
from newsletter.issues.front_matter_yaml import FrontMatter
from newsletter.issues.issue import Block, Condition
from newsletter.messages.expressions import BUILT_IN, EvaluationError, ExpressionError, compile_expression, names
from newsletter.messages.merge_tags import Tag, TagStore

_CONDITION = re.compile(r"(if|elif)\s+(.+)", re.DOTALL)
MOST_NESTED = 20
"""Conditions inside conditions, at most; no reader of the file could follow more."""
_NOT_CHOSEN = "Nothing says which words are for whom, so readers would get all of them or none."
_LIKE = 0.75
"""The likeness (0 to 1) from which an unknown field is taken for a slip of a known one."""


@dataclass(frozen=True, kw_only=True)
class TagProblem:
    """A mistake in a merge tag, at the author's line and column; a warning unless `is_error`."""

    message: str
    hint: str
    line: int
    column: int
    width: int
    why: str = ""
    """What it does to readers; empty where the rule's own `why` says it."""
    is_error: bool = True


def check_tags(tag_store: TagStore, parts: Iterable[str], declared: Iterable[str]) -> Iterator[TagProblem]:
    """Yield every mistake in the tags of an issue; `parts` are the texts of its containers, with tokens."""
    known = (*BUILT_IN, *declared)
    for tag in tag_store.unclosed:
        yield _at(
            tag,
            f'"{tag.source}" is not closed on its line',
            f'Close it, or write "\\{tag.source}" for the braces themselves.',
            "Readers would see the braces, and what stands behind them.",
        )
    for tag in tag_store.tags:
        yield from _check_tag(tag, known)
    for part in parts:
        yield from _check_balance(tag for _, tag in tag_store.within(part))


def containers(front: FrontMatter, content: Iterable[Block | Condition]) -> Iterator[str]:
    """Yield the texts in which conditions must balance, with tokens in place of merge tags."""
    yield from (value.text for value in front.values.values())
    pieces = list(content)
    yield " ".join(piece.token for piece in pieces if isinstance(piece, Condition))
    for piece in pieces:
        if isinstance(piece, Block):
            yield from piece.fields.values()
            yield from _nested(piece.body)


def _nested(tokens: Iterable[Token]) -> Iterator[str]:
    """Yield a text for each level of a run of Markdown tokens, inner levels first."""
    levels: list[list[str]] = [[]]
    for token in tokens:
        if token.nesting > 0:
            levels.append([])
        # Links and pictures hold tags in their attributes.
        yield from (str(value) for value in token.attrs.values())
        if token.type in ("inline", "image") and token.children:
            yield from _nested(token.children)
        elif token.content:
            levels[-1].append(token.content)
        if token.nesting < 0 and len(levels) > 1:
            yield " ".join(levels.pop())
    yield from (" ".join(level) for level in levels)


def check_templates_tags(tags: Iterable[Tag], declared: Iterable[str]) -> None:
    """Check the tags that templates make with `tag("...")`. Raises NewsletterError for the first mistake."""
    known = (*BUILT_IN, *declared)
    for tag in tags:
        for problem in _check_tag(tag, known):
            message = f"{tag.source} of a template: {problem.message}"
            raise NewsletterError(message, place="templates/", hint=problem.hint)


def is_readable(tag: Tag) -> bool:
    """Tell whether a tag is a statement or holds an expression that can be read."""
    try:
        names(tag.inner)
    except ExpressionError:
        return tag.is_statement
    return True


def _check_tag(tag: Tag, known: tuple[str, ...]) -> Iterator[TagProblem]:
    source = tag.inner
    if tag.is_statement:
        condition = _CONDITION.fullmatch(source)
        if source in ("else", "endif"):
            return
        if not condition:
            message, hint = f'"{tag.source}" is not a condition', "Merge tags know if, elif, else and endif."
            yield _at(tag, message, hint, _NOT_CHOSEN)
            return
        source = condition[2]
    try:
        yield from _check_names(tag, names(source), known)
        # Evaluated for a reader without fields, the case that authors forget.
        compile_expression(source)({})
    except ExpressionError as error:
        yield _at(tag, error.message, error.hint, "A tag that cannot be worked out has no value to print.")
    except EvaluationError as error:
        yield _at(
            tag,
            f"the merge tag fails for a reader without fields: {error}",
            "Give what may be missing a default(...).",
            "Many readers have given nothing but their address; their copies could not be made.",
        )


def _check_names(tag: Tag, used: set[str], known: tuple[str, ...]) -> Iterator[TagProblem]:
    for name in sorted(used.difference(known)):
        near = nearest(name, known)
        if near and _alike(name, near) >= _LIKE:
            why = "Readers would see nothing where the value belongs."
            yield _at(tag, f'no field is named "{name}"', f'Did you mean "{near}"?', why)
        else:
            hint = f'Declare it in newsletter.toml, [fields]: {name} = "text".'
            why = "A field that is misspelt or not imported prints nothing, and nothing says so."
            message = f'field "{name}" is not declared; readers without it see nothing'
            yield _at(tag, message, hint, why, is_error=False)


def _alike(name: str, known: str) -> float:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, name, known).ratio()


def _check_balance(tags: Iterable[Tag]) -> Iterator[TagProblem]:
    stack: list[Tag] = []
    seen_else: list[bool] = []
    for tag in tags:
        word = tag.inner.split(" ")[0] if tag.is_statement else ""
        if word == "if":
            stack.append(tag)
            seen_else.append(False)
            if len(stack) == MOST_NESTED + 1:
                message, hint = f"conditions stand more than {MOST_NESTED} deep", "Join them with `and`, or use elif."
                yield _at(tag, message, hint, "Nobody can tell any more who reads what.")
        elif word in ("elif", "else", "endif") and not stack:
            yield _at(
                tag,
                f'"{tag.source}" has no {{% if %}} before it here',
                "Open and close a condition in one paragraph, list item, block or field, or around whole ones.",
                _NOT_CHOSEN,
            )
        elif word in ("elif", "else") and seen_else[-1]:
            message = f'"{tag.source}" comes after {{% else %}}'
            yield _at(tag, message, "The else branch is the last.", "Nobody would ever read this branch.")
        elif word == "else":
            seen_else[-1] = True
        elif word == "endif":
            stack.pop()
            seen_else.pop()
    for tag in stack:
        yield _at(
            tag,
            f'"{tag.source}" has no {{% endif %}}',
            "Close it in the same paragraph, list item, block or field.",
            _NOT_CHOSEN,
        )


def _at(tag: Tag, message: str, hint: str, why: str = "", *, is_error: bool = True) -> TagProblem:
    width = len(tag.source)
    return TagProblem(
        message=message, hint=hint, line=tag.line, column=tag.column, width=width, why=why, is_error=is_error
    )
