"""Fill the preview's templates, and answer errors with a page.

The templates belong to the program: a publication cannot replace them. An error page says what is wrong in words,
with the lines it is about, and never shows a traceback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from newsletter import __version__
from newsletter.errors import NewsletterError, as_problems
from newsletter.issues.templates import package_templates
from newsletter.preview.code_frames import code_frames
from newsletter.preview.inbox import subject_as_read
from newsletter.preview.workspace import IssueNotFound, Workspace


@cache
def environment() -> Environment:
    """Return the templates of `templates/preview/`; every value in them is escaped."""
    templates = Environment(
        loader=FileSystemLoader(package_templates() / "preview"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["sentence"] = _sentence
    templates.filters["number"] = "{:,}".format
    templates.filters["as_read"] = _as_read
    return templates


@pass_context
def _as_read(context: Context, subject: str) -> str:
    """Fill a campaign's subject; the page's values have the publication."""
    return subject_as_read(context["publication"], subject)


def _sentence(text: str) -> str:
    """Begin a text with a capital, unless it begins with the name of a file."""
    return text if re.match(r"\S*[./]\S", text) else text[:1].upper() + text[1:]


def workspace_of(request: Request) -> Workspace:
    """Return the publication's workspace, which builds what the preview shows."""
    workspace = request.app.state.workspace
    assert isinstance(workspace, Workspace)
    return workspace


def page(request: Request, template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """Return a page, or a part of one, from a template and its values."""
    return HTMLResponse(render(request, template, values), status_code=status)


def render(request: Request, template: str, values: Mapping[str, object]) -> str:
    """Return a filled template as a text. Every template may use the token, the start's id and the version."""
    state = request.app.state
    shared = {"token": state.token, "start": state.start, "version": __version__}
    return environment().get_template(template).render({**shared, **values})


async def refusal_page(request: Request, error: Exception) -> Response:
    """Answer an error raised on purpose: newsletter.toml is wrong (503), an issue is gone (404)."""
    assert isinstance(error, NewsletterError)
    problems = code_frames(workspace_of(request).config.parent, as_problems(error))
    status = 404 if isinstance(error, IssueNotFound) else 503
    return page(request, "refused.html", {"error": error, "problems": problems}, status=status)


async def http_error_page(request: Request, error: Exception) -> Response:
    """Answer an HTTPException, such as the 404 of an address that leads nowhere."""
    assert isinstance(error, HTTPException)
    shown = NewsletterError(error.detail)
    return page(request, "refused.html", {"error": shown, "problems": []}, status=error.status_code)
