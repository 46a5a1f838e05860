"""Find the issues that a change touches: their files, or the pictures, templates and settings that shape them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.forge.repository import Repository
from newsletter.issues.images import image_names
from newsletter.issues.issue import issue_files
from newsletter.issues.summaries import read_summary

SHAPING = ("publication", "lists", "theme", "sponsors", "signup", "fields", "segments", "check")
"""The sections of newsletter.toml that change what issues look like, or what is wrong with them."""
MOST_RESHAPED = 5
"""Issues shown of those that a template or a setting changes, the newest."""
MAX_SOURCE_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ChangedIssue:
    """An issue that a change touches."""

    path: Path
    kind: str
    """`new`, `changed`, `removed`, or what reshapes it: `picture`, `template`, `settings`."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What differs from a commit."""

    base: str
    """The commit that is compared with."""
    issues: tuple[ChangedIssue, ...]
    left_out: int
    """Issues that a template or a setting changes, too, and that are not shown."""


def find_changes(publication: PublicationSettings, repository: Repository, ref: str) -> Changes:
    """Compare the working tree with the commit at which it left `ref`. Raises NewsletterError."""
    base = repository.merge_base(ref)
    differing = repository.differing(base, publication.root)
    direct = list(_direct(publication, differing))
    taken = {issue.path for issue in direct}
    others = [path for path in reversed(issue_files(publication)) if path not in taken]
    by_picture = [
        ChangedIssue(path=path, kind="picture") for path in _naming(others, _pictures(publication, differing))
    ]
    taken |= {issue.path for issue in by_picture}
    reshaped = _reshaping(publication, repository, base, differing)
    rest = [path for path in others if path not in taken] if reshaped else []
    shown = [ChangedIssue(path=path, kind=reshaped) for path in rest[:MOST_RESHAPED]]
    return Changes(base=base, issues=(*direct, *by_picture, *shown), left_out=max(0, len(rest) - MOST_RESHAPED))


def _direct(publication: PublicationSettings, differing: Mapping[str, str]) -> Iterator[ChangedIssue]:
    kinds = {"A": "new", "M": "changed", "D": "removed"}
    for name, letter in sorted(differing.items(), reverse=True):
        path = Path(name)
        if path.parent == Path("issues") and path.suffix == ".md":
            yield ChangedIssue(path=publication.issues / path.name, kind=kinds.get(letter, "changed"))


def _pictures(publication: PublicationSettings, differing: Mapping[str, str]) -> set[str]:
    """Return the paths of the pictures that differ."""
    suffixes = {Path(name).suffix for name in image_names(publication.root)} | {".png", ".jpg", ".jpeg", ".gif", ".svg"}
    return {name for name in differing if Path(name).suffix.lower() in suffixes}


def _naming(paths: list[Path], pictures: set[str]) -> list[Path]:
    """Return the issues whose text names one of these pictures; nothing is built for that."""
    if not pictures:
        return []
    naming = []
    for path in paths:
        try:
            with path.open(encoding="utf-8", errors="replace") as stream:
                text = stream.read(MAX_SOURCE_BYTES)
        except OSError:
            continue
        if any(picture in text for picture in pictures):
            naming.append(path)
    return naming


def _reshaping(
    publication: PublicationSettings, repository: Repository, base: str, differing: Mapping[str, str]
) -> str:
    """Return what shapes all issues and differs: `template`, `settings`; empty for nothing."""
    if any(name.startswith("templates/") for name in differing):
        return "template"
    name = publication.path.name
    if name in differing:
        try:
            before = tomllib.loads(repository.text_at(base, publication.root, name))
        except (NewsletterError, tomllib.TOMLDecodeError):
            before = {}
        after = tomllib.loads(publication.path.read_text(encoding="utf-8"))
        if _shape(before) != _shape(after):
            return "settings"
    return ""


def _shape(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in SHAPING if name in settings}


def day_of(path: Path) -> str:
    """Return an issue's day, for a person; empty when its file is gone or names none."""
    summary = read_summary(path)
    return str(summary.date) if summary and summary.date else ""
