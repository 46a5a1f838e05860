"""A DNS server on the loopback address, over UDP and TCP, with zones that are right and wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from dnslib import AAAA, CNAME, MX, RR, TXT, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, TCPServer, UDPServer

Zone = Mapping[str, str | list[str]]
"""Records by `name TYPE`: the text of a TXT, `10 host` for MX, an address. `name SERVFAIL` and `name SILENT`
misbehave. A text of several strings has ` | ` between them."""
NUMBERS = {1: "A", 5: "CNAME", 15: "MX", 16: "TXT", 28: "AAAA"}
"""The types of records (RFC 1035 section 3.2.2, RFC 3596)."""
SERVFAIL, NXDOMAIN = 2, 3
"""Codes of answers (RFC 1035 section 4.1.1)."""


class ZoneServer(BaseResolver):  # type: ignore[misc]
    """Answers from a zone; every name that it does not have does not exist."""

    def __init__(self, zone: Zone) -> None:
        self.zone = {key: [value] if isinstance(value, str) else value for key, value in zone.items()}
        self.asked: list[str] = []
        """Every question, as `name TYPE`."""
        self.port = 0
        self.stopped = threading.Event()

    @property
    def address(self) -> str:
        """The value of NEWSLETTER_DNS that leads here."""
        return f"127.0.0.1:{self.port}"

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        name, kind = str(request.q.qname).rstrip(".").lower(), NUMBERS.get(request.q.qtype, "?")
        self.asked.append(f"{name} {kind}")
        reply = request.reply()
        if f"{name} SILENT" in self.zone:
            self.stopped.wait(60)
        if f"{name} SERVFAIL" in self.zone:
            reply.header.rcode = SERVFAIL
            return reply
        while cname := self.zone.get(f"{name} CNAME"):
            reply.add_answer(RR(name, 5, rdata=CNAME(cname[0]), ttl=60))
            name = cname[0].rstrip(".").lower()
        for value in self.zone.get(f"{name} {kind}", []):
            reply.add_answer(RR(name, request.q.qtype, rdata=_data(kind, value), ttl=60))
        if not reply.rr and not any(key.startswith(f"{name} ") for key in self.zone):
            reply.header.rcode = NXDOMAIN
        return reply


def _data(kind: str, value: str) -> Any:
    if kind == "MX":
        preference, host = value.split()
        return MX(host, int(preference))
    if kind == "TXT":
        parts = value.split(" | ")
        return TXT([piece for part in parts for piece in _pieces(part)])
    return A(value) if kind == "A" else AAAA(value)


def _pieces(text: str) -> list[bytes]:
    """Return a text in strings of 255 bytes, which is the longest that one may have."""
    raw = text.encode()
    return [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]


class _Quiet:
    """Logs nothing: tests read `asked`."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_arguments: None


@contextmanager
def dns_server(zone: Zone) -> Iterator[ZoneServer]:
    """Serve a zone, and return the server."""
    zones = ZoneServer(zone)
    with ExitStack() as stack:
        udp, tcp = _bound(stack)
        zones.port = udp.server_address[1]
        for server in (udp, tcp):
            server.resolver, server.logger = zones, _Quiet()
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        stack.callback(zones.stopped.set)
        yield zones


def _bound(stack: ExitStack) -> tuple[Any, Any]:
    """Return a server for UDP and one for TCP at one port."""
    for _ in range(100):
        udp = stack.enter_context(UDPServer(("127.0.0.1", 0), DNSHandler))
        with suppress(OSError):  # something else has the port for TCP
            tcp = stack.enter_context(TCPServer(("127.0.0.1", udp.server_address[1]), DNSHandler))
            udp.daemon_threads = tcp.daemon_threads = True
            return udp, tcp
    raise AssertionError("a hundred ports were taken")
