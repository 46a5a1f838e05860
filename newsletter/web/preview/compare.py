"""Compare an issue with another version of it, or with another issue: as emails side by side, and as texts."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.preview.dark_mode import by_day
from newsletter.preview.diff import LineChange, differences, folded, line_difference
from newsletter.preview.local_images import local_pictures, shown_locally
from newsletter.preview.versions import FilledVersion, Version, filled, find_version, known_versions
from newsletter.web.preview.issue import email_document
from newsletter.web.preview.pages import page, render, workspace_of
from newsletter.web.preview.readers import database_connection, reader_of

FILE = "file"
LAST = "head"


def show_comparison(request: Request) -> Response:
    """Show the page. It says why two versions cannot be compared, and offers others."""
    workspace = workspace_of(request)
    slug = request.path_params["slug"]
    path = workspace.path_of(slug)
    key = request.query_params.get("with") or LAST
    with database_connection(request, workspace.publication) as connection:
        offered = list(known_versions(workspace.publication, connection, path))
    values: dict[str, object] = {"rows": [], "changes": 0, "refusal": None, "version": None, "heads": []}
    try:
        values |= _comparison(request, path, key)
    except NewsletterError as error:
        values["refusal"] = error
    return page(request, "compare.html", {"slug": slug, "path": path, "key": key, "offered": offered, **values})


def _comparison(request: Request, path: Path, key: str) -> dict[str, object]:
    """Return subject, preheader and text of both versions, and where they differ."""
    version, earlier = _version(request, path, key)
    now, current = _version(request, path, FILE)
    rows = differences(earlier.text, current.text)
    heads = [
        (name, line_difference(getattr(earlier, name), getattr(current, name))) for name in ("subject", "preheader")
    ]
    changed = [*rows, *(row for _, row in heads)]
    return {
        "version": version,
        "now": now,
        "heads": heads,
        "rows": folded(rows),
        "changes": sum(row.kind is not LineChange.SAME for row in changed),
        "looks_alike": earlier.html == current.html,
    }


def _version(request: Request, path: Path, key: str) -> tuple[Version, FilledVersion]:
    """Return a version by its key, and its message filled for the reader that the page shows."""
    workspace = workspace_of(request)
    recipient = reader_of(request).recipient(workspace.publication, request.path_params["slug"])
    with database_connection(request, workspace.publication) as connection:
        version = find_version(workspace.theme, connection, path, key)
    return version, filled(version.message, recipient)


def show_version(request: Request) -> Response:
    """Show one of the versions as an email, for a frame."""
    workspace = workspace_of(request)
    path = workspace.path_of(request.path_params["slug"])
    try:
        html = _version(request, path, request.query_params.get("version", FILE))[1].html
    except NewsletterError as error:
        # The other side can still be read.
        html = render(request, "said.html", {"error": error})
    shown = shown_locally(html, workspace.publication, local_pictures(workspace.publication, html))
    return email_document(request, by_day(shown))


ROUTES = [Route("/issues/{slug}/compare", show_comparison), Route("/issues/{slug}/compare/frame", show_version)]
