"""Find the DMARC record that holds for a domain, and tell what is wrong with it (RFC 7489).

A domain without a record of its own has that of its organisational domain, whose `sp` then counts (section 6.6.3).
RFC 9989, the successor, asks the domains in between as well; where one of them has a record, old and new mail servers
may differ, which is a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from newsletter.doctor.dkim_keys import tag_list
from newsletter.doctor.dns import DnsClient, DnsError
from newsletter.doctor.domain_names import organisational_domain, parents

POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, kw_only=True)
class DmarcReport:
    """Everything that was found about the DMARC policy of a domain."""

    domain: str
    source: str = ""
    """The domain whose record holds; empty when there is none."""
    policy: str = ""
    """`none`, `quarantine` or `reject`; empty when there is no usable record."""
    strict_dkim: bool = False
    strict_spf: bool = False
    mistakes: tuple[str, ...] = ()
    """Why mail servers cannot use the record, each in a sentence without its full stop."""
    remarks: tuple[str, ...] = field(default=())

    @property
    def is_inherited(self) -> bool:
        """Tell whether the record is that of a domain above."""
        return bool(self.source) and self.source != self.domain


def evaluate_dmarc(dns: DnsClient, domain: str) -> DmarcReport:
    """Return the report about the policy that holds for a domain. Raises DnsError."""
    for source in dict.fromkeys((domain, organisational_domain(domain))):
        texts = dns.txt(f"_dmarc.{source}").records
        records = [text for text in texts if re.match(r"\s*v\s*=\s*DMARC1\s*(?:;|\Z)", text)]
        if len(records) > 1:
            mistake = f"_dmarc.{source} has {len(records)} records, and only one is allowed"
            return DmarcReport(domain=domain, source=source, mistakes=(mistake,))
        if records:
            return _report(dns, domain, source, records[0])
        if near := [text for text in texts if re.match(r"\W*v\s*=\s*dmarc", text, re.IGNORECASE)]:
            mistake = f'the record at _dmarc.{source} does not begin with "v=DMARC1;": {near[0][:60]}'
            return DmarcReport(domain=domain, source=source, mistakes=(mistake,))
    return DmarcReport(domain=domain, mistakes=tuple(_misplaced(dns, domain)))


def _misplaced(dns: DnsClient, domain: str) -> Iterator[str]:
    """Yield where a record stands that was meant to be at `_dmarc`."""
    for name in (f"_dmarc.{domain}.{domain}", domain):
        if any(text.lower().replace(" ", "").startswith("v=dmarc1") for text in dns.txt(name).records):
            yield f"a DMARC record stands at {name}, where nobody looks for it"


def _report(dns: DnsClient, domain: str, source: str, record: str) -> DmarcReport:
    tags = tag_list(record)
    if tags is None:
        mistake = f"the record at _dmarc.{source} is not a list of tag=value"
        return DmarcReport(domain=domain, source=source, mistakes=(mistake,))
    policy = tags.get("p", "none" if "rua" in tags else "").lower()
    if source != domain:
        policy = tags.get("sp", policy).lower()
    return DmarcReport(
        domain=domain,
        source=source,
        policy=policy if policy in POLICIES else "",
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        mistakes=tuple(_mistakes(source, tags, policy)),
        remarks=(*_reports_to(dns, source, tags), *_between(dns, domain, source)),
    )


def _mistakes(source: str, tags: dict[str, str], policy: str) -> Iterator[str]:
    if policy not in POLICIES:
        said = f'"{policy}" is not' if policy else "it needs p= with"
        yield f"the record at _dmarc.{source} has no policy: {said} one of {', '.join(POLICIES)}"
    for name in ("adkim", "aspf"):
        if tags.get(name, "r").lower() not in ("r", "s"):
            yield f'the record at _dmarc.{source} has {name}="{tags[name]}", which is neither r nor s'


def _reports_to(dns: DnsClient, source: str, tags: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with the addresses that get the reports (section 7.1)."""
    for target in filter(None, tags.get("rua", "").split(",")):
        match = re.fullmatch(r"mailto:[^@\s]+@([A-Za-z0-9.-]+?)\.?(?:!\d+[kmgt]?)?", target, re.IGNORECASE)
        if match is None:
            yield f'reports go nowhere: "{target[:60]}" is not mailto: and an address'
        elif organisational_domain(match[1].lower()) != organisational_domain(source):
            name = f"{source}._report._dmarc.{match[1].lower()}"
            if not any(text.lower().replace(" ", "").startswith("v=dmarc1") for text in _texts(dns, name)):
                yield f"{match[1]} does not say that it takes reports about {source}: no record at {name}"


def _texts(dns: DnsClient, name: str) -> tuple[str, ...]:
    try:
        return dns.txt(name).records
    except DnsError:
        return ("v=DMARC1",)  # not known: say nothing


def _between(dns: DnsClient, domain: str, source: str) -> Iterator[str]:
    """Yield the domains between whose records only newer mail servers look at."""
    if source == domain:
        return
    for name in parents(domain):
        if name != source and any(text.startswith("v=DMARC1") for text in _texts(dns, f"_dmarc.{name}")):
            yield f"{name} has a record, too; older mail servers follow that of {source}, newer ones that of {name}"
