"""The other issues of a publication, as far as one issue's checks ask for them; read once for many checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from newsletter.config import Publication
from newsletter.issues.issue import issue_files
from newsletter.issues.summaries import read_head


@dataclass(frozen=True, kw_only=True)
class Dated:
    """An issue with a date, and its subject."""

    path: Path
    subject: str
    date: date


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The issues of one publication."""

    publication: Publication

    @cached_property
    def heads(self) -> Sequence[Dated]:
        """Of every issue file with a date, the oldest first."""
        read = (read_head(path) for path in issue_files(self.publication))
        dated = (Dated(path=head.path, subject=head.subject, date=head.date) for head in read if head and head.date)
        return sorted(dated, key=lambda head: (head.date, head.path.name))

    def before(self, path: Path, day: date) -> Dated | None:
        """The issue that readers had before this one."""
        older = [head for head in self.heads if (head.date, head.path.name) < (day, path.name)]
        return older[-1] if older else None
