"""Guard: what holds for every request, whatever it is about.

Security headers and a strict policy for content, bodies of a limited size that arrive in time,
and whether a browser sent a form from a page that is not ours. Who may do what is the routes'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.config import Publication

MOST_BYTES = 64 * 1024
"""Of a form."""
MOST_REPORTED = 10 * 1024 * 1024
"""Of a provider's report: it may hold hundreds of events."""
BODY_SECONDS = 10.0
"""Within which a whole body has to be here."""


def content_policy(
    *, style: str = "'self'", extra: str = "", frames: str = "'none'", images: str = "'self' data:"
) -> str:
    """A Content-Security-Policy: no script, nothing from elsewhere, forms go to us.

    Routes that need more set the header themselves, made with this.
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


class Headers:
    """Puts on each answer what it does not say itself."""

    def __init__(self, app: ASGIApp, publication: Publication) -> None:
        self._app = app
        config = publication.config
        logo = urlsplit(config.theme.logo)
        images = f"'self' data: {logo.scheme}://{logo.netloc}" if logo.netloc else "'self' data:"
        headers = {
            "content-security-policy": content_policy(images=images),
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            # Addresses of readers' pages hold their tokens. Not `no-referrer`: forms would come from `null`.
            "referrer-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "cross-origin-opener-policy": "same-origin",
            "cache-control": "no-store",
        }
        if config.publication.url.startswith("https:"):
            headers["strict-transport-security"] = "max-age=31536000"
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._completed(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, dressed if scope["type"] == "http" else send)

    def _completed(self, said: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Names are in lower case (ASGI); every answer passes here, so nothing is looked up twice."""
        own = dict(said)
        policy = own.get(b"content-security-policy")
        if policy is not None and b"frame-ancestors 'none'" not in policy:
            own[b"x-frame-options"] = b""  # older, and knows no list
        return [*said, *(pair for pair in self._headers if pair[0] not in own)]


class Bodies:
    """Refuses a body that is too large (413) or too slow (408), before a route holds any of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        most = MOST_REPORTED if "/webhooks/" in scope["path"] else MOST_BYTES
        said = dict(scope["headers"]).get(b"content-length", b"0")
        await self._app(scope, _limited(receive, most, int(said) if said.isdigit() else 0), send)


def _limited(receive: Receive, most: int, announced: int) -> Receive:
    """`receive`, counting bytes and seconds until the body is here; it refuses where the route's errors are caught."""
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS
    taken, complete = 0, False

    async def limited() -> Message:
        nonlocal taken, complete
        if complete:  # what still comes is only that the reader has gone
            return await receive()
        if announced > most:
            raise HTTPException(413, f"at most {most:,} bytes")
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "the request took too long to arrive") from None
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, f"at most {most:,} bytes")
        complete = not message.get("more_body", False)
        return message

    return limited


def is_foreign(request: Request, publication: Publication) -> bool:
    """Whether a browser says that the request comes from a page that is not ours.

    Browsers say so on every form that is sent; a program that says nothing carries no reader's cookies either.
    """
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    own = urlsplit(publication.config.publication.url)
    return urlsplit(origin).netloc not in (request.headers.get("host"), own.netloc)
