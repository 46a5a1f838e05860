"""The issues of the static archive, and their web pages, from the issue files.

There is no database of sent issues here: an issue is shown from its day on. The day is passed in, so that
the same files and the same day give the same pages. web/public/static_site.py writes the site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from datetime import date
from pathlib import Path

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.issues.issue import Issue, issue_files, shown_path, slug_of
from newsletter.issues.parse import parse_issue
from newsletter.issues.settings_check import check_settings
from newsletter.issues.summaries import read_summary
from newsletter.messages.types import WebPage
from newsletter.rendering.archive_notes import RecordedChanges, recorded_changes
from newsletter.rendering.theme import Theme
from newsletter.rendering.web_page import web_page

_UNUSABLE = (".", "..", "index.html")
"""Slugs that name another file of the site."""
_OWN = ("issues", "images", "templates")
"""The folders of a publication that its author fills."""


def refuse_folder(publication: PublicationSettings, out: Path) -> None:
    """Raise NewsletterError for a file, or for a folder of the author's own, with which a site would mix."""
    if out.exists() and not out.is_dir():
        raise NewsletterError("this is a file; a site is a folder", place=str(out), hint="Name another: --site public.")
    own = [publication.root, *(publication.root / name for name in _OWN)]
    if any(out.resolve() == folder.resolve() for folder in own):
        hint = "Name one of its own: --site public."
        raise NewsletterError("a site would mix with what you write there", place=str(out), hint=hint)


def issues_until(publication: PublicationSettings, until: date) -> list[Path]:
    """Return the issue files of that day and earlier, with the unreadable ones: building them says why."""
    summaries = [(path, read_summary(path)) for path in issue_files(publication)]
    return [
        path
        for path, summary in summaries
        if summary is None or (not summary.is_welcome and (summary.date is None or summary.date <= until))
    ]


def web_pages(
    publication: PublicationSettings, paths: Iterable[Path], until: date | None, step: Callable[[], None] = lambda: None
) -> list[WebPage]:
    """Return the pages of these issues, the newest first, without those that are kept off the web.

    Issues that were withdrawn come without a page, whether their file is there or not.

    With `until`, issues with a `send_at` on a later day are left out too. `step` is called after each issue.
    Raises IssueError for a mistake in an issue, NewsletterError for one in a template and for an impossible name.
    """
    check_settings(publication)
    theme, changed = Theme(publication=publication), recorded_changes(publication)
    paths = list(paths)
    pages = _withdrawn(changed, None if until else {slug_of(path) for path in paths}, until)
    for path in paths:
        changes = changed.get(slug_of(path))
        if not changes or not changes.is_withdrawn:
            issue = parse_issue(path, publication, theme.kinds, theme.templates)
            if issue.archive and issue.kind == "issue" and not _waits(issue, until):
                _check_name(publication, issue)
                pages.append(replace(web_page(issue, theme), changes=changes.changes if changes else ()))
        step()
    return sorted(pages, key=lambda page: (page.about.date, page.about.slug), reverse=True)


def _withdrawn(changed: Mapping[str, RecordedChanges], slugs: Set[str] | None, until: date | None) -> list[WebPage]:
    """Return the issues that were withdrawn, which need no file; of all, or of these slugs."""
    return [
        WebPage(about=each.about, html="", changes=each.changes)
        for slug, each in changed.items()
        if each.is_withdrawn and (slugs is None or slug in slugs) and (not until or each.about.date <= str(until))
    ]


def _waits(issue: Issue, until: date | None) -> bool:
    return bool(until and issue.send_at and issue.send_at.wall.date() > until)


def _check_name(publication: PublicationSettings, issue: Issue) -> None:
    if issue.slug in _UNUSABLE:
        place = shown_path(publication, issue.path)
        raise NewsletterError(f'no page can be named "{issue.slug}"', place=place, hint="Rename the file.")
