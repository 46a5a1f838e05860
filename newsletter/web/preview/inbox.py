"""Show the start page: what is on today, the issues as an inbox, and a form that creates one as `newsletter new` does.

The newest issues are in the page; the others are fetched when the author scrolls to them or searches.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.checks.context.rule import ERROR, WARNING
from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.issues.issue import slug_of
from newsletter.issues.scaffold import new_issue
from newsletter.preview.inbox import entries, shown
from newsletter.web.error_log import masked
from newsletter.web.preview.pages import page, workspace_of
from newsletter.web.preview.requests import with_token
from newsletter.web.preview.results.home import home
from newsletter.web.preview.results.opened import counted_database

if TYPE_CHECKING:
    from newsletter.preview.inbox import IssueStatus

logger = logging.getLogger(__name__)

AT_ONCE, MAX_ROWS = 40, 2_000
"""Issues in one answer, and the most that a page which shows more of them may ask for."""


def show_inbox(request: Request) -> Response:
    """Show the start page."""
    values = {"trouble": workspace_of(request).settings_error, **_rows(request)}
    return page(request, "inbox.html", {**values, **home(request, workspace_of(request).publication)})


def show_rows(request: Request) -> Response:
    """Show the rows alone, beginning with number `?from=`, of the issues that match `?q=`."""
    return page(request, "rows.html", _rows(request))


def _rows(request: Request) -> dict[str, object]:
    publication = workspace_of(request).publication
    words, first = request.query_params.get("q", "")[:200], _number(request.query_params.get("from", "0"))
    end = first + min(MAX_ROWS, max(AT_ONCE, _number(request.query_params.get("many", "0"))))
    matches = entries(publication, words)
    return {
        "publication": publication,
        "words": words,
        "total": len(matches),
        "next": end if end < len(matches) else None,
        "entries": shown(publication, matches[first:end]),
        "standings": _statuses(request, publication),
    }


def _number(text: str) -> int:
    # `int` is slow for a long text, and no inbox has so many issues.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _statuses(request: Request, publication: PublicationSettings) -> Mapping[str, IssueStatus]:
    database = counted_database(request, publication)
    if database is None:
        return {}
    from newsletter.preview.inbox import issue_statuses

    try:
        with database.read() as connection:
            return issue_statuses(connection, publication.config.publication.timezone)
    except NewsletterError as error:  # the issues can be shown without it
        logger.error("the issues' status cannot be read", exc_info=masked(error))
        return {}


def count_problems(request: Request) -> Response:
    """Return how many errors and warnings an issue has."""
    problems = workspace_of(request).problems(request.path_params["slug"])
    errors = sum(problem.severity is ERROR for problem in problems)
    warnings = sum(problem.severity is WARNING for problem in problems)
    return JSONResponse({"errors": errors, "warnings": warnings})


@with_token
def create_issue(request: Request) -> Response:
    """Write a new issue file and return its slug."""
    query = request.query_params
    path = new_issue(query.get("title", ""), workspace_of(request).publication, day=query.get("day") or None)
    return JSONResponse({"slug": slug_of(path)})


ROUTES = [
    Route("/", show_inbox),
    Route("/rows", show_rows),
    Route("/issues/{slug}/tally", count_problems),
    Route("/new", create_issue, methods=["POST"]),
]
