"""Files the preview's pages load: its own styles and scripts, and the publication's pictures. Nothing else."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from newsletter.issues.templates import package_templates
from newsletter.preview.local_images import picture_file
from newsletter.web.preview.pages import workshop_of

PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG opened by itself is a document; its scripts do not run."""


def picture(request: Request) -> Response:
    """A picture of the publication; what is no picture, or outside, is not there."""
    file = picture_file(workshop_of(request).publication.root, request.path_params["name"])
    if file is None:
        raise HTTPException(404, "No such picture in the publication.")
    seen = "private, max-age=31536000, immutable" if request.url.query else "no-store"
    return FileResponse(file, headers={"Content-Security-Policy": PICTURE_POLICY, "Cache-Control": seen})


ROUTES: list[BaseRoute] = [
    Route("/images/{name:path}", picture),
    Mount("/static", StaticFiles(directory=package_templates() / "preview" / "static")),
]
