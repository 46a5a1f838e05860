"""Evaluate an SPF record as a mail server does that finds no match: every look-up that it may need is counted.

RFC 7208: a record may ask for ten look-ups in all (section 4.6.4), of which two may find nothing; beyond that, or with
a mistake in it, it is a `permerror`, and mail servers treat the domain as one without a record or refuse its mail.

Of the packages there are, pyspf answers for one client's address, not for the record as a whole, and checkdmarc brings
its own resolver and ten more packages. So the grammar of section 12 is here, and dnspython does the look-ups.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from newsletter.doctor.dns import DnsAnswer, DnsClient, DnsError

MOST_LOOKUPS = 10
MOST_VOID = 2
MOST_HOSTS = 10
"""Mail servers that an `mx` may lead to, each of which is looked up (section 4.6.4)."""
_ENOUGH = 3 * MOST_LOOKUPS
"""Look-ups after which a record is not followed further; its number is then `over 30`."""
_DIRECTIVE = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?=[:/]|\Z)(.*)", re.IGNORECASE | re.DOTALL)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_TARGET = re.compile(r"(?::(?P<domain>[^/]+))?(?:/(?P<four>\d{1,2}))?(?://(?P<six>\d{1,3}))?")
_MACRO = re.compile(r"%(?:\{([slodiphcrtv])(\d*)(r?)([.+,/_=-]*)\}|([%_-]))", re.IGNORECASE)
_KNOWN_MACROS = "dosl"
"""Macros that are the same for all mail of a domain; the others depend on the client."""


@dataclass
class SpfReport:
    """Everything that was found about the SPF record of a domain."""

    domain: str
    record: str = ""
    """The record; empty when there is none."""
    lookups: int = 0
    voids: int = 0
    """Look-ups that found nothing."""
    mistakes: list[str] = field(default_factory=list)
    """Why the record is a permerror, each in a sentence without its full stop."""
    remarks: list[str] = field(default_factory=list)
    """Things that work and should not be so, each in a sentence without its full stop."""
    end: str = ""
    """The qualifier of `all`, `+` by default: `-`, `~`, `?` or `+`; empty when there is none."""
    targets: set[str] = field(default_factory=set)
    """Domains whose records it includes or redirects to, at any depth."""
    is_alias: bool = False
    """Whether the record is another's, to which the domain leads by a CNAME."""

    @property
    def is_good(self) -> bool:
        """Tell whether mail servers can use the record."""
        return bool(self.record) and not self.mistakes and self.end != "+"


def evaluate_spf(dns: DnsClient, domain: str) -> SpfReport:
    """Return the report about a domain's record. Raises DnsError when the domain cannot be looked up."""
    report = SpfReport(domain=domain)
    answer = dns.txt(domain)
    records, report.is_alias = spf_records(answer), answer.is_alias
    if len(records) > 1:
        report.mistakes.append(f"{domain} has {len(records)} SPF records, and only one is allowed")
    if records:
        report.record = records[0]
        report.end = _Evaluation(dns, report).follow(domain, records[0], (domain,))
    if report.lookups > MOST_LOOKUPS:
        number = f"over {_ENOUGH}" if report.lookups >= _ENOUGH else str(report.lookups)
        report.mistakes.append(f"the record needs {number} look-ups, and {MOST_LOOKUPS} are allowed")
    if report.voids > MOST_VOID:
        report.mistakes.append(f"{report.voids} of its look-ups find nothing, and {MOST_VOID} are allowed")
    return report


def spf_records(answer: DnsAnswer) -> list[str]:
    """Return the texts that are SPF records (section 4.5)."""
    return [text for text in answer.records if re.match(r"v=spf1(?: |\Z)", text, re.IGNORECASE)]


class _Term(NamedTuple):
    """A term of a record: a mechanism, or a modifier by its name with `=`."""

    kind: str
    """`all`, `include`, `a`, ..., or `redirect=`, `exp=`, ..."""
    target: str = ""
    """The domain; empty where the record's own counts."""
    qualifier: str = "+"


def _parsed(text: str) -> _Term:
    """Return a term (section 12). Raises ValueError with what is wrong."""
    if match := _DIRECTIVE.fullmatch(text):
        return _mechanism(text, match[2].lower(), match[3])._replace(qualifier=match[1] or "+")
    if match := _MODIFIER.fullmatch(text):
        name, value = match[1].lower(), match[2]
        if name in ("redirect", "exp"):
            _check_macros(text, value)
            if not value:
                raise ValueError(f'"{text}" has no domain')
        return _Term(f"{name}=", value)
    raise ValueError(f'"{text}" is not part of an SPF record')


def _mechanism(text: str, kind: str, rest: str) -> _Term:
    if kind in ("ip4", "ip6"):
        if not rest.startswith(":") or not _is_network(rest[1:], 4 if kind == "ip4" else 6):
            raise ValueError(f'"{text}" has no IPv{kind[-1]} address or network')
        return _Term(kind)
    match = _TARGET.fullmatch(rest)
    if match is None or int(match["four"] or 0) > 32 or int(match["six"] or 0) > 128:
        raise ValueError(f'"{text}" is not written as SPF wants it')
    target = match["domain"] or ""
    if kind in ("include", "exists") and (not target or rest != f":{target}"):
        raise ValueError(f'"{text}" needs exactly one domain')
    if kind == "all" and rest:
        raise ValueError(f'"{text}" is not "all"')
    _check_macros(text, target)
    return _Term(kind, target)


def _check_macros(text: str, target: str) -> None:
    if "%" in _MACRO.sub("", target):
        raise ValueError(f'"{text}" has a macro that SPF does not know')


class _Evaluation:
    """Keep one evaluation, with all the records that the first one leads to."""

    def __init__(self, dns: DnsClient, report: SpfReport) -> None:
        self._dns, self._report = dns, report

    def follow(self, domain: str, record: str, trail: tuple[str, ...]) -> str:
        """Count what one record needs; return the qualifier of its `all`, that of a redirect counting as its own."""
        terms = self._terms(domain, record)
        for term in terms:
            if term.kind == "all":
                return term.qualifier  # what follows is never looked up (section 5.1)
            if term.kind == "include":
                self._record_of(domain, term.target, "include:", trail)
            elif term.kind in ("a", "mx", "ptr", "exists"):
                self._lookup(domain, term.kind, term.target)
        redirect = next((term.target for term in terms if term.kind == "redirect="), "")
        return self._record_of(domain, redirect, "redirect=", trail) if redirect else ""

    def _terms(self, domain: str, record: str) -> list[_Term]:
        """Return the terms that are right; one mistake anywhere makes the whole record a permerror (section 4.6)."""
        terms = []
        for text in filter(None, record.split(" ")[1:]):
            try:
                terms.append(_parsed(text))
            except ValueError as error:
                self._mistake(domain, str(error))
        kinds = [term.kind for term in terms]
        for name in ("redirect=", "exp="):
            if kinds.count(name) > 1:
                self._mistake(domain, f'"{name}" stands there {kinds.count(name)} times')
        return terms

    def _record_of(self, domain: str, target: str, how: str, trail: tuple[str, ...]) -> str:
        """Look another domain's record up and follow it; return the qualifier of its `all`."""
        if not self._count():
            return ""
        name = self._expanded(domain, target)
        if not name:
            return ""
        if name.lower() in (each.lower() for each in trail):
            self._mistake(domain, f'"{how}{target}" leads in a circle')
            return ""
        self._report.targets.add(name.lower())
        answer = self._asked(lambda: self._dns.txt(name), f"{how}{target}")
        if answer is None:
            return ""
        records = spf_records(answer)
        self._report.voids += not answer.records
        if len(records) != 1:
            number = f"{len(records)} SPF records" if records else "no SPF record"
            self._mistake(domain, f'"{how}{target}" leads to {name}, which has {number}')
            return ""
        return self.follow(name, records[0], (*trail, name))

    def _lookup(self, domain: str, kind: str, target: str) -> None:
        """Count the look-up of an `a`, `mx`, `exists` or `ptr`."""
        term = f"{kind}:{target}" if target else kind
        if not self._count():
            return
        if kind == "ptr":
            self._report.remarks.append(f'"{term}" is slow and ignored by many; the standard says not to use it')
            return
        if not (name := self._expanded(domain, target or domain)):
            return
        answer = self._asked(lambda: self._dns.mx(name) if kind == "mx" else self._dns.addresses(name), term)
        if answer is not None:
            self._report.voids += not answer.records
            if kind == "mx" and len(answer.records) > MOST_HOSTS:
                many = f"{len(answer.records)} mail servers, and {MOST_HOSTS} are allowed"
                self._mistake(domain, f'"{term}" leads to {many}')

    def _asked(self, ask: Callable[[], DnsAnswer], term: str) -> DnsAnswer | None:
        """Return an answer, or None where a name server is at fault, which is a remark."""
        try:
            return ask()
        except DnsError as error:
            self._report.remarks.append(f'"{term}" could not be followed: {error}')
            return None

    def _count(self) -> bool:
        self._report.lookups += 1
        return self._report.lookups < _ENOUGH

    def _expanded(self, domain: str, text: str) -> str:
        """Return a domain with its macros filled in (section 7); empty where they depend on each mail."""
        if "%" not in text:
            return text.rstrip(".")
        if any((match[1] or "d").lower() not in _KNOWN_MACROS for match in _MACRO.finditer(text)):
            return ""  # an address or a client's name, which only a real mail has
        return _MACRO.sub(lambda match: _macro(match, domain, self._report.domain), text).rstrip(".")

    def _mistake(self, domain: str, words: str) -> None:
        where = "" if domain == self._report.domain else f" (in the record of {domain})"
        self._report.mistakes.append(words + where)


def _macro(match: re.Match[str], domain: str, sender: str) -> str:
    """Return the value of one macro, for a sender `postmaster@<sender>` (section 7.3)."""
    if match[5]:
        return {"%": "%", "_": " ", "-": "%20"}[match[5]]
    value = {"d": domain, "o": sender, "s": f"postmaster@{sender}", "l": "postmaster"}[match[1].lower()]
    parts = re.split(f"[{re.escape(match[4] or '.')}]", value)
    if match[3]:
        parts.reverse()
    return ".".join(parts[-int(match[2]) :] if match[2] and int(match[2]) else parts)


def _is_network(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).version == version
    except ValueError:
        return False
