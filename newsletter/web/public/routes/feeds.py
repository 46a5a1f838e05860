"""Serve programs that read the archive: the Atom feed, the sitemap, and robots.txt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns.archive import ArchiveEntry
from newsletter.rendering.archive_notes import archive_notes
from newsletter.rendering.feed import Item, atom, sitemap
from newsletter.web.public import signup_form
from newsletter.web.public.archive_cache import Snapshot
from newsletter.web.public.cached_response import CachedResponse, cached_response, http_date, respond
from newsletter.web.public.site import Site, site_of


async def show_feed(request: Request) -> Response:
    """Show the newest issues in full, as an Atom feed."""
    return await _from_archive(request, "feed", _feed)


async def show_sitemap(request: Request) -> Response:
    """List every page of the archive for search engines."""
    return await _from_archive(request, "sitemap", _sitemap)


async def show_robots_txt(request: Request) -> Response:
    """Say which pages robots may read."""
    return await _from_archive(request, "robots", _robots_txt)


async def _from_archive(request: Request, key: str, make: Callable[[Site, Snapshot], CachedResponse]) -> Response:
    site = site_of(request)
    snapshot = await site.archive_cache.snapshot()
    cached = await site.archive_cache.response(snapshot, key, partial(make, site, snapshot))
    return respond(request, cached, site.form_tokens, signup_form.FORM)


def _feed(site: Site, snapshot: Snapshot) -> CachedResponse:
    items = [_item(site, entry) for entry in snapshot.in_feed]
    newest = max((item.updated_at for item in items), default=None)
    headers = {"Last-Modified": http_date(newest.timestamp())} if newest else {}
    return cached_response(atom(site.publication, items), "application/atom+xml; charset=utf-8", headers)


def _item(site: Site, entry: ArchiveEntry) -> Item:
    language = site.pages.translations.language(entry.about.language)
    return Item(
        about=entry.about,
        published_at=entry.published_at,
        page=None if entry.is_withdrawn else partial(site.archive_cache.page, entry),
        changed_at=entry.updated_at,
        notes=tuple(archive_notes(language, entry.about, entry.changes, site.pages.zone)),
    )


def _sitemap(site: Site, snapshot: Snapshot) -> CachedResponse:
    return cached_response(sitemap(site.publication, snapshot.abouts), "application/xml; charset=utf-8")


def _robots_txt(site: Site, snapshot: Snapshot) -> CachedResponse:
    language = site.pages.translations.language(site.publication.config.publication.language)
    return cached_response(site.pages.render("robots.txt", language, {}), "text/plain; charset=utf-8")


ROUTES = [Route("/feed.xml", show_feed), Route("/sitemap.xml", show_sitemap), Route("/robots.txt", show_robots_txt)]
