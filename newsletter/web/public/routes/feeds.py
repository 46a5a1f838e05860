"""What robots ask for: the feed, the sitemap, and what they may look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.rendering.feed import Item, atom, sitemap
from newsletter.web.public import signup_form
from newsletter.web.public.archive_cache import Snapshot
from newsletter.web.public.cached_response import Ready, answer, http_date, ready
from newsletter.web.public.site import Site, site_of


async def show_feed(request: Request) -> Response:
    """The newest issues, whole (Atom)."""
    return await _shown(request, "feed", _feed)


async def show_sitemap(request: Request) -> Response:
    """Every page there is, for search engines."""
    return await _shown(request, "sitemap", _sitemap)


async def show_rules(request: Request) -> Response:
    """Who may look at what."""
    return await _shown(request, "rules", _rules)


async def _shown(request: Request, key: str, make: Callable[[Site, Snapshot], Ready]) -> Response:
    site = site_of(request)
    catalogue = await site.archive_cache.catalogue()
    made = await site.archive_cache.ready(catalogue, key, partial(make, site, catalogue))
    return answer(request, made, site.tokens, signup_form.FORM)


def _feed(site: Site, catalogue: Snapshot) -> Ready:
    items = [
        Item(about=entry.about, published_at=entry.published_at, page=partial(site.archive_cache.page, entry))
        for entry in catalogue.entries
    ]
    newest = max((item.published_at for item in items), default=None)
    headers = {"Last-Modified": http_date(newest.timestamp())} if newest else {}
    return ready(atom(site.publication, items), "application/atom+xml; charset=utf-8", headers)


def _sitemap(site: Site, catalogue: Snapshot) -> Ready:
    return ready(sitemap(site.publication, catalogue.abouts), "application/xml; charset=utf-8")


def _rules(site: Site, catalogue: Snapshot) -> Ready:
    language = site.pages.translations.language(site.publication.config.publication.language)
    return ready(site.pages.render("robots.txt", language, {}), "text/plain; charset=utf-8")


ROUTES = [Route("/feed.xml", show_feed), Route("/sitemap.xml", show_sitemap), Route("/robots.txt", show_rules)]
