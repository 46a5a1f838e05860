"""Comparing an issue with another version of it, or with another issue: side by side as emails, and as a text."""

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
from newsletter.web.preview.issue import document
from newsletter.web.preview.pages import page, text, workspace_of
from newsletter.web.preview.readers import reader_of, reading

FILE = "file"
LAST = "head"


def show(request: Request) -> Response:
    """The page. What cannot be compared is said on it, and something else can be chosen there."""
    workspace = workspace_of(request)
    slug = request.path_params["slug"]
    path = workspace.path_of(slug)
    key = request.query_params.get("with") or LAST
    with reading(request, workspace.publication) as connection:
        offered = list(known_versions(workspace.publication, connection, path))
    values: dict[str, object] = {"rows": [], "changes": 0, "refusal": None, "version": None, "heads": []}
    try:
        values |= _compared(request, path, key)
    except NewsletterError as error:
        values["refusal"] = error
    return page(request, "compare.html", {"slug": slug, "path": path, "key": key, "offered": offered, **values})


def _compared(request: Request, path: Path, key: str) -> dict[str, object]:
    """Subject, preheader and text of both, and what differs."""
    version, other = _version(request, path, key)
    now, mine = _version(request, path, FILE)
    rows = differences(other.text, mine.text)
    heads = [(name, line_difference(getattr(other, name), getattr(mine, name))) for name in ("subject", "preheader")]
    changed = [*rows, *(row for _, row in heads)]
    return {
        "version": version,
        "now": now,
        "heads": heads,
        "rows": folded(rows),
        "changes": sum(row.kind is not LineChange.SAME for row in changed),
        "looks_alike": other.html == mine.html,
    }


def _version(request: Request, path: Path, key: str) -> tuple[Version, FilledVersion]:
    workspace = workspace_of(request)
    recipient = reader_of(request).recipient(workspace.publication, request.path_params["slug"])
    with reading(request, workspace.publication) as connection:
        version = find_version(workspace.theme, connection, path, key)
    return version, filled(version.message, recipient)


def frame(request: Request) -> Response:
    """One side, as an email."""
    workspace = workspace_of(request)
    path = workspace.path_of(request.path_params["slug"])
    try:
        html = _version(request, path, request.query_params.get("version", FILE))[1].html
    except NewsletterError as error:
        html = text(request, "said.html", {"error": error})
    shown = shown_locally(html, workspace.publication, local_pictures(workspace.publication, html))
    return document(request, by_day(shown))


ROUTES = [Route("/issues/{slug}/compare", show), Route("/issues/{slug}/compare/frame", frame)]
