"""Client: the network address of whoever asks. Kept with their consent alone, never in a log."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.requests import Request

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
