"""The page that a form stood on, as evidence of consent may keep it: a public page of ours, or another site.

Evidence is downloaded and shown. The address of a reader's own page holds the key to it, and no other site's paths
and queries are ours to keep.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.requests import Request

from newsletter.web.public.site import Site, site_of
from newsletter.web.request_values import split_address

MAX_PAGE = 500
"""Characters kept of the page's address."""
_PUBLIC = re.compile(
    r"/(?:subscribe|embed|embed/form|issues|issues/|issues/page/[0-9]{1,9}|issues/[^/A-Z\x00-\x20\x7f]+)?"
)
"""The paths of our public pages, unquoted. Slugs have small letters; a token has capitals, too."""
_HOST = re.compile(r"[\w.:\[\]-]{1,255}", re.ASCII)
_PERSONAL = re.compile(r"/(?:confirm|preferences|stay|unsubscribe)(?=/)")
"""The beginning of a reader's own page, before its token."""


def form_page(request: Request, submitted: str = "") -> str:
    """Return the page that the form stood on: by its hidden field, else by the browser's Referer, else the request's.

    Of a reader's own page the path without its token is kept, of any other page only the site.
    """
    site = site_of(request)
    # Not `request.url`, which fails for a Host that is no host.
    own = f"{site.pages.url}{_kept_path(site, request.scope['path'])}"
    candidates = (submitted, request.headers.get("referer", ""))
    pages = (_kept_address(request, site, address) for address in candidates)
    return next(filter(None, pages), own)[:MAX_PAGE]


def _kept_address(request: Request, site: Site, address: str) -> str:
    """Return what is kept of an address; empty when it is no web page's."""
    parts = split_address(address)
    # After the @, which a password may stand before.
    host = parts.netloc.rpartition("@")[2] if parts else ""
    if parts is None or not _HOST.fullmatch(host) or parts.scheme not in ("http", "https"):
        return ""
    ours = split_address(site.pages.url)
    if host in (request.headers.get("host", ""), ours.netloc if ours else ""):
        return f"{site.pages.url}{_kept_path(site, parts.path)}"
    return f"{parts.scheme}://{host}/"


def _kept_path(site: Site, path: str) -> str:
    path = path.removeprefix(site.pages.base)
    if _PUBLIC.fullmatch(unquote(path)):
        return path
    personal = _PERSONAL.match(path)
    return personal[0] if personal else "/"
