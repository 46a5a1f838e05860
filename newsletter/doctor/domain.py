"""Judge the sender's domain: can it be answered, who may send for it (SPF), does it sign (DKIM), what holds (DMARC).

Mail servers ask for one thing in the end: that a domain which passed SPF or DKIM is the From address's own. So the
last check puts the others together as DMARC does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from newsletter.doctor.dkim_keys import DkimKey, look_key_up
from newsletter.doctor.dmarc import DmarcReport, evaluate_dmarc
from newsletter.doctor.dns import DnsClient, DnsError
from newsletter.doctor.domain_names import is_aligned, organisational_domain
from newsletter.doctor.finding import CheckResult, failed, passed, skipped, warned
from newsletter.doctor.sending_domain import SendingDomain
from newsletter.doctor.spf import MOST_LOOKUPS, SpfReport, evaluate_spf

LATER = "Look at the name servers of the domain, and run this again."


def domain_results(dns: DnsClient, domains: Sequence[SendingDomain]) -> Iterator[CheckResult]:
    """Yield the results about the sender's domain, and about its mail through each provider.

    The first provider's have plain names (`domain.dkim`), those of the others end with a number; what holds for both
    is told once.
    """
    sender = domains[0].sender
    try:
        yield _mail(dns, sender)
    except DnsError as error:
        yield failed("domain.mail", f"{sender} cannot be looked up: {error}.", LATER)
    dmarc = yield from _dmarc_results(dns, sender)
    messages = set()
    for number, domain in enumerate(domains, start=1):
        for result in _ProviderResults(dns, domain, dmarc, "" if number == 1 else f".{number}").results():
            if result.message not in messages:
                yield result
            messages.add(result.message)


def _mail(dns: DnsClient, domain: str) -> CheckResult:
    """Return whether readers can answer: MX (RFC 5321 section 5.1), null MX (RFC 7505), or an address."""
    name, servers = "domain.mail", dns.mx(domain)
    if servers.records == (".",):
        fix = "Remove the null MX, or send from another domain: mail servers refuse senders that cannot be answered."
        return failed(name, f"{domain} says that it takes no mail at all (null MX).", fix)
    if servers.records:
        return passed(name, f"Answers to {domain} go to {servers.records[0]}.")
    if dns.addresses(domain).records:
        return passed(name, f"Answers to {domain} go to its own address; it has no MX record.")
    fix = f"Publish an MX record at {domain}; many mail servers refuse senders that cannot be answered."
    words = "has neither a mail server nor an address" if servers.exists else "does not exist"
    return failed(name, f"{domain} {words}.", fix)


def _dmarc_results(dns: DnsClient, sender: str) -> Generator[CheckResult, None, DmarcReport]:
    """Yield the result about DMARC, and return the report (without a policy when nothing is known)."""
    try:
        report = evaluate_dmarc(dns, sender)
    except DnsError as error:
        yield failed("domain.dmarc", f"The DMARC record cannot be looked up: {error}.", LATER)
        return DmarcReport(domain=sender)
    yield _dmarc(report)
    return report


def _dmarc(report: DmarcReport) -> CheckResult:
    name, owner = "domain.dmarc", organisational_domain(report.domain)
    publish = f'Have one TXT record at _dmarc.{report.source or owner}: "v=DMARC1; p=none; rua=mailto:you@{owner}"'
    if report.mistakes:
        return failed(name, f"{_sentences(report.mistakes)}.", publish)
    if not report.source:
        words = (
            f"{report.domain} has no DMARC record, which Gmail, Yahoo and Outlook want from whoever mails many people."
        )
        return failed(name, words, publish)
    source = f"by the record of {report.source}" if report.is_inherited else "by its own record"
    effect = {
        "none": "mail that fails is delivered nevertheless",
        "quarantine": "mail that fails goes to spam",
        "reject": "mail that fails is refused",
    }[report.policy]
    words = (
        f"DMARC tells mail servers what to do with forged mail of {report.domain}, {source}: {report.policy}, {effect}."
    )
    if report.remarks:
        return warned(name, f"{words} But {'; '.join(report.remarks)}.", f"Correct the record of {report.source}.")
    return passed(name, words)


def _spf_fix(report: SpfReport) -> str:
    """Return what to do about the first mistake of a record."""
    name, mistake = report.domain, report.mistakes[0]
    if "only one is allowed" in mistake:
        return f"Make one TXT record of them at {name}: one v=spf1, everything between, one all."
    if "look-ups" in mistake:
        return "Take out services that no longer send for you, or write their networks instead (ip4:, ip6:)."
    return f"Correct the TXT record at {name} that begins with v=spf1. Until then it counts as none."


def _sentences(mistakes: Sequence[str]) -> str:
    text = "; ".join(mistakes)
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class _ProviderResults:
    """The results about mail through one provider."""

    dns: DnsClient
    domain: SendingDomain
    dmarc: DmarcReport
    suffix: str

    def results(self) -> Iterator[CheckResult]:
        is_spf_good = yield from self._spf()
        keys = yield from self._dkim()
        yield self._alignment(is_spf_good, keys)

    def _name(self, part: str) -> str:
        return f"domain.{part}{self.suffix}"

    def _spf(self) -> Generator[CheckResult, None, bool | None]:
        """Yield the results about SPF; return whether the domain of bounces passes it, None when nobody can tell."""
        sender, bounces = self.domain.sender, self.domain.return_path
        checked = {sender: self._name("spf")}
        if bounces and bounces != sender:
            checked[bounces] = self._name("spf_return_path")
        is_good = None
        for domain, name in checked.items():
            try:
                report = evaluate_spf(self.dns, domain)
            except DnsError as error:
                yield failed(name, f"The SPF record of {domain} cannot be looked up: {error}.", LATER)
                continue
            yield self._judge_spf(name, report, is_needed=domain == bounces)
            if domain == bounces:
                is_good = report.is_good and self._names_provider(report)
        return is_good

    def _judge_spf(self, name: str, report: SpfReport, *, is_needed: bool) -> CheckResult:
        wanted = f"v=spf1 {self.domain.spf or 'a mx'} ~all"
        if report.mistakes:
            words = f"SPF, the list of the servers that may send for {report.domain}, cannot be used"
            return failed(name, f"{words}: {'; '.join(report.mistakes[:3])}.", _spf_fix(report))
        if not report.record:
            return self._without_spf(name, report.domain, wanted, is_needed=is_needed)
        if report.end == "+":
            words = (
                f"The SPF record of {report.domain} allows the whole world to send for it (+all): {report.record[:200]}"
            )
            return failed(name, f"{words}.", "Write ~all or -all at its end.")
        if is_needed and not self._names_provider(report):
            words = f"The SPF record of {report.domain} does not name the servers of {self.domain.title}."
            return failed(name, words, f"Add {self.domain.spf} to it, before its all.")
        numbers = f"{report.lookups} of {MOST_LOOKUPS} look-ups"
        words = f"SPF lists the servers that may send for {report.domain} ({numbers}): {report.record[:200]}"
        if report.remarks:
            return warned(name, f"{words}. But {'; '.join(report.remarks[:2])}.", "Leave that part out, or correct it.")
        if not report.end:
            fix = f"Write ~all at the end of the record at {report.domain}."
            return warned(name, f"{words}. It has no all, so it says nothing about others.", fix)
        return passed(name, f"{words}.")

    def _without_spf(self, name: str, domain: str, wanted: str, *, is_needed: bool) -> CheckResult:
        fix = f'Publish one TXT record at {domain}: "{wanted}"'
        if is_needed:
            words = f"{domain} has no SPF record, so mail servers cannot tell which servers may send for it."
            return failed(name, words, fix)
        own = f"mail through {self.domain.title} returns to another domain, whose record is looked at"
        return warned(name, f"{domain} has no SPF record. Mail passes without one, because {own}.", fix)

    def _names_provider(self, report: SpfReport) -> bool:
        """Tell whether a record names the provider's servers; one behind a CNAME is the provider's own."""
        wanted = self.domain.spf.partition(":")[2]
        return not wanted or report.is_alias or wanted in report.targets

    def _dkim(self) -> Generator[CheckResult, None, Sequence[DkimKey] | None]:
        """Yield the result about DKIM; return the keys that were found good, None when nobody can tell."""
        name = self._name("dkim")
        if not self.domain.dkim_names:
            fix = (
                "Name the selector with [dkim] selector in newsletter.toml, or send a probe: newsletter doctor --probe "
                f"you@example.com, then --read. {self.domain.records}"
            )
            words = (
                f"DKIM signs your mail; where its key stands is not known, because {self.domain.title} does not tell."
            )
            yield skipped(name, words, fix)
            return None
        try:
            keys = [look_key_up(self.dns, each) for each in self.domain.dkim_names]
        except DnsError as error:
            yield failed(name, f"The DKIM key cannot be looked up: {error}.", LATER)
            return None
        yield self._judge_keys(name, keys)
        good = [key for key in keys if key.is_good and not self._is_another(key)]
        return good if good or self.domain.are_names_told else None

    def _is_another(self, key: DkimKey) -> bool:
        """Tell whether a key is not the public half of the one that signs here."""
        return bool(self.domain.modulus and key.modulus) and key.modulus != self.domain.modulus

    def _judge_keys(self, name: str, keys: Sequence[DkimKey]) -> CheckResult:
        good, bad = [key for key in keys if key.is_good], [key for key in keys if not key.is_good]
        if not good:
            mistake = _sentences([key.mistake for key in bad[:1]])
            if not self.domain.are_names_told:
                tried = ", ".join(key.name.partition(".")[0] for key in bad)
                words = f"No DKIM key stands at the usual selectors of {self.domain.title} ({tried})."
                return warned(name, words, f"If yours is another, name it with [dkim] selector. {self.domain.records}")
            words = f"{mistake}. So mail servers do not accept DKIM, the signature that shows that mail is yours."
            return failed(name, words, bad[0].fix or self.domain.records)
        if self._is_another(good[0]):
            words = f"The key at {good[0].name} is not the public half of the key in dkim_key."
            return failed(name, words, "Publish the public half of that key: docs/doctor.md shows how.")
        length = f"{good[0].bits} bits" if good[0].bits else "Ed25519"
        words = f"The key to DKIM, the signature of your mail, is at {good[0].name} ({length})"
        if bad and self.domain.are_names_told:
            return warned(name, f"{words}. But {bad[0].mistake}.", bad[0].fix or self.domain.records)
        if weak := next((key for key in good if key.remark), None):
            return warned(name, f"{_sentences([weak.remark])}.", weak.fix)
        return passed(name, f"{words}.")

    def _alignment(self, is_spf_good: bool | None, keys: Sequence[DkimKey] | None) -> CheckResult:
        """Return whether mail passes DMARC: by a signature or a return path of the From address's own domain."""
        name, sender, bounces = self._name("alignment"), self.domain.sender, self.domain.return_path
        signed = [key for key in keys or () if is_aligned(key.domain, sender, strict=self.dmarc.strict_dkim)]
        returned = bool(bounces) and is_aligned(bounces, sender, strict=self.dmarc.strict_spf)
        ways = [f"it is signed by {signed[0].domain}"] if signed else []
        ways += [f"it returns to {bounces}"] if returned and is_spf_good else []
        if ways:
            return passed(name, f"Mail servers can tell that mail from {sender} is its own: {' and '.join(ways)}.")
        if keys is None:
            fix = "Send a probe and read the copy: newsletter doctor --probe you@example.com, then --read FILE."
            return warned(name, f"Whether mail servers can tell that mail from {sender} is its own is not known.", fix)
        strict = " DMARC asks for exactly the same domain (adkim=s, aspf=s)." if self.dmarc.strict_dkim else ""
        words = f"Mail servers take mail from {sender} for forged: neither a signature nor a return path is its own."
        return failed(name, f"{words}{strict}", f"Sign with DKIM for {sender}. {self.domain.records}")
