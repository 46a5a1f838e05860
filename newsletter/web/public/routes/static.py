"""Serve the files that readers' pages load: the publication's images, and the style sheet."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from newsletter.web.public.cached_response import http_date, is_known
from newsletter.web.public.site import site_of
from newsletter.web.security import IMAGE_POLICY

WEEK = "public, max-age=604800"


async def show_image(request: Request) -> Response:
    """Return an image, which browsers may keep for a week."""
    image = await site_of(request).image_cache.find(request.path_params["path"])
    if image is None:
        raise HTTPException(404)
    headers = {
        "Cache-Control": WEEK,
        "Content-Security-Policy": IMAGE_POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": f'"{image.etag}"',
        "Last-Modified": http_date(image.modified),
    }
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    if image.body is None:
        return FileResponse(image.file, media_type=image.media_type, headers=headers)
    return Response(image.body, media_type=image.media_type, headers=headers)


async def show_style(request: Request) -> Response:
    """Return the style sheet, for browsers to keep: the address in pages changes with its content."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(site_of(request).pages.style, media_type="text/css", headers=headers)


ROUTES = [Route("/images/{path:path}", show_image), Route("/style.css", show_style)]
