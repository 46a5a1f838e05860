"""Pages of the preview: its own templates, which are not a publication's to replace.

What is said when a page cannot be shown: in words, with the lines it is about, and never a traceback.

Files the preview's pages load: its own styles and scripts, and the publication's pictures. Nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from newsletter import __version__
from newsletter.errors import NewsletterError, problem_of
from newsletter.issues.templates import package_templates
from newsletter.preview.code_frames import code_frames
from newsletter.preview.local_images import picture_file
from newsletter.preview.workspace import IssueNotFound, Workspace


@cache
def environment() -> Environment:
    """The templates of `templates/preview/`; all that they print is escaped."""
    found = Environment(
        loader=FileSystemLoader(package_templates() / "preview"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["sentence"] = _sentence
    return found


def _sentence(text: str) -> str:
    """With a capital, unless it begins with the name of a file."""
    return text if re.match(r"\S*[./]\S", text) else text[:1].upper() + text[1:]


def workspace_of(request: Request) -> Workspace:
    """What this preview is of."""
    found = request.app.state.workspace
    assert isinstance(found, Workspace)
    return found


def page(request: Request, template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """A page, or a part of one, with these values."""
    return HTMLResponse(text(request, template, values), status_code=status)


def text(request: Request, template: str, values: Mapping[str, object]) -> str:
    """The same as a text; every template knows the token, and which version this is."""
    state = request.app.state
    known = {"token": state.token, "start": state.start, "version": __version__}
    return environment().get_template(template).render({**known, **values})


async def refused(request: Request, error: Exception) -> Response:
    """For every error raised on purpose: newsletter.toml is wrong, an issue is gone."""
    assert isinstance(error, NewsletterError)
    found = code_frames(workspace_of(request).config.parent, [problem_of(error)])
    status = 404 if isinstance(error, IssueNotFound) else 503
    return page(request, "refused.html", {"error": error, "problems": found}, status=status)


async def not_here(request: Request, error: Exception) -> Response:
    """For addresses that lead nowhere."""
    assert isinstance(error, HTTPException)
    said = NewsletterError(error.detail)
    return page(request, "refused.html", {"error": said, "problems": []}, status=error.status_code)


PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG opened by itself is a document; its scripts do not run."""


def picture(request: Request) -> Response:
    """A picture of the publication; what is no picture, or outside, is not there."""
    file = picture_file(workspace_of(request).publication.root, request.path_params["name"])
    if file is None:
        raise HTTPException(404, "No such picture in the publication.")
    seen = "private, max-age=31536000, immutable" if request.url.query else "no-store"
    return FileResponse(file, headers={"Content-Security-Policy": PICTURE_POLICY, "Cache-Control": seen})


ROUTES: list[BaseRoute] = [
    Route("/images/{name:path}", picture),
    Mount("/static", StaticFiles(directory=package_templates() / "preview" / "static")),
]
