"""Join: the front page, and the form that asks for a newsletter."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.web.public.site import language_of, page, site_of

FORM = "subscribe"
"""What tokens of this form are made out to."""


async def home(request: Request) -> Response:
    """What the newsletter is, and the form."""
    site = site_of(request)
    latest = await site.shelf.latest(site.pages, language_of(request))
    return page(request, "home.html", {"latest": latest, **_empty_form(request)})


async def show(request: Request) -> Response:
    """The form alone; `?list=` chooses."""
    return page(request, "subscribe.html", _empty_form(request))


def _empty_form(request: Request) -> dict[str, object]:
    site = site_of(request)
    asked = [name for name in request.query_params.getlist("list") if name in site.publication.config.lists]
    chosen = tuple(asked) or (site.publication.default_list,)
    return {"token": site.tokens.token(FORM), "email": "", "name": "", "chosen": chosen, "problems": {}}


ROUTES = [Route("/", home), Route("/subscribe", show)]
