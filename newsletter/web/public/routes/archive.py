"""Show the archive: its list, page by page, and every issue that was sent."""

from __future__ import annotations

from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from newsletter.campaigns.archive import ArchiveEntry
from newsletter.rendering.translations import Language
from newsletter.web.public import signup_form
from newsletter.web.public.archive_cache import Snapshot
from newsletter.web.public.archive_pages import (
    archive_page,
    issue_page,
    issue_path,
    page_count,
    page_path,
    withdrawn_page,
)
from newsletter.web.public.cached_response import TOKEN_PLACEHOLDER, CachedResponse, cached_response, respond
from newsletter.web.public.security import content_policy
from newsletter.web.public.signup_form import FilledForm
from newsletter.web.public.site import Site, language_of, site_of

HTML = "text/html; charset=utf-8"
ISSUE_POLICY = content_policy(style="'self' 'unsafe-inline'", images="'self' https: data:")
"""Emails carry their styles on their elements, and pictures from wherever their author took them."""


async def show_archive(request: Request) -> Response:
    """Show a page of the archive's list."""
    site, language = site_of(request), language_of(request)
    snapshot = await site.archive_cache.snapshot()
    number = request.path_params.get("number", 1)
    if not 1 <= number <= page_count(snapshot.entries):
        raise HTTPException(404)
    if number == 1 and "number" in request.path_params:
        return RedirectResponse(site.pages.path(page_path(1)), 308)
    make = partial(_archive_response, site, snapshot, language, number)
    cached = await site.archive_cache.response(snapshot, ("list", language.code, number), make)
    return respond(request, cached, site.form_tokens, signup_form.FORM)


async def show_issue(request: Request) -> Response:
    """Show an issue's page; 410 with the reason when it was withdrawn."""
    site = site_of(request)
    snapshot = await site.archive_cache.snapshot()
    slug = request.path_params["slug"]
    index, withdrawn = snapshot.index_by_slug.get(slug), snapshot.withdrawn_by_slug.get(slug)
    if withdrawn:
        make = partial(_withdrawn_response, site, withdrawn)
    elif index is None:
        raise HTTPException(404)
    else:
        make = partial(_issue_response, site, snapshot, index)
    cached = await site.archive_cache.response(snapshot, ("issue", slug), make)
    return respond(request, cached, site.form_tokens, signup_form.FORM)


async def redirect_to_archive(request: Request) -> Response:
    """Redirect to the list's path, which ends in a slash."""
    return RedirectResponse(site_of(request).pages.path(page_path(1)), 308)


async def redirect_to_issue(request: Request) -> Response:
    """Redirect to the issue's path, which ends without a slash."""
    site, slug = site_of(request), request.path_params["slug"]
    snapshot = await site.archive_cache.snapshot()
    if entry := snapshot.withdrawn_by_slug.get(slug):
        return RedirectResponse(site.pages.path(issue_path(entry.about)), 308)
    if slug not in snapshot.index_by_slug:
        raise HTTPException(404)
    return RedirectResponse(site.pages.path(issue_path(snapshot.abouts[snapshot.index_by_slug[slug]])), 308)


def _archive_response(site: Site, snapshot: Snapshot, language: Language, number: int) -> CachedResponse:
    page_address = f"{site.pages.url}{page_path(number)}"
    form = FilledForm(lists=(site.publication.default_list,), token=TOKEN_PLACEHOLDER, page=page_address)
    page = archive_page(site.pages, language, snapshot.abouts, number, site.pages.path, form.values())
    policy = content_policy(images="'self' https: data:")
    headers = {"Content-Language": language.code, "Vary": "Accept-Language", "Content-Security-Policy": policy}
    return cached_response(page, HTML, headers)


def _issue_response(site: Site, snapshot: Snapshot, index: int) -> CachedResponse:
    entry: ArchiveEntry = snapshot.entries[index]
    frozen, near = site.archive_cache.page(entry), snapshot.neighbours(index)
    page = issue_page(site.pages, frozen, entry.about, near, site.pages.path, TOKEN_PLACEHOLDER, entry.changes)
    headers = {"Content-Language": entry.about.language, "Content-Security-Policy": ISSUE_POLICY}
    return cached_response(page, HTML, headers)


def _withdrawn_response(site: Site, entry: ArchiveEntry) -> CachedResponse:
    page = withdrawn_page(site.pages, entry.about, entry.changes, site.pages.path)
    headers = {"Content-Language": entry.about.language, "Content-Security-Policy": content_policy()}
    return cached_response(page, HTML, headers, status=410)


ROUTES = [
    Route("/issues", redirect_to_archive),
    Route("/issues/", show_archive),
    Route("/issues/page/{number:number}", show_archive),
    Route("/issues/{slug}", show_issue),
    Route("/issues/{slug}/", redirect_to_issue),
]
