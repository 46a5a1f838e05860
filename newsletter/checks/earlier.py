"""The other issues of a publication, as far as one issue's checks ask for them; read once for many checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from newsletter.config import Publication
from newsletter.frontmatter import parse_front_matter
from newsletter.issues import date_of, issue_files


@dataclass(frozen=True, kw_only=True)
class Head:
    """The front matter of an issue, as far as it can be read."""

    path: Path
    subject: str
    date: date


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The issues of one publication."""

    publication: Publication

    @cached_property
    def heads(self) -> Sequence[Head]:
        """Of every issue file with a date, the oldest first."""
        read = (_head(path) for path in issue_files(self.publication))
        return sorted((head for head in read if head), key=lambda head: (head.date, head.path.name))

    def before(self, path: Path, day: date) -> Head | None:
        """The issue that readers had before this one."""
        older = [head for head in self.heads if (head.date, head.path.name) < (day, path.name)]
        return older[-1] if older else None


def _head(path: Path) -> Head | None:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            text = stream.read(16_384)
    except OSError:
        return None
    values = parse_front_matter(text, path.name)[0].values
    named = values.get("date")
    try:
        day = date.fromisoformat(named.text.strip()) if named else date_of(path)
    except ValueError:
        return None
    subject = values.get("subject")
    return Head(path=path, subject=subject.text.strip() if subject else "", date=day) if day else None
