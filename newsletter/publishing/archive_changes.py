"""Amend or withdraw the page of a sent issue in the archive; the approved version stays in the database.

A change is a row of `archive_change` and an entry of archive.json, from which the static archive learns of it. Mail
that was sent is not changed: a correction of it is `publishing.corrections`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from newsletter.campaigns import archive
from newsletter.campaigns.archive import ArchiveEntry
from newsletter.checks.gate import gate
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError, suggestion
from newsletter.issues.issue import find_issue, slug_of
from newsletter.messages.types import ArchiveChange, ChangeKind, WebPage
from newsletter.rendering.archive_notes import record_change
from newsletter.rendering.build import build_issue


@dataclass(frozen=True, kw_only=True)
class Changed:
    """An issue of the archive, and whether its page was changed."""

    slug: str
    is_new: bool
    """False when page and note were the same already."""


def amend(
    publication: PublicationSettings, database: Database, issue: str, *, note: str, allow: str | None, now: datetime
) -> Changed:
    """Put the issue file, as it is now, in the place of the page that the archive shows.

    On a page that was amended, another note is a change of its own: the first may have been forgotten.
    Raises IssueError for a file that cannot be built, `gate`'s Stopped for errors that `allow` does not name, and
    NewsletterError for an issue that the archive does not have.
    """
    built = build_issue(publication, find_issue(publication, issue))
    with database.read() as connection:
        entry = _entry(connection, built.issue.slug)
        shown = archive.page(connection, entry)
    _require_same_day(built.page, entry, built.issue.path.name)
    is_told = not entry.changes or _one_line(note) in ("", entry.changes[-1].note)
    if built.page.html == shown and not entry.is_withdrawn and is_told:
        return Changed(slug=entry.slug, is_new=False)
    gate(publication, built, allow)
    change = ArchiveChange(kind=ChangeKind.AMENDED, at=now, note=_one_line(note))
    _write(publication, database, entry, change, built.page)
    return Changed(slug=entry.slug, is_new=True)


def withdraw(
    publication: PublicationSettings, database: Database, issue: str, *, reason: str, now: datetime
) -> Changed:
    """Take the page of an issue off the archive; its address says so from now on. The file is not needed.

    Raises NewsletterError for an issue that the archive does not have.
    """
    with database.read() as connection:
        entry = _entry(connection, _slug(connection, publication, issue))
    if entry.is_withdrawn and _one_line(reason) in ("", entry.changes[-1].note):
        return Changed(slug=entry.slug, is_new=False)
    change = ArchiveChange(kind=ChangeKind.WITHDRAWN, at=now, note=_one_line(reason))
    _write(publication, database, entry, change, None)
    return Changed(slug=entry.slug, is_new=True)


def _write(
    publication: PublicationSettings,
    database: Database,
    entry: ArchiveEntry,
    change: ArchiveChange,
    page: WebPage | None,
) -> None:
    """Write both, or neither: the file is replaced last, while the transaction can still be rolled back."""
    with database.begin() as connection:
        archive.add_change(connection, entry.slug, change, page)
        record_change(publication, replace(entry.about, slug=entry.slug), change)


def _slug(connection: Connection, publication: PublicationSettings, issue: str) -> str:
    """Return the slug that a user means: of the archive, else of an issue file."""
    path = Path(issue)
    slug = slug_of(path) if path.suffix == ".md" else issue
    if any(entry.slug == slug for entry in archive.entries(connection)):
        return slug
    return slug_of(find_issue(publication, issue))


def _entry(connection: Connection, slug: str) -> ArchiveEntry:
    entries = archive.entries(connection)
    entry = next((entry for entry in entries if entry.slug == slug), None)
    if entry is None:
        known = suggestion(slug, [entry.slug for entry in entries], "Issues of the archive") if entries else ""
        hint = (
            known or "An issue is in it from the moment that it is sent, unless its front matter says `archive: false`."
        )
        raise NewsletterError(f'"{slug}" is not in the archive', hint=hint)
    return entry


def _require_same_day(page: WebPage, entry: ArchiveEntry, name: str) -> None:
    if not page.about.archived:
        hint = f"To take its page off the web: newsletter archive withdraw {entry.slug}"
        raise NewsletterError("`archive: false` keeps an issue off the web before it is sent", place=name, hint=hint)
    if page.about.date != entry.about.date:
        hint = f"Write `date: {entry.about.date}`; feed readers know the issue by its day."
        raise NewsletterError(f"the issue was sent as that of {entry.about.date}", place=name, hint=hint)


def _one_line(text: str) -> str:
    return " ".join(text.split())
