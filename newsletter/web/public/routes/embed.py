"""Offer the sign-up form for other sites' pages, as HTML to copy or as a frame; neither holds a script."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.web.public import signup_form
from newsletter.web.public.security import content_policy
from newsletter.web.public.site import language_of, page, site_of


async def show_instructions(request: Request) -> Response:
    """Show how to put the form on another page, and how it looks there."""
    site = site_of(request)
    snippet = site.pages.render("_snippet.html", language_of(request), {"url": _url(request)})
    frame = site.pages.render("_frame.html", language_of(request), {"url": _url(request)})
    # Without sites no page may frame the form.
    has_sites = bool(site.publication.config.signup.sites)
    values = {"snippet": snippet.strip(), "frame": frame.strip() if has_sites else ""}
    response = page(request, "embed.html", values)
    # The snippet has a style element of its own.
    response.headers["Content-Security-Policy"] = content_policy(style="'self' 'unsafe-inline'")
    return response


async def show_framed_form(request: Request) -> Response:
    """Show the form alone, for frames on the pages of `[signup] sites`."""
    site = site_of(request)
    response = page(request, "embed_form.html", signup_form.empty_form(request))
    sites = " ".join(site.publication.config.signup.sites) or "'none'"
    extra = site.challenge.policy if site.challenge else ""
    response.headers["Content-Security-Policy"] = content_policy(frames=sites, extra=extra)
    return response


def _url(request: Request) -> str:
    return str(site_of(request).publication.config.publication.url)


ROUTES = [Route("/embed", show_instructions), Route("/embed/form", show_framed_form)]
