"""Parts of a page that are fetched again when something changed; one that is the same is not sent again.

The page holds the part's ETag (RFC 9110, section 8.8.3) and asks with `If-None-Match`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from newsletter.web.preview.pages import page, render


def page_with_part(request: Request, template: str, part: str, values: Mapping[str, object]) -> Response:
    """Return a page that shows a part: its template gets it as `part`, and the part's ETag as `mark`."""
    html = render(request, part, values)
    # The part's own template has escaped every value in it.
    return page(request, template, {**values, "part": Markup(html), "mark": _etag(html)})


def part_response(request: Request, part: str, values: Mapping[str, object]) -> Response:
    """Return the part alone, or 304 without a body when the page has it."""
    html = render(request, part, values)
    headers = {"ETag": _etag(html)}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(html, headers=headers)


def _etag(html: str) -> str:
    return f'"{hashlib.sha256(html.encode()).hexdigest()[:16]}"'
