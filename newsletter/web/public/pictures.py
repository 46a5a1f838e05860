"""The publication's pictures, with leave to keep them for a while."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from newsletter.web.public.ready import http_date, is_known
from newsletter.web.public.site import site_of

WEEK = "public, max-age=604800"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG is a document: on its own it runs nothing and loads nothing."""


async def show(request: Request) -> Response:
    """One picture."""
    found = site_of(request).gallery.find(request.path_params["path"])
    if found is None:
        raise HTTPException(404)
    headers = {
        "Cache-Control": WEEK,
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": f'"{found.etag}"',
        "Last-Modified": http_date(found.modified),
    }
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    if found.body is None:
        return FileResponse(found.file, media_type=found.media_type, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)


ROUTES = [Route("/images/{path:path}", show)]
