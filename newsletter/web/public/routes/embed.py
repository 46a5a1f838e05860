"""Embed: the form for pages elsewhere, as HTML to copy or as a frame; no script in either."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.web.public import signup_form
from newsletter.web.public.security import content_policy
from newsletter.web.public.site import language_of, page, site_of


async def show(request: Request) -> Response:
    """How to put the form on another page, and what it looks like there."""
    site = site_of(request)
    snippet = site.pages.render("_snippet.html", language_of(request), {"url": _url(request)})
    frame = site.pages.render("_frame.html", language_of(request), {"url": _url(request)})
    has_sites = bool(site.publication.config.signup.sites)
    values = {"snippet": snippet.strip(), "frame": frame.strip() if has_sites else ""}
    answer = page(request, "embed.html", values)
    answer.headers["Content-Security-Policy"] = content_policy(style="'self' 'unsafe-inline'")  # the snippet's own
    return answer


async def frame(request: Request) -> Response:
    """The form alone, for the frames of `[signup] sites`."""
    site = site_of(request)
    answer = page(request, "embed_form.html", signup_form.empty(request))
    sites = " ".join(site.publication.config.signup.sites) or "'none'"
    extra = site.challenge.policy if site.challenge else ""
    answer.headers["Content-Security-Policy"] = content_policy(frames=sites, extra=extra)
    return answer


def _url(request: Request) -> str:
    return str(site_of(request).publication.config.publication.url)


ROUTES = [Route("/embed", show), Route("/embed/form", frame)]
