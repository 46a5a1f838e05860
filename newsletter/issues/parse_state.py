"""The state of one parse: the file's lines, its merge tags, and the mistakes noted so far.

parse.py makes one for each file; front_matter.py and body.py read from it and add their mistakes to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter.config import PublicationSettings
from newsletter.errors import Edit, Problem, Severity
from newsletter.issues.blocks import BlockKind
from newsletter.messages.merge_tags import TagStore


@dataclass(kw_only=True)
class ParseState:
    """The file that is parsed, and the mistakes in it."""

    publication: PublicationSettings
    kinds: Mapping[str, BlockKind]
    templates: frozenset[str]
    """The names that `template:` may say."""
    shown: str
    """The file's path as messages show it."""
    lines: list[str]
    """The file's lines, with tokens in place of merge tags."""
    tag_store: TagStore
    problems: list[Problem] = field(default_factory=list)

    def add_problem(
        self,
        rule: str,
        message: str,
        line: int,
        column: int,
        hint: str = "",
        severity: Severity = Severity.ERROR,
        width: int = 1,
        why: str = "",
        inserts: str = "",
    ) -> None:
        """Add a mistake; `column` and `width` count in the line with tokens and become the author's.

        `inserts` is a text that corrects it safely when it is put at its place.
        """
        real, wide = self.written_place(line, column, width)
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
                width=wide,
                why=why,
                edits=(Edit(line=line, column=real, width=0, text=inserts),) if inserts else (),
            )
        )

    def written_place(self, line: int, column: int, width: int) -> tuple[int, int]:
        """Return column and width in the author's line for those in the line with tokens; the width is at least 1."""
        hidden = self.lines[line - 1] if line <= len(self.lines) else ""
        start = self.tag_store.column(hidden, line, column)
        return start, max(1, self.tag_store.column(hidden, line, column + width) - start)
