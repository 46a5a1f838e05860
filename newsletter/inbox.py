"""Inbox: the issues of a publication as a reader's list of mails, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from newsletter.config import Publication
from newsletter.issues.issue import issue_files, slug_of
from newsletter.issues.summaries import read_head
from newsletter.messages.expressions import present
from newsletter.rendering.build import sample_recipient


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An issue as a line of an inbox, for a reader without a name."""

    slug: str
    path: Path
    subject: str
    preheader: str
    date: date | None


def entries(publication: Publication, words: str = "") -> list[Path]:
    """The issue files with these words in their subject, preheader or name; all without words.

    Each file's head is read, once as long as it does not change.
    """
    files = sorted(issue_files(publication), key=lambda path: (_day(path), path.name), reverse=True)
    wanted = words.casefold().split()
    return [path for path in files if not wanted or _has(path, wanted)]


def entry(publication: Publication, path: Path) -> Entry | None:
    """One of them as a reader sees it; None when the file went away."""
    head = read_head(path)
    if head is None:
        return None
    fields = present(sample_recipient(publication, head.slug).fields)
    return Entry(
        slug=head.slug,
        path=path,
        subject=head.for_reader(head.subject, fields),
        preheader=head.for_reader(head.preheader, fields),
        date=head.date,
    )


def shown(publication: Publication, paths: Sequence[Path]) -> list[Entry]:
    """These as a reader sees them."""
    found = (entry(publication, path) for path in paths)
    return [each for each in found if each]


def _day(path: Path) -> date:
    head = read_head(path)
    return (head and head.date) or date.min


def _has(path: Path, words: Sequence[str]) -> bool:
    head = read_head(path)
    said = f"{slug_of(path)} {path.stem} {head.subject} {head.preheader}" if head else path.stem
    return all(word in said.casefold() for word in words)
