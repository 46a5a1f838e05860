"""What the readers' pages allow: content policies, default headers, body sizes, and which sites may send forms.

The routes decide who may do what.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from newsletter.config import PublicationSettings
from newsletter.web.body_limits import BodyLimit
from newsletter.web.public.site import site_of
from newsletter.web.security import is_cross_site

FORM_BYTES = 64 * 1024
"""Bytes of the largest form."""
REPORT_BYTES = 5 * 1024 * 1024
"""Bytes of a provider's largest report: it may hold hundreds of events."""


def content_policy(
    *, style: str = "'self'", extra: str = "", frames: str = "'none'", images: str = "'self' data:"
) -> str:
    """Return a Content-Security-Policy: no script, nothing from other sites, forms go to us.

    Routes that need more set the header themselves, with a policy made here.
    """
    rules = (
        "default-src 'none'",
        f"style-src {style}",
        f"img-src {images}",
        "form-action 'self'",
        "base-uri 'none'",
        f"frame-ancestors {frames}",
        extra,
    )
    return "; ".join(rule for rule in rules if rule)


def default_headers(publication: PublicationSettings) -> Mapping[str, str]:
    """Return the headers of every response that does not set them itself, with names in lower case."""
    config = publication.config
    logos = (urlsplit(config.theme.logo), urlsplit(config.theme.logo_dark))
    images = " ".join(dict.fromkeys(["'self'", "data:", *(f"{it.scheme}://{it.netloc}" for it in logos if it.netloc)]))
    headers = {
        "content-security-policy": content_policy(images=images),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        # Addresses of readers' pages hold their tokens. Not `no-referrer`: forms would come from `null`.
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "cross-origin-opener-policy": "same-origin",
        # Pages hold readers' data, and forms with tokens.
        "cache-control": "no-store",
    }
    # Browsers ignore this header over plain HTTP (RFC 6797, section 8.1).
    if config.publication.url.startswith("https:"):
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


def body_limit(path: str) -> BodyLimit:
    """Return the limit for a request's body: forms are small, providers' reports are not."""
    max_bytes = REPORT_BYTES if "/webhooks/" in path else FORM_BYTES
    return BodyLimit(max_bytes, f"at most {max_bytes:,} bytes")


def is_foreign(request: Request, publication: PublicationSettings) -> bool:
    """Tell whether a browser says that a page of another site sent the request.

    A proxy may rewrite Host, so the host of `publication.url` counts as ours, too.
    """
    return is_cross_site(
        request, {request.headers.get("host", ""), urlsplit(publication.config.publication.url).netloc}
    )


def is_allowed_site(request: Request) -> bool:
    """Tell whether the page that sent the request belongs to one of `[signup] sites`."""
    sites = (site.lower() for site in site_of(request).publication.config.signup.sites)
    return request.headers.get("origin", "").lower() in sites


def allow_sites(request: Request, response: Response) -> Response:
    """Let pages of `[signup] sites` read the response (CORS). It needs no credentials: we set no cookie."""
    if is_allowed_site(request):
        response.headers["Access-Control-Allow-Origin"] = request.headers["origin"]
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    # Also without the others: a cache must not give one site's answer to another.
    response.headers.add_vary_header("Origin")
    return response
