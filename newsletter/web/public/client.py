"""Client: the network address of whoever asks. Kept with their consent alone, never in a log.

Proxies: who asks, where another server stands between: whom `[serve] proxies` names is believed, nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

UNKNOWN = "unknown"
"""Of who comes by a local socket, or by a proxy that says nonsense."""


def client_address(request: Request) -> str:
    """`203.0.113.9`, in its one spelling; an IPv4 address that came by IPv6 is the IPv4 address."""
    try:
        found = ip_address(request.client.host if request.client else "")
    except ValueError:
        return UNKNOWN
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


UNNAMED = (
    "newsletter: warning: requests come through a proxy at {}, which [serve] proxies does not name: "
    "all its readers share one limit, and one address in the evidence"
)


def behind(app: ASGIApp, proxies: Sequence[str], say: Callable[[str], None]) -> ASGIApp:
    """The application, told who asks. Where no proxy is named and one is there, that is said, once."""
    if proxies:
        return ProxyHeadersMiddleware(app, trusted_hosts=list(proxies))  # type: ignore[arg-type,return-value]
    return _Direct(app, say)


class _Direct:
    """Whom we hear is who connects."""

    def __init__(self, app: ASGIApp, say: Callable[[str], None]) -> None:
        self._app = app
        self._say: Callable[[str], None] | None = say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._say and (neighbour := _forwarding_neighbour(scope)):
            self._say(UNNAMED.format(neighbour))
            self._say = None
        await self._app(scope, receive, send)


def _forwarding_neighbour(scope: Scope) -> str:
    """The address of a proxy on this machine or its network; anybody else can write such a header."""
    if not any(name == b"x-forwarded-for" for name, _value in scope.get("headers", ())):
        return ""
    try:
        address = str((scope.get("client") or ("",))[0])
        return address if ip_address(address).is_private else ""
    except ValueError:
        return ""
