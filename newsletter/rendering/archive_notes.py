"""Say on the web what was changed of a sent issue, and when; and the file that tells the static archive of it.

`archive.json` in the publication's folder is written by `newsletter archive` and belongs into version control. It has
every change in order by the issue's slug: `{"kind", "at", "note", "date", "language"}`; the last two are the issue's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.messages.types import About, ArchiveChange, ChangeKind
from newsletter.rendering.translations import Language
from newsletter.times import stamp

FILE = "archive.json"


@dataclass(frozen=True, kw_only=True)
class ArchiveNote:
    """A dated line about a change, in the words of a language."""

    sentence: str
    """`Amended on January 18, 2025.`"""
    note: str
    """The editors' own words; may be empty."""
    at: str
    """The day, `2025-01-18`."""


def archive_notes(
    language: Language, about: About, changes: Sequence[ArchiveChange], zone: tzinfo
) -> list[ArchiveNote]:
    """Return a line for each change, the first first; days are those of the publication's time zone."""
    return [_note(language, about, change, change.at.astimezone(zone).date()) for change in changes]


def _note(language: Language, about: About, change: ArchiveChange, day: date) -> ArchiveNote:
    written = language.full_date(day)
    if change.kind is ChangeKind.AMENDED:
        sentence = language.gettext("Amended on %(day)s.", day=written)
    else:
        of = language.full_date(date.fromisoformat(about.date))
        sentence = language.gettext("The issue of %(day)s was withdrawn on %(on)s.", day=of, on=written)
    return ArchiveNote(sentence=sentence, note=change.note, at=day.isoformat())


@dataclass(frozen=True, kw_only=True)
class RecordedChanges:
    """The changes of one issue, as the file has them."""

    about: About
    """Slug, date and language of the issue, and nothing else of it."""
    changes: tuple[ArchiveChange, ...]

    @property
    def is_withdrawn(self) -> bool:
        """Tell whether the last change took the page away."""
        return self.changes[-1].is_withdrawal


def recorded_changes(publication: PublicationSettings) -> dict[str, RecordedChanges]:
    """Return the changes of every issue by slug. Raises NewsletterError for a file that cannot be read."""
    return {slug: _recorded(slug, rows) for slug, rows in _read(publication).items() if rows}


def record_change(publication: PublicationSettings, about: About, change: ArchiveChange) -> None:
    """Add a change to the file, which is replaced as a whole. Raises NewsletterError, and then nothing is changed."""
    rows = _read(publication)
    row = {"kind": str(change.kind), "at": stamp(change.at), "note": change.note}
    rows.setdefault(about.slug, []).append({**row, "date": about.date, "language": about.language})
    path = publication.root / FILE
    temporary = path.with_name(f".{FILE}.new")
    try:
        temporary.write_text(json.dumps(rows, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise NewsletterError(
            f"cannot be written: {error.strerror}", place=FILE, hint="Nothing was changed."
        ) from error


def _recorded(slug: str, rows: Sequence[Mapping[str, str]]) -> RecordedChanges:
    try:
        about = About(
            slug=slug, title="", description="", date=rows[-1]["date"], language=str(rows[-1].get("language", "en"))
        )
        date.fromisoformat(about.date)
        return RecordedChanges(about=about, changes=tuple(_change(row) for row in rows))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _unreadable(f'the changes of "{slug}" cannot be read') from error


def _change(row: Mapping[str, str]) -> ArchiveChange:
    at = datetime.fromisoformat(row["at"])
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return ArchiveChange(kind=ChangeKind(row["kind"]), at=at, note=str(row.get("note", "")))


def _read(publication: PublicationSettings) -> dict[str, list[dict[str, str]]]:
    try:
        rows: Any = json.loads((publication.root / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(f"cannot be read: {error}") from error
    if not isinstance(rows, dict) or not all(isinstance(changes, list) for changes in rows.values()):
        raise _unreadable("is not a table of lists")
    return rows


def _unreadable(message: str) -> NewsletterError:
    hint = "`newsletter archive` writes this file: put back the version that it wrote last."
    return NewsletterError(message, place=FILE, hint=hint)
