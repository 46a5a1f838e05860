"""Ask the Domain Name System, with dnspython and within seconds.

The system's own name servers are asked, or the one that NEWSLETTER_DNS names as `host:port`. A server that was silent
twice is not asked again, so that a network without DNS costs seconds and not minutes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from newsletter.errors import ConfigError

if TYPE_CHECKING:
    import dns.rdata
    import dns.resolver

SERVER = "NEWSLETTER_DNS"
"""The environment variable that names another name server: `127.0.0.1:5353`, `[::1]:5353`."""
SECONDS = 4.0
"""Seconds for an answer, with all the tries that it takes."""
MOST_SILENCES = 2
"""Questions without an answer after which no more are asked."""


class DnsError(Exception):
    """The Domain Name System gave no answer, neither that there is a record nor that there is none."""


@dataclass(frozen=True, kw_only=True)
class DnsAnswer:
    """The records of one type at a name."""

    name: str
    records: tuple[str, ...] = ()
    exists: bool = True
    """False when there is nothing at the name at all, not even records of another type (NXDOMAIN)."""
    is_alias: bool = False
    """Whether they stand at another name, to which this one leads (CNAME)."""


@dataclass
class DnsClient:
    """A client of name servers, which remembers their answers. Several threads may use it at once."""

    resolver: dns.resolver.Resolver
    _answers: dict[tuple[str, str], DnsAnswer] = field(default_factory=dict)
    _silences: int = 0

    def txt(self, name: str) -> DnsAnswer:
        """Return the texts at a name, the parts of each joined without a space (RFC 7208 section 3.3)."""
        return self._records(name, "TXT", lambda record: b"".join(record.strings).decode("utf-8", "replace"))

    def mx(self, name: str) -> DnsAnswer:
        """Return the mail servers of a domain, the preferred one first; `.` alone means that it takes no mail."""
        answer = self._records(name, "MX", lambda record: f"{record.preference:05} {record.exchange}")
        hosts = (text.partition(" ")[2] for text in sorted(answer.records))
        records = tuple(host.rstrip(".") or "." for host in hosts)
        return DnsAnswer(name=answer.name, records=records, exists=answer.exists)

    def addresses(self, name: str) -> DnsAnswer:
        """Return the IPv4 and IPv6 addresses of a host."""
        four = self._records(name, "A", lambda record: str(record.address))
        six = self._records(name, "AAAA", lambda record: str(record.address))
        return DnsAnswer(name=name, records=four.records + six.records, exists=four.exists or six.exists)

    def _records(self, name: str, kind: str, read: Callable[[Any], str]) -> DnsAnswer:
        key = name.rstrip(".").lower(), kind
        if key not in self._answers:
            self._answers[key] = self._ask(*key, read)
        return self._answers[key]

    def _ask(self, name: str, kind: str, read: Callable[[Any], str]) -> DnsAnswer:
        """Ask once. Raises DnsError."""
        import dns.exception
        import dns.resolver

        if self._silences >= MOST_SILENCES:
            raise DnsError("no name server answers")
        try:
            answer = self.resolver.resolve(name, kind, lifetime=SECONDS, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return DnsAnswer(name=name, exists=False)
        except dns.exception.Timeout as error:
            self._silences += 1
            raise DnsError(f"no name server answered within {SECONDS:g} s about {name}") from error
        except dns.resolver.NoNameservers as error:
            raise DnsError(f"the name servers answer about {name} with an error: {_code(error)}") from error
        except (dns.exception.DNSException, UnicodeError) as error:  # a name that is none, a circle of CNAMEs
            raise DnsError(f"{name} cannot be looked up: {error or type(error).__name__}") from error
        except OSError as error:
            raise DnsError(f"no name server can be reached: {error.strerror or error}") from error
        is_alias = str(answer.canonical_name).rstrip(".").lower() != name
        return DnsAnswer(name=name, records=tuple(read(record) for record in answer.rrset or ()), is_alias=is_alias)


def _code(error: dns.resolver.NoNameservers) -> str:
    """Return the name of a server's error: SERVFAIL, REFUSED."""
    errors = error.kwargs.get("errors") or [("", "", "", "no answer", "")]
    return str(errors[-1][3] if len(errors[-1]) > 3 else errors[-1])


def dns_client() -> DnsClient:
    """Return the client that asks the system's name servers, or NEWSLETTER_DNS. Raises ConfigError."""
    import dns.resolver

    server = os.environ.get(SERVER, "")
    if not server:
        try:
            return DnsClient(dns.resolver.Resolver())
        except dns.resolver.NoResolverConfiguration as error:
            hint = f"Set {SERVER} to a name server: 9.9.9.9:53"
            raise ConfigError("this machine has no name server (/etc/resolv.conf)", hint=hint) from error
    resolver = dns.resolver.Resolver(configure=False)
    match = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?", server)
    host = match and (match["six"] or match["host"].replace("localhost", "127.0.0.1"))
    try:
        resolver.nameservers = [host or server]
        resolver.port = int(match["port"] or 53) if match else 53
    except ValueError as error:
        hint = "Write its number and port: 127.0.0.1:53, or [::1]:53"
        raise ConfigError(f"{SERVER}={server[:60]} is not a name server", hint=hint) from error
    return DnsClient(resolver)
