"""Who may ask the preview for anything: this machine's browser, on the preview's own pages.

Every answer says what a page of ours may load. Whatever acts asks `require_token` besides.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset(("127.0.0.1", "localhost", "[::1]"))
"""A name of our own that resolves to somebody's machine is how a page elsewhere would reach us (DNS rebinding)."""
TOKEN_HEADER = "x-newsletter-token"
_READS = frozenset(("GET", "HEAD"))
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of the preview's own pages: nothing inline, nothing from elsewhere."""
EMAIL_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
"""Of an email inside them: its own styles, pictures from this disk, and no script of any kind."""
WITH_REMOTE_PICTURES = EMAIL_POLICY.replace("img-src 'self'", "img-src 'self' https: http:")
_EVERYWHERE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def new_token() -> str:
    """A secret of this start; pages hold it, and what acts sends it back."""
    return secrets.token_urlsafe(24)


def require_token(request: Request, form_value: str = "") -> None:
    """Refuse what was not asked for by a page of this start; `form_value` is the field `token` of a form."""
    said = request.headers.get(TOKEN_HEADER) or form_value
    if not secrets.compare_digest(said.encode(), str(request.app.state.token).encode()):
        raise HTTPException(403, "This page is of an earlier start of the preview. Load it anew, then try again.")


class Guard:
    """Refuses other hosts' names and other sites' pages before anything is looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on and add the headers that every answer has."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = refused(Request(scope))
        if refusal:
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, _with_headers(send))


def refused(request: Request) -> str:
    """Why a request is not answered; empty when it is."""
    host = request.headers.get("host", "")
    if _name(host) not in HOSTS:
        return "The preview answers to 127.0.0.1 and localhost only."
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if request.method not in _READS:
        if site not in ("same-origin", "none") or (origin is not None and urlsplit(origin).netloc != host):
            return "Another site's page asked for this."
    elif site == "cross-site" and request.headers.get("sec-fetch-mode") != "navigate":
        return "Another site's page asked for this."
    return ""


def _name(host: str) -> str:
    """The host without its port."""
    name, _, port = host.rpartition(":")
    return name.lower() if name and port.isdigit() else host.lower()


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _EVERYWHERE.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        await send(message)

    return add
