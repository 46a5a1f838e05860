"""Find the network address of a client, also where a proxy stands between.

The proxies that `[serve] proxies` names are believed, no others. An address is kept only as evidence of consent and
counted for limits; it is never in a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address, ip_network

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

UNKNOWN = "unknown"
"""Stands for the address of a client on a local socket, or behind a proxy that sends something else."""
_PEER = "newsletter.peer"
"""The key of a request's scope that has the address and port of the connection."""
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto", "via")
"""Headers that proxies add; one is enough to know that the connection is not the client's own."""
UNNAMED_PROXY = (
    "newsletter: warning: requests come through a proxy at {}, which [serve] proxies does not name: "
    "all its readers share one limit, and one address in the evidence"
)


def client_address(request: Request) -> str:
    """Return the client's address in its one spelling, such as `203.0.113.9`.

    An IPv4 address that came by IPv6 is returned as IPv4.
    """
    return _one_spelling(request.client.host if request.client else "")


def is_from(request: Request, networks: Iterable[str]) -> bool:
    """Tell whether the client is known to be in one of these networks.

    It is not known when a proxy forwarded the request and the settings do not name it, or it does not say for whom:
    then the address is the proxy's, and every client would seem to be on its machine.
    """
    peer = request.scope.get(_PEER)
    if peer == request.scope.get("client") and any(name in request.headers for name in _FORWARDED):
        return False
    address = client_address(request)
    return address != UNKNOWN and any(ip_address(address) in ip_network(network) for network in networks)


def _one_spelling(host: str) -> str:
    try:
        address = ip_address(host)
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
        return _Peer(ProxyHeadersMiddleware(app, trusted_hosts=list(proxies)))  # type: ignore[arg-type]
    return _Peer(_ProxyWarning(app, warn))


class _Peer:
    """ASGI middleware: keeps the address that the connection came from, an IPv4 address in its own spelling."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if client := scope.get("client"):
            host = _one_spelling(client[0])
            peer = (client[0] if host == UNKNOWN else host, client[1])
            scope = {**scope, "client": peer, _PEER: peer}
        await self._app(scope, receive, send)


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
