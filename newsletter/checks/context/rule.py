"""Rule: one thing that may be wrong with an issue, why it matters, and how to find it.

What a rule finds is a Finding; the id, the path and the severity are added by `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.errors import Edit, Severity

if TYPE_CHECKING:
    from newsletter.checks.context.context import Context

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


class Scope(StrEnum):
    """What a rule has to see, and so when it can be asked."""

    SOURCE = "source"
    """The issue file; asked even when it does not build."""
    HTML = "html"
    """The built HTML, through `Context.tree` and the trace."""
    MESSAGE = "message"
    """Readers' finished copies: headers, both parts."""
    NETWORK = "network"
    """Only asked with --online."""
    PROGRAM = "program"
    """Runs another program, for seconds: only asked when the rule is selected by its whole id."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One place where a rule is broken."""

    message: str
    """One clause without a full stop: what is wrong, with its values."""
    line: int = 1
    """From 1."""
    column: int = 1
    """From 1, in characters."""
    width: int = 1
    """How many characters of the line it is about."""
    hint: str = ""
    """What to do here; empty where the rule's own `fix` says it."""
    severity: Severity | None = None
    """Where it is not the rule's."""
    path: str = ""
    """Another file than the issue's, as messages show it."""
    edits: tuple[Edit, ...] = ()
    """What `--fix` may do about it."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A small publication in which a rule does or does not fire: what differs from one without a fault."""

    body: str = "Good morning."
    """The Markdown of the issue."""
    front: str = ""
    """Lines of front matter, which replace those of the same key."""
    settings: str = ""
    """Lines of newsletter.toml, which replace whole sections: `[publication]` and what follows."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Other files of the publication by path: templates, earlier issues."""
    shown: str = ""
    """What the documentation shows where the example itself is too long."""


Find = Callable[["Context"], Iterator[Finding]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the catalogue."""

    id: str
    """`NL210`; never used again for anything else."""
    severity: Severity
    scope: Scope
    summary: str
    """One sentence with a full stop: what it reports."""
    why: str
    """One or two sentences: what happens to readers, and who says so."""
    fix: str
    """One sentence: what to do."""
    fires: Example
    passes: Example
    find: Find
    """Where it is broken, in any order."""


def found_while_parsing(_context: Context) -> Iterator[Finding]:
    """For rules of the parser's: it finds them itself, with the id, before any rule is asked."""
    yield from ()
