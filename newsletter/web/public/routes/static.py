"""The publication's pictures, with leave to keep them for a while.

The one style sheet of the readers' pages, kept by browsers for as long as it stays the same.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from newsletter.web.public.cached_response import http_date, is_known
from newsletter.web.public.site import site_of

WEEK = "public, max-age=604800"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG is a document: on its own it runs nothing and loads nothing."""


async def image(request: Request) -> Response:
    """One picture."""
    found = site_of(request).image_cache.find(request.path_params["path"])
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


async def style(request: Request) -> Response:
    """The style sheet; the address that pages use names what is in it."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(site_of(request).pages.style, media_type="text/css", headers=headers)


ROUTES = [Route("/images/{path:path}", image), Route("/style.css", style)]
