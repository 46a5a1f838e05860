"""The value that the rules of a parse share: the merge tags, and the problems and comments that they meet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

from newsletter.messages.merge_tags import TagStore

MARK = re.compile(r"\{NL\w*?O\d+xNL")
"""Stands for the braces of a merge tag that a backtick or a comment may cut in two; the parser meets it as a brace."""


@dataclass(frozen=True, kw_only=True)
class BlockProblem:
    """A mistake in the structure of blocks, at its place in the text with tokens."""

    rule: str
    message: str
    hint: str
    line: int
    """The line of the body, from 0."""
    column: int = 1
    width: int = 1
    why: str = ""
    """What it does to readers; empty where the rule's own `why` says it."""


@dataclass(frozen=True, kw_only=True)
class MarkdownComment:
    """An HTML comment of a body, between its marks, at its place in the text with tokens."""

    text: str
    line: int
    """The line of the body, from 0."""
    column: int


@dataclass(kw_only=True)
class Environment:
    """The value in markdown-it's `env`: the rules read from it and add their problems to it."""

    tag_store: TagStore
    has_notes: bool = True
    """Tells whether footnotes are read; a text without a foot has none."""
    braces: Mapping[str, str] = field(default_factory=dict)
    """The braces that marks stand for, of which the parse has to tell whether they are code; see source.py."""
    notes: set[str] = field(default_factory=set)
    """The names of the footnotes that have a text, in small letters."""
    problems: list[BlockProblem] = field(default_factory=list)
    comments: list[MarkdownComment] = field(default_factory=list)
    skipped: list[Sequence[int]] = field(default_factory=list)
    """Runs of lines that have no token by right: comments, closing lines, link definitions."""
    is_too_deep: bool = False
    """True when a line nested too deep was found; the first is enough to say."""
    is_in_block: bool = False
    """True between the opening and the closing line of a `:::` block."""
    block_end: int | None = None
    """The line at which the block that is read ends; None before that is known."""
    content: str = ""
    """The content of the inline token that is read."""
    ranges: list[tuple[int, int]] = field(default_factory=list)
    """The comments in `content`: the offsets of their beginnings and ends."""
    _searched: str = ""
    _last: int = -1

    def comment_end(self, text: str, start: int) -> int:
        """Return the end of the comment that begins at `start`, 0 when it has none.

        The last `-->` of a text is remembered, so that many unclosed comments cost one search.
        """
        if self._searched is not text:
            self._searched, self._last = text, text.rfind("-->")
        return text.find("-->", start + 4) + 3 if self._last >= start + 4 else 0


def environment_of(state: StateBlock | StateCore | StateInline) -> Environment:
    """Return the environment of a parse."""
    environment = state.env["newsletter"]
    assert isinstance(environment, Environment)
    return environment
