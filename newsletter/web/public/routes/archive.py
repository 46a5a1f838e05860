"""The archive: its list, page by page, and every issue that was sent."""

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
from newsletter.web.public.archive_pages import archive_page, issue_page, issue_path, page_count, page_path
from newsletter.web.public.cached_response import TOKEN, Ready, answer, ready
from newsletter.web.public.security import content_policy
from newsletter.web.public.signup_form import FilledForm
from newsletter.web.public.site import Site, language_of, site_of

HTML = "text/html; charset=utf-8"
POLICY = content_policy(style="'self' 'unsafe-inline'", images="'self' https: data:")
"""Emails carry their styles on their elements, and pictures from wherever their author took them."""


async def show_list(request: Request) -> Response:
    """A page of the list."""
    site, language = site_of(request), language_of(request)
    catalogue = await site.archive_cache.catalogue()
    number = int(request.path_params.get("number", 1))
    if not 1 <= number <= page_count(catalogue.entries):
        raise HTTPException(404)
    if number == 1 and "number" in request.path_params:
        return RedirectResponse(site.pages.path(page_path(1)), 308)
    make = partial(_list, site, catalogue, language, number)
    made = await site.archive_cache.ready(catalogue, ("list", language.code, number), make)
    return answer(request, made, site.tokens, signup_form.FORM)


async def show_issue(request: Request) -> Response:
    """One issue."""
    site = site_of(request)
    catalogue = await site.archive_cache.catalogue()
    slug = request.path_params["slug"]
    index = catalogue.by_slug.get(slug)
    if index is None:
        raise HTTPException(404)
    made = await site.archive_cache.ready(catalogue, ("issue", slug), partial(_issue, site, catalogue, index))
    return answer(request, made, site.tokens, signup_form.FORM)


async def lead_to_list(request: Request) -> Response:
    """The list is a folder."""
    return RedirectResponse(site_of(request).pages.path(page_path(1)), 308)


async def lead_to_issue(request: Request) -> Response:
    """An issue is not."""
    site, slug = site_of(request), request.path_params["slug"]
    catalogue = await site.archive_cache.catalogue()
    if slug not in catalogue.by_slug:
        raise HTTPException(404)
    return RedirectResponse(site.pages.path(issue_path(catalogue.abouts[catalogue.by_slug[slug]])), 308)


def _list(site: Site, catalogue: Snapshot, language: Language, number: int) -> Ready:
    filled = FilledForm(
        lists=(site.publication.default_list,), token=TOKEN, page=f"{site.pages.url}{page_path(number)}"
    )
    page = archive_page(site.pages, language, catalogue.abouts, number, site.pages.path, filled.values())
    policy = content_policy(images="'self' https: data:")
    headers = {"Content-Language": language.code, "Vary": "Accept-Language", "Content-Security-Policy": policy}
    return ready(page, HTML, headers)


def _issue(site: Site, catalogue: Snapshot, index: int) -> Ready:
    entry: ArchiveEntry = catalogue.entries[index]
    frozen = site.archive_cache.page(entry)
    page = issue_page(site.pages, frozen, entry.about, catalogue.near(index), site.pages.path, TOKEN)
    return ready(page, HTML, {"Content-Language": entry.about.language, "Content-Security-Policy": POLICY})


ROUTES = [
    Route("/issues", lead_to_list),
    Route("/issues/", show_list),
    Route("/issues/page/{number:int}", show_list),
    Route("/issues/{slug}", show_issue),
    Route("/issues/{slug}/", lead_to_issue),
]
