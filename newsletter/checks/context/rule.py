"""Rules and findings: what one check is, and what it reports.

A checking function becomes a rule with `@rule(...)`, which holds everything about it: id, severity, texts, examples.
The function yields a Finding for each place where the rule is broken; `run` adds the id, the path and the severity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.checks.context.places import Spot
from newsletter.errors import Edit, Severity

if TYPE_CHECKING:
    from newsletter.checks.context.context import Context

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


class Scope(StrEnum):
    """The part of an issue that a rule looks at, which decides when the rule runs."""

    SOURCE = "source"
    """The issue file; checked even when it does not build."""
    HTML = "html"
    """The built HTML, through `Context.tree` and the source map."""
    MESSAGE = "message"
    """The finished copies of sample readers: headers and both parts."""
    NETWORK = "network"
    """The answers of web addresses; only with --online."""
    PROGRAM = "program"
    """The report of another program, which takes seconds; only when the rule is selected by its whole id."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A place where a rule is broken. Rules make findings with `Finding.at`."""

    message: str
    """One clause without a full stop: what is wrong, with its values."""
    spot: Spot
    """The place: of a link, a field, a line, or WHOLE_ISSUE."""
    hint: str = ""
    """What to do here; empty where the rule's own `fix` says it."""
    why: str = ""
    """What it does to readers; empty where the rule's own `why` says it."""
    severity: Severity | None = None
    """The severity of this finding, where it is not the rule's."""
    edits: tuple[Edit, ...] = ()
    """The edits that `--fix` may make to mend it."""

    @classmethod
    def at(
        cls,
        spot: Spot,
        message: str,
        *,
        hint: str = "",
        why: str = "",
        severity: Severity | None = None,
        edits: tuple[Edit, ...] = (),
    ) -> Finding:
        """Return the finding that `message` is true of `spot`.

        The spot of a front matter key, a setting, a line or an element comes from Context; those of links, pictures,
        fields and tags from `places`; that of HTML which a template may have made from `origins`.
        """
        return cls(message=message, spot=spot, hint=hint, why=why, severity=severity, edits=edits)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A small publication that breaks or keeps a rule, as the differences from one without a fault."""

    body: str = "Good morning."
    """The Markdown of the issue."""
    front: str = ""
    """Lines of front matter, which replace those of the same key."""
    settings: str = ""
    """Lines of newsletter.toml, which replace whole sections: `[publication]` and what follows."""
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    """Other files of the publication by path: templates, earlier issues."""
    shown: str = ""
    """A short form for the documentation, where the example itself is too long."""


Find = Callable[["Context"], Iterator[Finding]]
"""A checking function: yields the findings of one rule in any order."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A check with an id, its texts for authors, two examples, and the function that finds where it is broken."""

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


REGISTERED: dict[str, Rule] = {}
"""The rules of every family that was imported, by id; catalogue.py imports them all and sorts them."""


def rule(
    id: str, severity: Severity, scope: Scope, *, summary: str, why: str, fix: str, fires: Example, passes: Example
) -> Callable[[Find], Find]:
    """Register the decorated function as the rule `id`. Raises ValueError for an id that is taken."""

    def register(find: Find) -> Find:
        if id in REGISTERED:
            raise ValueError(f"there is a rule {id} already")
        REGISTERED[id] = Rule(
            id=id,
            severity=severity,
            scope=scope,
            summary=summary,
            why=why,
            fix=fix,
            fires=fires,
            passes=passes,
            find=find,
        )
        return find

    return register
