"""One issue file while it is read: its lines, its merge tags, and the mistakes found so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter.config import Publication
from newsletter.errors import Problem, Severity
from newsletter.issues.blocks import BlockKind
from newsletter.messages.merge_tags import TagStore


@dataclass(kw_only=True)
class ParseState:
    """What every part of the parser reads from and reports to."""

    publication: Publication
    kinds: Mapping[str, BlockKind]
    templates: frozenset[str]
    shown: str
    lines: list[str]
    tag_store: TagStore
    problems: list[Problem] = field(default_factory=list)

    def add_problem(
        self, rule: str, message: str, line: int, column: int, hint: str = "", severity: Severity = Severity.ERROR
    ) -> None:
        """Note a mistake; `column` is one of the line with tokens."""
        real = self.tag_store.column(self.lines[line - 1] if line <= len(self.lines) else "", line, column)
        restore = self.tag_store.restore
        self.problems.append(
            Problem(
                rule=rule,
                message=restore(message),
                path=self.shown,
                line=line,
                column=real,
                hint=restore(hint),
                severity=severity,
            )
        )
