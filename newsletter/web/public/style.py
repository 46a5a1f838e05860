"""The one style sheet of the readers' pages, kept by browsers for as long as it stays the same."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.web.public.site import site_of


async def show(request: Request) -> Response:
    """The style sheet; the address that pages use names what is in it."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(site_of(request).pages.style, media_type="text/css", headers=headers)


ROUTES = [Route("/style.css", show)]
