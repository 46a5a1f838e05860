"""Find the network address of a client, also where a proxy stands between.

The proxies that `[serve] proxies` names are believed, no others. An address is kept only as evidence of consent and
counted for limits; it is never in a log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

UNKNOWN = "unknown"
"""Stands for the address of a client on a local socket, or behind a proxy that sends something else."""
UNNAMED_PROXY = (
    "newsletter: warning: requests come through a proxy at {}, which [serve] proxies does not name: "
    "all its readers share one limit, and one address in the evidence"
)


def client_address(request: Request) -> str:
    """Return the client's address in its one spelling, such as `203.0.113.9`.

    An IPv4 address that came by IPv6 is returned as IPv4.
    """
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return UNKNOWN
    # A socket for both versions reports IPv4 clients as ::ffff:203.0.113.9.
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def with_client_address(app: ASGIApp, proxies: Sequence[str], warn: Callable[[str], None]) -> ASGIApp:
    """Return the application with the client's address taken from these proxies' headers.

    Without proxies, the first request that came through a local proxy makes a warning.
    """
    if proxies:
        return ProxyHeadersMiddleware(app, trusted_hosts=list(proxies))  # type: ignore[arg-type,return-value]
    return _ProxyWarning(app, warn)


class _ProxyWarning:
    """ASGI middleware: warns once when requests come through a proxy that the settings do not name."""

    def __init__(self, app: ASGIApp, warn: Callable[[str], None]) -> None:
        self._app = app
        self._warn: Callable[[str], None] | None = warn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._warn and (proxy := _local_proxy(scope)):
            self._warn(UNNAMED_PROXY.format(proxy))
            self._warn = None
        await self._app(scope, receive, send)


def _local_proxy(scope: Scope) -> str:
    """Return the address of the proxy that a request came through, if it is on this machine or its network.

    Empty otherwise: anybody can send an X-Forwarded-For header.
    """
    if not any(name == b"x-forwarded-for" for name, _value in scope.get("headers", ())):
        return ""
    try:
        address = str((scope.get("client") or ("",))[0])
        return address if ip_address(address).is_private else ""
    except ValueError:
        return ""
