"""Beginning an issue in the browser, as `newsletter new` does."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.issues.issue import slug_of
from newsletter.issues.scaffold import new_issue
from newsletter.web.preview.acts import act
from newsletter.web.preview.pages import workshop_of


@act
def begin(request: Request) -> Response:
    """Write the file; says under which slug it is found."""
    asked = request.query_params
    path = new_issue(asked.get("title", ""), workshop_of(request).publication, day=asked.get("day") or None)
    return JSONResponse({"slug": slug_of(path)})


ROUTES = [Route("/new", begin, methods=["POST"])]
