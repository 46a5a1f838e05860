"""The start page: the issues as an inbox. The newest are in the page, the others come when somebody looks for them.

Beginning an issue in the browser, as `newsletter new` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.checks.context.rule import ERROR, WARNING
from newsletter.config import Publication
from newsletter.errors import NewsletterError
from newsletter.issues.issue import slug_of
from newsletter.issues.scaffold import new_issue
from newsletter.preview.inbox import entries, shown
from newsletter.web.preview.database import database_of
from newsletter.web.preview.pages import page, workspace_of
from newsletter.web.preview.requests import act

if TYPE_CHECKING:
    from newsletter.preview.inbox import IssueStatus

AT_ONCE, MOST = 40, 2_000
"""Issues in one answer: by themselves, and where a page that shows more of them asks for all it shows."""


def start(request: Request) -> Response:
    """The page."""
    return page(request, "inbox.html", {"trouble": workspace_of(request).settings_error, **_rows(request)})


def rows(request: Request) -> Response:
    """The rows alone, from one on: for what is scrolled to, and what is searched for."""
    return page(request, "rows.html", _rows(request))


def _rows(request: Request) -> dict[str, object]:
    publication = workspace_of(request).publication
    words, first = request.query_params.get("q", "")[:200], _number(request.query_params.get("from", "0"))
    end = first + min(MOST, max(AT_ONCE, _number(request.query_params.get("many", "0"))))
    found = entries(publication, words)
    return {
        "publication": publication,
        "words": words,
        "total": len(found),
        "next": end if end < len(found) else None,
        "entries": shown(publication, found[first:end]),
        "standings": _standings(request, publication),
    }


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _standings(request: Request, publication: Publication) -> Mapping[str, IssueStatus]:
    database = database_of(request, publication)
    if database is None:
        return {}
    from newsletter.preview.inbox import issue_statuses

    try:
        with database.read() as connection:
            return issue_statuses(connection, publication.config.publication.timezone)
    except NewsletterError:  # the issues are there, whatever became of the database
        return {}


def tally(request: Request) -> Response:
    """How much is wrong with one issue."""
    problems = workspace_of(request).problems(request.path_params["slug"])
    errors = sum(problem.severity is ERROR for problem in problems)
    warnings = sum(problem.severity is WARNING for problem in problems)
    return JSONResponse({"errors": errors, "warnings": warnings})


@act
def begin(request: Request) -> Response:
    """Write the file; says under which slug it is found."""
    asked = request.query_params
    path = new_issue(asked.get("title", ""), workspace_of(request).publication, day=asked.get("day") or None)
    return JSONResponse({"slug": slug_of(path)})


ROUTES = [
    Route("/", start),
    Route("/rows", rows),
    Route("/issues/{slug}/tally", tally),
    Route("/new", begin, methods=["POST"]),
]
