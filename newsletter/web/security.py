"""What both applications do against other sites' pages: default response headers, and where a request came from.

Each application decides what its policies allow and which requests it refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.web.request_values import split_address

IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Content-Security-Policy of an image: an SVG opened by itself is a document, which runs and loads nothing."""
_OWN_SITE = ("same-origin", "none")
"""Values of Sec-Fetch-Site for our own pages, and for an address that was typed."""


class DefaultHeaders:
    """ASGI middleware: adds each of `headers` to the responses that do not set it themselves.

    A route that lets other sites frame its page says so in its policy; then no X-Frame-Options is added, which is
    older and cannot name sites.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        """`headers` have names in lower case, as ASGI has them."""
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, adding headers to the response's start."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._completed(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)

    def _completed(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the response's headers and the missing defaults; every answer passes here, so it is kept cheap."""
        present = dict(headers)
        policy = present.get(b"content-security-policy")
        if policy is not None and b"frame-ancestors 'none'" not in policy:
            present[b"x-frame-options"] = b""
        return [*headers, *(pair for pair in self._headers if pair[0] not in present)]


def is_cross_site(request: Request, own_hosts: Collection[str]) -> bool:
    """Tell whether a browser says that the request comes from a page of another site.

    Sec-Fetch-Site decides where it is sent, else Origin, compared with `own_hosts` (host and port). A program that
    sends neither is no browser, and carries no user's cookies.
    """
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site not in _OWN_SITE
    origin = request.headers.get("origin")
    if origin is None:
        return False
    parts = split_address(origin)
    # An Origin that is no address comes from no page of ours.
    return parts is None or parts.netloc not in own_hosts
