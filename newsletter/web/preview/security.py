"""Let only this machine's browser use the preview, and only from the preview's own pages.

Every answer says what its page may load. Whatever changes something calls `require_token` besides.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.issues.issue import MOST_BYTES
from newsletter.web.body_limits import BodyLimit
from newsletter.web.security import is_cross_site

HOSTS = frozenset(("127.0.0.1", "localhost", "[::1]"))
"""The names the preview answers to.

Another site could reach it under a name of its own that resolves to this machine (DNS rebinding).
"""
TOKEN_HEADER = "x-newsletter-token"
BODY_LIMIT = BodyLimit(MOST_BYTES, "The text is over 1 MiB; an issue has at most that.")
_READS = frozenset(("GET", "HEAD"))
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the preview's own pages: nothing inline, nothing from other sites."""
EMAIL_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
"""Content-Security-Policy of an email in a frame: its own styles, images from this disk, no script of any kind."""
WITH_REMOTE_PICTURES = EMAIL_POLICY.replace("img-src 'self'", "img-src 'self' https: http:")
DEFAULT_HEADERS: Mapping[str, str] = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def new_token() -> str:
    """Return a secret for one start of the preview: its pages hold it, and send it with whatever changes something."""
    return secrets.token_urlsafe(24)


def require_token(request: Request, form_value: str = "") -> None:
    """Raise HTTPException 403 unless a page of this start sent the request; `form_value` is a form's field `token`."""
    token = request.headers.get(TOKEN_HEADER) or form_value
    # As bytes: of texts, only ASCII can be compared in constant time.
    if not secrets.compare_digest(token.encode(), str(request.app.state.token).encode()):
        raise HTTPException(403, "This page is of an earlier start of the preview. Load it anew, then try again.")


class OwnPagesOnly:
    """ASGI middleware: refuses requests for other host names and from other sites' pages, before any route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or pass the request on."""
        refusal = refusal_of(Request(scope)) if scope["type"] == "http" else ""
        answer = PlainTextResponse(refusal, status_code=403) if refusal else self._app
        await answer(scope, receive, send)


def refusal_of(request: Request) -> str:
    """Return why a request is refused; empty when it is not."""
    host = request.headers.get("host", "")
    if _without_port(host) not in HOSTS:
        return "The preview answers to 127.0.0.1 and localhost only."
    if request.method in _READS:
        # Another site may link to the preview, but not load its parts.
        is_navigation = request.headers.get("sec-fetch-mode") == "navigate"
        is_refused = request.headers.get("sec-fetch-site") == "cross-site" and not is_navigation
    else:
        is_refused = is_cross_site(request, {host})
    return "Another site's page asked for this." if is_refused else ""


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name.lower() if name and port.isdigit() else host.lower()
