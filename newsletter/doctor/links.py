"""Check the readers' pages from outside: the name, the certificate, and that one click unsubscribes.

The one click (RFC 8058) is a POST with a token of the reader number 0, which nobody has: the server answers it as any
other, and finds nobody to take off a list.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from newsletter.config import LOOPBACK, PublicationSettings
from newsletter.doctor.dns import DnsClient, DnsError
from newsletter.doctor.finding import CheckResult, failed, passed, skipped, warned
from newsletter.doctor.web_probe import CertificateError, ProbeAnswer, ProbeError, probe
from newsletter.errors import NewsletterError
from newsletter.signed_links import SECRET_FILE, Links, Purpose
from newsletter.times import utc_now

ONE_CLICK = b"List-Unsubscribe=One-Click"
"""The body that RFC 8058 section 3.2 asks for."""
ENDS_SOON = timedelta(days=14)
NOBODY = 0
"""The number of no reader: numbers begin at 1."""
START = "Start the readers' pages (newsletter serve), or correct [publication] url."


def links_results(publication: PublicationSettings, dns: DnsClient | None) -> Iterator[CheckResult]:
    """Yield the results about `publication.url`; `dns` is None when no name server can be asked."""
    url = str(publication.config.publication.url)
    address, result = _address(url, dns)
    yield result
    if not address:
        return
    try:
        token = _token(publication)
    except NewsletterError as error:
        yield failed("links.one_click", f"No link can be signed: {error.message}.", error.hint)
        return
    target = Links(publication).unsubscribe_url(token) if token else f"{url}/"
    try:
        page = probe(target, address, accept="text/html")
    except CertificateError as error:
        yield _untrusted(url, error)
        return
    except ProbeError as error:
        yield failed("links.page", f"{url} cannot be reached: {error}.", START)
        return
    yield _certificate(url, page.expires_at)
    if not token:
        words = f"No link was signed yet ({SECRET_FILE} is missing), so none can be tried."
        yield skipped("links.one_click", words, "Run this again after a first newsletter test.")
        return
    yield _page(url, page)
    yield _one_click(target, address)


def _address(url: str, dns: DnsClient | None) -> tuple[str, CheckResult]:
    """Return a network address of the URL's host, empty when there is none, and the result about its name."""
    host, name = urlsplit(url).hostname or "", "links.name"
    try:
        ipaddress.ip_address(host)
        return host, passed(name, f"{host} is a network address and needs no name.")
    except ValueError:
        pass
    if LOOPBACK.match(url):
        return "127.0.0.1", passed(name, f"{host} is this machine.")
    try:
        addresses = dns.addresses(host).records if dns else tuple(_system_addresses(host))
    except (DnsError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        return "", failed(name, f"The name {host} cannot be looked up: {reason}.", "Look at its name servers.")
    if not addresses:
        fix = f"Publish an A or AAAA record at {host}, or correct [publication] url."
        return "", failed(name, f"The name {host} leads nowhere, so no link in an email works.", fix)
    return addresses[0], passed(name, f"The name {host} leads to {addresses[0]}.")


def _system_addresses(host: str) -> Iterator[str]:
    for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        yield str(address[0])


def _token(publication: PublicationSettings) -> str:
    """Return the token of nobody; empty when no link was signed yet, because asking for one would make the secret."""
    if not publication.config.environment.secret and not (publication.root / SECRET_FILE).exists():
        return ""
    return Links(publication).token(Purpose.READER, NOBODY, 0, publication.default_list)


def _untrusted(url: str, error: CertificateError) -> CheckResult:
    fix = "Renew the certificate, or have your proxy show the whole chain: docs/serving.md."
    return failed("links.certificate", f"Browsers do not trust the certificate of {url}: {error}.", fix)


def _certificate(url: str, ends: datetime | None) -> CheckResult:
    name = "links.certificate"
    if ends is None:
        fix = "Before the first issue to readers, set [publication] url to an https:// address."
        return warned(name, f"{url} is on this machine and has no certificate; readers cannot open its links.", fix)
    left = ends - utc_now()
    days = f"for {left.days} more days, until {ends:%Y-%m-%d}"
    if left < ENDS_SOON:
        return warned(name, f"The certificate of {url} is good {days}.", "Renew it, and let it renew by itself.")
    return passed(name, f"The certificate of {url} is good {days}.")


def _page(url: str, page: ProbeAnswer) -> CheckResult:
    name = "links.page"
    if page.status == 200 and "text/html" in page.headers.get("content-type", ""):
        return passed(name, "The page behind an unsubscribe link opens, and opening it changes nothing.")
    return failed(name, f"The page behind an unsubscribe link does not open: {_said(url, page)}.", _advice(page))


def _one_click(target: str, address: str) -> CheckResult:
    name, url = "links.one_click", target.partition("/unsubscribe/")[0]
    try:
        answer = probe(target, address, method="POST", body=ONE_CLICK, accept="application/json")
    except ProbeError as error:
        return failed(name, f"A one-click unsubscription gets no answer: {error}.", START)
    if answer.status == 200 and _unsubscribed(answer) == []:
        return passed(name, "One click unsubscribes. It was tried with a token that belongs to no reader.")
    words = f"One click does not unsubscribe: {_said(url, answer)}."
    return failed(name, words, _advice(answer))


def _unsubscribed(answer: ProbeAnswer) -> object:
    """Return the lists that our server names in its answer; None for an answer that is not our server's."""
    try:
        answer_json = json.loads(answer.body)
    except ValueError:
        return None
    return answer_json.get("unsubscribed") if isinstance(answer_json, dict) else None


def _said(url: str, answer: ProbeAnswer) -> str:
    if 300 <= answer.status < 400:
        return f"{url} redirects to {answer.headers.get('location', 'nowhere')[:200]}, and mail programs do not follow"
    if answer.status == 200:
        return f"something other than this program answers at {url}"
    return f"{url} answers {answer.status}"


def _advice(answer: ProbeAnswer) -> str:
    if 300 <= answer.status < 400:
        return "Set [publication] url to the address that it redirects to, in all its parts."
    if answer.status == 404:
        return "The server does not know links that are signed here: give both the same [environment] secret."
    if answer.status in (401, 403, 405):
        return "Let your proxy or firewall pass POST to /unsubscribe/, without a login and from anywhere."
    return START
