"""The sender's domain, in zones that a real DNS server serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.doctor.dns import DnsClient, DnsError, dns_client
from newsletter.doctor.domain import domain_results
from newsletter.doctor.finding import CheckResult
from newsletter.doctor.sending_domain import sending_domain
from newsletter.errors import ConfigError
from newsletter.providers import find_provider
from newsletter.providers.accounts.account import AccountFacts
from tests.doctor.keys import dkim_record, private_pem, public_key
from tests.doctor.zones import CASES, DOMAIN, KEY, ZoneCase, right
from tests.support.dns_server import Zone, dns_server
from tests.support.sending import settings

SELECTOR = '[dkim]\nselector = "s1"\n'


def examined(
    folder: Path,
    zone: Zone,
    monkeypatch: pytest.MonkeyPatch,
    more: str = SELECTOR,
    facts: AccountFacts | None = None,
    sender: str = DOMAIN,
) -> list[CheckResult]:
    """The results about a publication's domain, when DNS is this zone."""
    path = settings(folder, more).path
    path.write_text(path.read_text().replace("news@example.com", f"news@{sender}"))
    publication = load_publication(path)
    provider = find_provider(publication)
    with dns_server(zone) as server:
        monkeypatch.setenv("NEWSLETTER_DNS", server.address)
        return [*domain_results(dns_client(), [sending_domain(publication, provider, facts or AccountFacts())])]


def states(results: list[CheckResult]) -> dict[str, str]:
    """The checks that did not pass, and how."""
    return {result.check: str(result.state) for result in results if result.state != "pass"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_doctor_tells_what_is_wrong_with_a_zone(
    case: ZoneCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = examined(tmp_path, case.zone, monkeypatch)

    assert states(results) == {check: state for check, state in case.states.items() if state != "pass"}
    assert any(
        case.words.lower() in result.message.lower()
        for result in results
        if result.check in case.states or not case.states
    )
    assert all(result.fix for result in results if result.state in ("warn", "fail"))


def test_there_are_at_least_thirty_zones() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 30


def test_strict_dmarc_refuses_the_signature_of_the_domain_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = {
        **right(),
        f"_dmarc.{DOMAIN} TXT": "v=DMARC1; p=reject; adkim=s; aspf=s",
        "s1._domainkey.example.com TXT": dkim_record(),
        f"{DOMAIN} TXT": "v=spf1 +all",
    }

    strict = examined(tmp_path, zone, monkeypatch, '[dkim]\nselector = "s1"\ndomain = "example.com"\n')
    relaxed = examined(
        tmp_path,
        {**zone, f"_dmarc.{DOMAIN} TXT": "v=DMARC1; p=reject"},
        monkeypatch,
        '[dkim]\nselector = "s1"\ndomain = "example.com"\n',
    )

    assert states(strict)["domain.alignment"] == "fail"
    assert "domain.alignment" not in states(relaxed)


def test_domains_under_one_public_suffix_are_not_one_owner_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = {"s1._domainkey.other.co.uk TXT": dkim_record(), "news.co.uk MX": "10 mx.news.co.uk"}
    more = '[dkim]\nselector = "s1"\ndomain = "other.co.uk"\n'

    results = examined(tmp_path, zone, monkeypatch, more, sender="news.co.uk")

    assert states(results)["domain.alignment"] == "fail"
    assert "domain.dkim" not in states(results)


def test_a_record_between_the_domain_and_its_owner_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = {
        **{name.replace(DOMAIN, "a.b.example.com"): value for name, value in right().items()},
        "_dmarc.b.example.com TXT": "v=DMARC1; p=none",
        "_dmarc.example.com TXT": "v=DMARC1; p=reject",
    }
    del zone["_dmarc.a.b.example.com TXT"]

    results = examined(tmp_path, zone, monkeypatch, sender="a.b.example.com")

    (dmarc,) = [result for result in results if result.check == "domain.dmarc"]
    assert dmarc.state == "warn"
    assert "newer ones that of b.example.com" in dmarc.message


POSTMARK = '[send]\nprovider = "postmark"\n[providers.postmark]\ntoken = "env:T"\n'
MAILGUN = f'[send]\nprovider = "mailgun"\n[providers.mailgun]\napi_key = "env:T"\ndomain = "{DOMAIN}"\n'


def test_a_provider_whose_bounces_go_elsewhere_needs_no_spf_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = {name: value for name, value in right().items() if name != f"{DOMAIN} TXT"}

    found = {result.check: result for result in examined(tmp_path, zone, monkeypatch, POSTMARK + SELECTOR)}

    assert found["domain.spf"].state == "warn"
    assert "Mail passes without one" in found["domain.spf"].message
    assert found["domain.alignment"].state == "pass"


def test_an_spf_record_without_the_provider_s_servers_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = AccountFacts(return_path=DOMAIN, dkim_names=(KEY,))

    results = examined(tmp_path, right(), monkeypatch, MAILGUN, facts)

    (spf,) = [result for result in results if result.check == "domain.spf"]
    assert (spf.state, spf.fix) == ("fail", "Add include:mailgun.org to it, before its all.")


def test_the_domain_to_which_bounces_go_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = {**right(), f"bounce.{DOMAIN} TXT": "v=spf1 include:amazonses.com ~all", "amazonses.com TXT": "v=spf1 ~all"}
    more = '[send]\nprovider = "resend"\n[providers.resend]\napi_key = "env:T"\n'
    facts = AccountFacts(return_path=f"bounce.{DOMAIN}", dkim_names=(KEY,))

    found = {result.check: result for result in examined(tmp_path, zone, monkeypatch, more, facts)}

    assert found["domain.spf_return_path"].state == "pass"
    assert f"it returns to bounce.{DOMAIN}" in found["domain.alignment"].message


def test_a_return_path_that_leads_to_the_provider_by_a_cname_has_the_provider_s_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = {**right(), f"mta.{DOMAIN} CNAME": "mailersend.net", "mailersend.net TXT": "v=spf1 ip4:192.0.2.0/24 ~all"}
    more = '[send]\nprovider = "mailersend"\n[providers.mailersend]\napi_key = "env:T"\n'
    facts = AccountFacts(return_path=f"mta.{DOMAIN}", dkim_names=(KEY,))

    found = {result.check: result for result in examined(tmp_path, zone, monkeypatch, more, facts)}

    assert found["domain.spf_return_path"].state == "pass"
    assert f"it returns to mta.{DOMAIN}" in found["domain.alignment"].message


def test_a_published_key_that_is_not_that_of_the_signing_key_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DKIM_KEY", private_pem(1024))
    more = '[send]\nprovider = "smtp"\n[providers.smtp]\nhost = "localhost"\ndkim_key = "env:DKIM_KEY"\n'
    name = f"newsletter._domainkey.{DOMAIN} TXT"

    wrong = examined(tmp_path, {**right(), name: dkim_record(2048)}, monkeypatch, more)
    same = examined(tmp_path, {**right(), name: f"v=DKIM1; p={public_key(1024)}"}, monkeypatch, more)

    assert states(wrong)["domain.dkim"] == "fail"
    assert states(same)["domain.dkim"] == "warn"  # 1024 bits
    (alignment,) = [result.message for result in wrong if result.check == "domain.alignment"]
    assert "signed by" not in alignment


def test_usual_selectors_are_tried_where_the_account_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = '[send]\nprovider = "sendgrid"\n[providers.sendgrid]\napi_key = "env:T"\n'

    found = {result.check: result for result in examined(tmp_path, right(), monkeypatch, more)}
    without = {name: value for name, value in right().items() if name != f"{KEY} TXT"}
    missing = {result.check: result for result in examined(tmp_path, without, monkeypatch, more)}

    assert found["domain.dkim"].state == "pass"
    assert missing["domain.dkim"].state == "warn"
    assert "(s1, s2)" in missing["domain.dkim"].message


def test_a_selector_that_nobody_told_is_skipped_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {result.check: result for result in examined(tmp_path, right(), monkeypatch, POSTMARK)}

    assert found["domain.dkim"].state == "skip"
    assert "[dkim] selector" in found["domain.dkim"].fix
    assert found["domain.alignment"].state == "warn"


def test_a_domain_whose_name_servers_are_broken_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = examined(tmp_path, {f"{DOMAIN} SERVFAIL": "", f"_dmarc.{DOMAIN} SERVFAIL": ""}, monkeypatch)

    assert states(results)["domain.mail"] == "fail"
    assert "SERVFAIL" in results[0].message


def test_a_silent_name_server_is_asked_twice_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.doctor.dns.SECONDS", 0.2)
    with dns_server({f"{name}.example.com SILENT": "" for name in "abc"}) as server:
        monkeypatch.setenv("NEWSLETTER_DNS", server.address)
        client = dns_client()
        for name in "abc":
            with pytest.raises(DnsError):
                client.txt(f"{name}.example.com")

        assert not any(question.startswith("c.") for question in server.asked)


def test_every_question_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with dns_server({"a.example.com TXT": "x"}) as server:
        monkeypatch.setenv("NEWSLETTER_DNS", server.address)
        client = dns_client()

        assert client.txt("a.example.com") == client.txt("A.example.com.")
        assert server.asked == ["a.example.com TXT"]


@pytest.mark.parametrize("value", ["nonsense", "1.2.3.4:port", "[::1", "127.0.0.1:99999999"])
def test_a_name_server_that_is_none_is_one_clear_error(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_DNS", value)

    with pytest.raises(ConfigError, match="is not a name server"):
        dns_client()


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("[::1]:5353", ("::1", 5353)),
        ("9.9.9.9", ("9.9.9.9", 53)),
        ("localhost:54", ("127.0.0.1", 54)),
    ],
)
def test_a_name_server_is_written_as_host_and_port(
    value: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_DNS", value)
    client: DnsClient = dns_client()

    assert (client.resolver.nameservers[0], client.resolver.port) == address
