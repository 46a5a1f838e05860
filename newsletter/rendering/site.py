"""Site: which issues the static archive shows, and their pages, from their files.

No database says here what was sent: an issue is shown from its day on. The day is passed in, so that
the same files and the same day give the same pages. What is written of them is `web.public.printed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from newsletter.config import Publication
from newsletter.errors import NewsletterError
from newsletter.issues.issue import Issue, issue_files, shown_path
from newsletter.issues.parse import parse_issue
from newsletter.issues.settings_check import check_settings
from newsletter.issues.summaries import read_summary
from newsletter.messages.types import WebPage
from newsletter.rendering.theme import Theme
from newsletter.rendering.web_page import web_page

_UNUSABLE = (".", "..", "index.html")
"""Slugs that would be another file's name."""
_OWN = ("issues", "images", "templates")
"""Folders of a publication that its author fills."""


def refuse_folder(publication: Publication, out: Path) -> None:
    """Raise NewsletterError for a folder that is the author's own, or no folder: a site there would mix with it."""
    if out.exists() and not out.is_dir():
        raise NewsletterError("this is a file; a site is a folder", place=str(out), hint="Name another: --site public.")
    own = [publication.root, *(publication.root / name for name in _OWN)]
    if any(out.resolve() == folder.resolve() for folder in own):
        hint = "Name one of its own: --site public."
        raise NewsletterError("a site would mix with what you write there", place=str(out), hint=hint)


def issues_until(publication: Publication, until: date) -> list[Path]:
    """Every issue file of that day or an earlier one; what cannot be read is among them: building it says why."""
    summaries = [(path, read_summary(path)) for path in issue_files(publication)]
    return [
        path
        for path, summary in summaries
        if summary is None or (not summary.is_welcome and (summary.date is None or summary.date <= until))
    ]


def web_pages(
    publication: Publication, paths: Iterable[Path], until: date | None, step: Callable[[], None] = lambda: None
) -> list[WebPage]:
    """The pages of these issues, the newest first, without those that are kept off the web.

    With `until` also without those to be sent on a later day. `step` is called after each.
    Raises IssueError for a mistake in an issue, NewsletterError for a template's and for a name no file can have.
    """
    check_settings(publication)
    theme = Theme(publication=publication)
    pages: list[WebPage] = []
    for path in paths:
        issue = parse_issue(path, publication, theme.kinds, theme.templates)
        if issue.archive and issue.kind == "issue" and not _waits(issue, until):
            _check_name(publication, issue)
            pages.append(web_page(issue, theme))
        step()
    return sorted(pages, key=lambda page: (page.about.date, page.about.slug), reverse=True)


def _waits(issue: Issue, until: date | None) -> bool:
    return bool(until and issue.send_at and issue.send_at.wall.date() > until)


def _check_name(publication: Publication, issue: Issue) -> None:
    if issue.slug in _UNUSABLE:
        place = shown_path(publication, issue.path)
        raise NewsletterError(f'no page can be named "{issue.slug}"', place=place, hint="Rename the file.")
