"""CORS: which pages elsewhere may send signups as JSON, and read the answer: those of `[signup] sites`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from newsletter.web.public.site import site_of


def is_allowed(request: Request) -> bool:
    """Whether the page that asks is one of a site that is allowed."""
    return request.headers.get("origin", "").lower() in _sites(request)


def allow(request: Request, answer: Response) -> Response:
    """The answer, readable for pages of those sites, and without cookies, of which there are none."""
    if is_allowed(request):
        answer.headers["Access-Control-Allow-Origin"] = request.headers["origin"]
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
        answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.headers.add_vary_header("Origin")
    return answer


def _sites(request: Request) -> tuple[str, ...]:
    return tuple(site.lower() for site in site_of(request).publication.config.signup.sites)
