"""What is said when a page cannot be shown: in words, with the lines it is about, and never a traceback."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter.errors import NewsletterError, problem_of
from newsletter.preview.code_frames import coded
from newsletter.preview.workspace import Gone
from newsletter.web.preview.pages import page, workshop_of


async def refused(request: Request, error: Exception) -> Response:
    """For every error raised on purpose: newsletter.toml is wrong, an issue is gone."""
    assert isinstance(error, NewsletterError)
    found = coded(workshop_of(request).config.parent, [problem_of(error)])
    status = 404 if isinstance(error, Gone) else 503
    return page(request, "refused.html", {"error": error, "problems": found}, status=status)


async def not_here(request: Request, error: Exception) -> Response:
    """For addresses that lead nowhere."""
    assert isinstance(error, HTTPException)
    said = NewsletterError(error.detail)
    return page(request, "refused.html", {"error": said, "problems": []}, status=error.status_code)
