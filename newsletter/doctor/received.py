"""Judge a copy that arrived: what the reader's mail server found, what the signature covers, whose the links are.

Mailbox providers show their button to unsubscribe, and count one click, only when List-Unsubscribe and
List-Unsubscribe-Post are both ours and both signed (RFC 8058 section 4). Only a message that went all the way shows it.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr

from newsletter.config import PublicationSettings
from newsletter.doctor.authentication_results import AuthenticationResult, read_results
from newsletter.doctor.dkim_keys import tag_list
from newsletter.doctor.dmarc import DmarcReport, evaluate_dmarc
from newsletter.doctor.dns import DnsClient, DnsError
from newsletter.doctor.domain_names import is_aligned
from newsletter.doctor.finding import CheckResult, failed, passed, skipped, warned
from newsletter.errors import NewsletterError
from newsletter.signed_links import SECRET_FILE, Links, Purpose

MOST_BYTES = 50 * 1024 * 1024
"""Bytes of a message, at most; Gmail takes 25 MB."""
COVERED = ("list-unsubscribe", "list-unsubscribe-post")
PROVIDER = "Ask your provider to sign both headers, or sign yourself: docs/doctor.md."
HOW_TO_SAVE = "Save it as the mail program got it: Show original, View source, or Save as .eml."


def received_results(publication: PublicationSettings, raw: bytes, dns: DnsClient | None) -> list[CheckResult]:
    """Return the results about a received message; with `dns`, its signatures are verified as well.

    Raises NewsletterError when it is no message.
    """
    message = email.message_from_bytes(raw)
    if not message["From"]:
        raise NewsletterError("this is not an email: it has no From", hint=HOW_TO_SAVE)
    return [*_Copy(publication, raw, message, dns).results()]


@dataclass(frozen=True, kw_only=True)
class DkimSignature:
    """A DKIM-Signature header."""

    domain: str
    selector: str
    covered: frozenset[str]
    """Names of the headers that it covers, lower case."""
    is_partial: bool
    """Whether it covers only the beginning of the body (`l=`), so that others may add to it."""


def signatures(message: Message) -> list[DkimSignature]:
    """Return the signatures of a message, the topmost first; those that cannot be read are left out."""
    read = [tag_list(str(header)) for header in message.get_all("DKIM-Signature", [])]
    return [
        DkimSignature(
            domain=tags["d"].lower(),
            selector=tags.get("s", ""),
            covered=frozenset(name.strip().lower() for name in tags.get("h", "").split(":")),
            is_partial="l" in tags,
        )
        for tags in read
        if tags and tags.get("d")
    ]


class _Copy:
    """Hold one received message."""

    def __init__(self, publication: PublicationSettings, raw: bytes, message: Message, dns: DnsClient | None) -> None:
        self._publication, self._raw, self._message, self._dns = publication, raw, message, dns
        self._sender = parseaddr(_text(message["From"]))[1].rpartition("@")[2].lower()
        self._signatures = signatures(message)
        headers = message.get_all("Authentication-Results", [])
        # Servers put theirs on top; those below may be the sender's own invention.
        server, self._results = read_results(str(headers[0])) if headers else ("", [])
        self._server = server or "The receiving server"
        self._policy = self._dmarc()

    def results(self) -> Iterator[CheckResult]:
        yield self._from()
        yield self._authentication()
        yield self._alignment()
        yield self._verified()
        yield self._list_unsubscribe()
        yield self._one_click()
        yield self._coverage()

    def _from(self) -> CheckResult:
        own, name = self._publication.config.publication.sender.domain, "read.from"
        if self._sender == own:
            return passed(name, f"It comes from {own}, as newsletter.toml says.")
        fix = "Save a message of this publication, or run this in the folder of the one that sent it."
        return failed(name, f"It comes from {self._sender or 'nobody'}, and this publication is {own}.", fix)

    def _authentication(self) -> CheckResult:
        name = "read.authentication"
        verdicts = [verdict for verdict in self._results if verdict.method in ("spf", "dkim", "dmarc")]
        if not verdicts:
            words = "No mail server wrote down whether it passed (there is no Authentication-Results header)."
            return skipped(name, words, f"Send the probe to Gmail, Yahoo or Outlook. {HOW_TO_SAVE}")
        words = ", ".join(f"{verdict.method} {verdict.result}{_about(verdict)}" for verdict in verdicts)
        dmarc = next((verdict.result for verdict in verdicts if verdict.method == "dmarc"), "")
        has_passed = any(verdict.result == "pass" for verdict in verdicts if verdict.method in ("spf", "dkim"))
        if dmarc in ("fail", "permerror") or (not has_passed and dmarc != "pass"):
            fix = "Run newsletter doctor: its group `domain` says which record is wrong."
            return failed(name, f"{self._server} did not take it for genuine: {words}.", fix)
        weak = [verdict.method for verdict in verdicts if verdict.result not in ("pass", "none", "bestguesspass")]
        if weak or dmarc != "pass":
            return warned(name, f"{self._server} found: {words}.", "All three (spf, dkim, dmarc) should pass.")
        return passed(name, f"{self._server} took it for genuine: {words}.")

    def _alignment(self) -> CheckResult:
        """Return whether a domain that passed is the From address's own, as DMARC asks."""
        name = "read.alignment"
        good = [verdict for verdict in self._results if verdict.result == "pass" and verdict.method in ("spf", "dkim")]
        ways = [
            f"{verdict.method} passed for {verdict.domain}"
            for verdict in good
            if verdict.domain and is_aligned(verdict.domain, self._sender, strict=self._is_strict(verdict.method))
        ]
        if any(verdict.method == "dmarc" and verdict.result == "pass" for verdict in self._results):
            ways = ways or ["dmarc passed"]
        if ways:
            return passed(name, f"A domain that passed is the sender's own: {' and '.join(ways)}.")
        if not self._results:
            own = [each.domain for each in self._signatures if is_aligned(each.domain, self._sender, strict=False)]
            if own:
                return warned(
                    name, f"It is signed by {own[0]}; whether that passed, no server wrote down.", HOW_TO_SAVE
                )
        others = ", ".join(dict.fromkeys(verdict.domain for verdict in good if verdict.domain)) or "none"
        fix = f"Sign with DKIM for {self._sender}: newsletter doctor says what to publish."
        return failed(name, f"No domain that passed is {self._sender}'s own (passed: {others}).", fix)

    def _is_strict(self, method: str) -> bool:
        return self._policy.strict_dkim if method == "dkim" else self._policy.strict_spf

    def _dmarc(self) -> DmarcReport:
        try:
            return evaluate_dmarc(self._dns, self._sender) if self._dns else DmarcReport(domain=self._sender)
        except DnsError:
            return DmarcReport(domain=self._sender)

    def _verified(self) -> CheckResult:
        name = "read.signature"
        if not self._signatures:
            return failed(
                name, "It has no DKIM signature.", "Have your provider sign for your domain, or sign yourself."
            )
        if self._dns is None:
            return skipped(name, "Its signatures were not verified, because that takes DNS (--offline).")
        broken = [self._broken(self._raw, number) for number in range(len(self._signatures))]
        good = [each.domain for each, reason in zip(self._signatures, broken, strict=True) if not reason]
        if good:
            return passed(name, f"The signature of {good[0]} holds: nothing that it covers was changed on the way.")
        words = f"No signature holds: {self._signatures[0].domain}: {broken[0]}."
        fix = f"If a mail program changed the file, save it again. {HOW_TO_SAVE}"
        return failed(name, words, fix)

    def _broken(self, raw: bytes, number: int) -> str:
        """Return why a signature does not hold; empty when it does."""
        import dkim

        def text_of(name: bytes, timeout: float = 5) -> bytes | None:
            assert self._dns
            texts = self._dns.txt(name.decode("ascii", "replace")).records
            return texts[0].encode() if texts else None

        try:
            holds = dkim.DKIM(re.sub(rb"\r?\n", b"\r\n", raw)).verify(number, dnsfunc=text_of)
        except (dkim.DKIMException, DnsError, ValueError) as error:
            return str(error)[:150]
        return "" if holds else "the message or the key was changed"

    def _list_unsubscribe(self) -> CheckResult:
        name, header = "read.list_unsubscribe", _text(self._message["List-Unsubscribe"])
        links = re.findall(r"<\s*(https?://[^>\s]+)\s*>", header)
        if not header:
            return failed(name, "It has no List-Unsubscribe header.", "Your provider takes it out: docs/providers.md.")
        own = [link for link in links if Links(self._publication).is_ours(link)]
        if not own:
            words = f"Its List-Unsubscribe is not ours: {(links or [header])[0][:120]}"
            return failed(name, f"{words}.", "Your provider puts in its own; docs/providers.md says how to keep ours.")
        if len(links) > len(own):
            return warned(name, "Beside ours, List-Unsubscribe has another link.", "Switch it off at your provider.")
        return self._own_link(name, own[0])

    def _own_link(self, name: str, link: str) -> CheckResult:
        if not self._publication.config.environment.secret and not (self._publication.root / SECRET_FILE).exists():
            return warned(
                name, "Its List-Unsubscribe leads to our address.", "Run this where the secret is, to prove it."
            )
        try:
            known = Links(self._publication).read(link.rpartition("/")[2], Purpose.READER)
        except NewsletterError as error:
            return warned(name, f"Its List-Unsubscribe leads to our address; {error.message}.", error.hint)
        if known is None:
            fix = "Give the machine that sends and this one the same [environment] secret."
            return failed(name, "Its List-Unsubscribe leads to our address, but was signed with another secret.", fix)
        return passed(name, "Its List-Unsubscribe is ours, and the server knows it.")

    def _one_click(self) -> CheckResult:
        name, header = "read.one_click", _text(self._message["List-Unsubscribe-Post"])
        if re.sub(r"\s", "", header).lower() == "list-unsubscribe=one-click":
            return passed(name, "It asks for one-click unsubscription (List-Unsubscribe-Post).")
        words = f'its List-Unsubscribe-Post is "{header[:60]}"' if header else "it has no List-Unsubscribe-Post header"
        return failed(name, f"Mail programs show no unsubscribe button: {words}.", "Your provider takes it out.")

    def _coverage(self) -> CheckResult:
        """Return whether a signature of the sender's own domain covers both headers."""
        name = "read.coverage"
        if not self._signatures:
            return skipped(name, "Without a signature nothing is covered.")
        full = [each for each in self._signatures if each.covered.issuperset(COVERED)]
        own = [each for each in full if is_aligned(each.domain, self._sender, strict=False)]
        if not full:
            missing = [header for header in COVERED if header not in self._signatures[0].covered]
            words = f"The signature of {self._signatures[0].domain} does not cover {' and '.join(missing)}"
            return failed(name, f"{words}, so mail programs do not trust the unsubscribe button.", PROVIDER)
        best = (own or full)[0]
        words = f"The signature of {best.domain} covers both unsubscribe headers"
        if best.is_partial:
            return warned(name, f"{words}, but only the beginning of the body (l=).", "Sign the whole body.")
        if not own:
            return warned(name, f"{words}, but it is not {self._sender}'s own.", PROVIDER)
        return passed(name, f"{words}.")


def _about(verdict: AuthenticationResult) -> str:
    return f" ({verdict.domain})" if verdict.domain else ""


def _text(header: object) -> str:
    """Return a header on one line, its encoded words decoded where they can be."""
    if header is None:
        return ""
    text = " ".join(str(header).split())
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError):
        return text
