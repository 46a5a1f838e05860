"""The network as a program may use it: which addresses are asked, and connections to none but these.

Resolves a host, refuses private addresses, and connects to the address it checked, so
that a name cannot mean another machine a moment later. Speaks no HTTP; that is `fetch`.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from newsletter.errors import NewsletterError

ALLOW_PRIVATE = "NEWSLETTER_ALLOW_PRIVATE"
"""Set to `1` in the environment, private and loopback addresses may be asked too."""
STEP_SECONDS = 10.0
"""For a connection, and for each piece of an answer."""
WHOLE_SECONDS = 30.0
"""For an answer with all its redirects."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""


class NetworkFailure(StrEnum):
    """Why no answer came."""

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
    """No whole answer: `trouble` says of which kind, the message in words."""

    def __init__(self, trouble: NetworkFailure, message: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(message, place=place, hint=hint)
        self.trouble = trouble


@dataclass(frozen=True, kw_only=True)
class NetworkAccess:
    """Whom this run may ask, and how long it waits."""

    private: bool = False
    """Private and loopback addresses too."""
    own: str = ""
    """The publication's URL: what is under it may be anywhere."""
    step: float = STEP_SECONDS
    whole: float = WHOLE_SECONDS

    def allows(self, url: str) -> bool:
        """Whether this address may lead to a private host."""
        return self.private or (bool(self.own) and is_under(url, self.own))


def network_of(own: str = "") -> NetworkAccess:
    """The network as the environment allows it."""
    return NetworkAccess(private=os.environ.get(ALLOW_PRIVATE) == "1", own=own)


def is_under(url: str, base: str) -> bool:
    """`https://a.example/b/c` is under `https://a.example/b`; `https://a.example.org/b` is not."""
    return url == base or url.startswith((f"{base}/", f"{base}?", f"{base}#"))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet at large (RFC 6890), whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            wrapped.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(inside is not None and not _is_of_the_internet(inside) for inside in wrapped):
            return False
    return _is_of_the_internet(ip)


def _is_of_the_internet(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast


class Line:
    """The connections of one `ask`: each to an address that was checked, all of them cut when the time is up."""

    def __init__(self, network: NetworkAccess) -> None:
        self.network = network
        self.expired = False
        self.url = ""
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()

    def open(self, host: str, port: int) -> socket.socket:
        """A connection to `host`. Raises FetchError."""
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
            return self._kept(connection)
        if isinstance(failed, TimeoutError):
            raise FetchError(
                NetworkFailure.SILENT, f"no connection to {host} within {self.network.step:g} s"
            ) from failed
        words = (failed and failed.strerror) or "no address"
        raise FetchError(NetworkFailure.UNREACHABLE, f"no connection to {host}: {words}") from failed

    def _resolved(self, host: str, port: int) -> list[tuple[int, int, int, Any]]:
        """Where `host` is. One private address among several is enough to refuse."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            trouble = NetworkFailure.SILENT if error.errno == socket.EAI_AGAIN else NetworkFailure.NAME
            raise FetchError(trouble, f"the name {host} cannot be found") from error
        except (UnicodeError, OSError) as error:
            raise FetchError(NetworkFailure.NAME, f"{host!r} is not a host name") from error
        private = next((str(address[0]) for *_, address in found if not is_public(str(address[0]))), None)
        if private and not self.network.allows(self.url):
            hint = f"Only public addresses are asked; {ALLOW_PRIVATE}=1 in the environment lifts that."
            found_at = f" ({private})" if private != host.strip("[]") else ""
            raise FetchError(NetworkFailure.PRIVATE, f"{host} is a private address{found_at}", hint=hint)
        return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]

    def _kept(self, connection: socket.socket) -> socket.socket:
        with self._lock:
            if self._handle:
                self._handle.close()
            self._handle = connection.dup()  # TLS takes the first one over
            if self.expired:
                self._shut()
        return connection

    def cut(self) -> None:
        """The time is up."""
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
        """Forget the last connection."""
        with self._lock:
            if self._handle:
                self._handle.close()
            self._handle = None


@contextmanager
def connections(network: NetworkAccess) -> Iterator[Line]:
    """A line that is cut after `network.whole` seconds, whatever it is waiting for."""
    line = Line(network)
    alarm = threading.Timer(network.whole, line.cut)
    alarm.daemon = True
    alarm.start()
    try:
        yield line
    finally:
        alarm.cancel()
        line.close()
