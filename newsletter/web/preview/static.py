"""Serve the files that the preview's pages load: its own styles and scripts, and the publication's images."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from newsletter.issues.templates import package_templates
from newsletter.preview.local_images import picture_file
from newsletter.web.preview.pages import workspace_of
from newsletter.web.security import IMAGE_POLICY


def show_image(request: Request) -> Response:
    """Return an image of the publication; 404 for a file outside it, or one that is no image.

    With a query, which changes with the file, browsers may keep it.
    """
    file = picture_file(workspace_of(request).publication.root, request.path_params["name"])
    if file is None:
        raise HTTPException(404, "No such picture in the publication.")
    caching = "private, max-age=31536000, immutable" if request.url.query else "no-store"
    return FileResponse(file, headers={"Content-Security-Policy": IMAGE_POLICY, "Cache-Control": caching})


ROUTES: list[BaseRoute] = [
    Route("/images/{name:path}", show_image),
    Mount("/static", StaticFiles(directory=package_templates() / "preview" / "static")),
]
