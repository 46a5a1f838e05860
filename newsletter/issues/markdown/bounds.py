"""The most that an issue may have: more could not be read, built and checked within seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from markdown_it.token import Token

from newsletter.issues.markdown.environment import BlockProblem

MOST_PARTS = 50_000
"""Tokens of Markdown in an issue: each takes some 50 microseconds to build and to check."""
MOST_LINES, MOST_BRACKETS = 50_000, 20_000
"""Lines and `[` of a body, before Markdown reads it: each bracket may take 50 microseconds."""
MOST_BLOCKS = 1_000
"""Blocks of an issue: each takes some milliseconds."""


def too_many_signs(body: str) -> BlockProblem | None:
    """Return the problem of a body that is not to be read, at the first line or bracket too many; None for others."""
    for sign, most, name in (("\n", MOST_LINES, "lines"), ("[", MOST_BRACKETS, "opening brackets")):
        if body.count(sign) > most:
            at = next(islice((match.start() for match in re.finditer(re.escape(sign), body)), most, None))
            return _problem(f"the issue has more than {most:,} {name}", body.count("\n", 0, at))
    return None


def too_many_parts(tokens: Iterable[Token]) -> BlockProblem | None:
    """Return the problem of a body that is not to be built, at the first block or part too many; None for others."""
    parts = blocks = line = 0
    for token in tokens:
        parts, blocks = parts + 1 + len(token.children or ()), blocks + (token.type == "block_open")
        line = token.map[0] if token.map else line
        if blocks > MOST_BLOCKS:
            return _problem(f"the issue has more than {MOST_BLOCKS:,} blocks", line)
        if parts > MOST_PARTS:
            kinds = "paragraphs, items, cells, links and other parts"
            return _problem(f"the issue has more than {MOST_PARTS:,} {kinds}", line)
    return None


def _problem(message: str, line: int) -> BlockProblem:
    hint = "Split it: readers and mailboxes take a hundredth of it."
    why = "Building it would take minutes, and the email would be far larger than Gmail shows."
    return BlockProblem(rule="NL004", message=message, hint=hint, line=line, why=why)
