"""Connect to public addresses only, within limits of time.

A host is resolved, private addresses are refused, and the connection goes to the address that was checked, so that
a name cannot lead to another machine a moment later. HTTP is spoken by `fetch.py`.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from newsletter.errors import NewsletterError

ALLOW_PRIVATE = "NEWSLETTER_ALLOW_PRIVATE"
"""The environment variable that allows private and loopback addresses when it is `1`."""
STEP_SECONDS = 10.0
"""The time limit of a connection, and of each piece of an answer."""
WHOLE_SECONDS = 30.0
"""The time limit of an answer with all its redirects."""
_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(text: str) -> tuple[_IPNetwork, ...]:
    return tuple(ipaddress.ip_network(part) for part in text.split())


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses whose last 32 bits are an IPv4 address (RFC 6052)."""
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
_PRIVATE_4 = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3"
)
"""Not globally reachable, or multicast."""
_PUBLIC_4 = _networks("192.0.0.9/32 192.0.0.10/32")
"""Parts of _PRIVATE_4 that are globally reachable."""
_PRIVATE_6 = _networks("2001::/23 2001:db8::/32 3fff::/20")
_PUBLIC_6 = _networks(
    "2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:3::/32 2001:4:112::/48 2001:20::/28 2001:30::/28"
)


class NetworkFailure(StrEnum):
    """The kinds of failure to get a whole answer."""

    ADDRESS = "address"
    PRIVATE = "private"
    NAME = "name"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    SILENT = "silent"
    BROKEN = "broken"
    CIRCLE = "circle"
    LARGE = "large"


class FetchError(NewsletterError):
    """Raised when no whole answer came: `failure` has the kind, the message says it in words."""

    def __init__(self, failure: NetworkFailure, message: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(message, place=place, hint=hint)
        self.failure = failure


@dataclass(frozen=True, kw_only=True)
class NetworkAccess:
    """The addresses that may be asked, and the time limits."""

    private: bool = False
    """Whether private and loopback addresses may be asked, too."""
    own: str = ""
    """The publication's URL; addresses under it may be private."""
    step: float = STEP_SECONDS
    """Seconds for a connection, and for each piece of an answer."""
    whole: float = WHOLE_SECONDS
    """Seconds for an answer with all its redirects."""

    def allows(self, url: str) -> bool:
        """Tell whether this URL may lead to a private host."""
        return self.private or (bool(self.own) and is_under(url, self.own))


def network_of(own: str = "") -> NetworkAccess:
    """Return the access that the environment allows."""
    return NetworkAccess(private=os.environ.get(ALLOW_PRIVATE) == "1", own=own)


def is_under(url: str, base: str) -> bool:
    """Tell whether a URL is under another: `https://a.example/b/c` is under `https://a.example/b`."""
    return url == base or url.startswith((f"{base}/", f"{base}?", f"{base}#"))


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public Internet, on every version of Python alike.

    By IANA's registries of special-purpose addresses (RFC 6890) as of 2025-10:
    https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry. An IPv4 address that
    an IPv6 one carries has to be public, too.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not _is_in(ip, _PRIVATE_4) or _is_in(ip, _PUBLIC_4)
    carried = carried_ipv4(ip)
    if any(not is_public(str(inside)) for inside in carried):
        return False
    if ip in _MAPPED or ip in _NAT64:
        return True
    # Nothing outside 2000::/3 is given out (RFC 4291 section 2.4): not ::a.b.c.d, fec0::/10 or what is still free.
    return ip in _GIVEN_OUT and (not _is_in(ip, _PRIVATE_6) or _is_in(ip, _PUBLIC_6))


def carried_ipv4(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address carries, the client's last; most carry none.

    IPv4-mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380: its server and its client).
    """
    if ip in _MAPPED or ip in _NAT64:
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    return [ip.sixtofour] if ip.sixtofour else [*(ip.teredo or ())]


def _is_in(ip: _IPAddress, networks: Iterable[_IPNetwork]) -> bool:
    return any(ip in network for network in networks)


class Connections:
    """The connections of one request: each goes to a checked address, and all are cut when the time is up."""

    def __init__(self, network: NetworkAccess) -> None:
        self.network = network
        self.expired = False
        self.url = ""
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()

    def open(self, host: str, port: int) -> socket.socket:
        """Connect to a host. Raises FetchError."""
        failed: OSError | None = None
        for family, kind, protocol, address in self._resolved(host, port):
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(self.network.step)
            try:
                connection.connect(address)
            except OSError as error:
                connection.close()
                failed = error
                continue
            return self._remember(connection)
        if isinstance(failed, TimeoutError):
            raise FetchError(
                NetworkFailure.SILENT, f"no connection to {host} within {self.network.step:g} s"
            ) from failed
        reason = (failed and failed.strerror) or "no address"
        raise FetchError(NetworkFailure.UNREACHABLE, f"no connection to {host}: {reason}") from failed

    def _resolved(self, host: str, port: int) -> list[tuple[int, int, int, Any]]:
        """Return the addresses of a host. One private address among several is enough to refuse it."""
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            failure = NetworkFailure.SILENT if error.errno == socket.EAI_AGAIN else NetworkFailure.NAME
            raise FetchError(failure, f"the name {host} cannot be found") from error
        except (UnicodeError, OSError) as error:
            raise FetchError(NetworkFailure.NAME, f"{host!r} is not a host name") from error
        private = next((str(address[0]) for *_, address in infos if not is_public(str(address[0]))), None)
        if private and not self.network.allows(self.url):
            hint = f"Only public addresses are asked; {ALLOW_PRIVATE}=1 in the environment lifts that."
            numbers = f" ({private})" if private != host.strip("[]") else ""
            raise FetchError(NetworkFailure.PRIVATE, f"{host} is a private address{numbers}", hint=hint)
        return [(family, kind, protocol, address) for family, kind, protocol, _, address in infos]

    def _remember(self, connection: socket.socket) -> socket.socket:
        with self._lock:
            if self._handle:
                self._handle.close()
            self._handle = connection.dup()  # TLS takes the first one over
            if self.expired:
                self._shut()
        return connection

    def cut(self) -> None:
        """Cut the connection, because the time is up."""
        with self._lock:
            self.expired = True
            self._shut()

    def _shut(self) -> None:
        if self._handle:
            try:
                self._handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it was closed by the other side

    def close(self) -> None:
        """Close the handle of the last connection."""
        with self._lock:
            if self._handle:
                self._handle.close()
            self._handle = None


@contextmanager
def open_connections(network: NetworkAccess) -> Iterator[Connections]:
    """Yield Connections that are cut after `network.whole` seconds, even in the middle of an answer."""
    connections = Connections(network)
    alarm = threading.Timer(network.whole, connections.cut)
    alarm.daemon = True
    alarm.start()
    try:
        yield connections
    finally:
        alarm.cancel()
        connections.close()
