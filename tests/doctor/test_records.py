"""What SPF, DKIM and DMARC records say, whatever somebody writes into one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dns.resolver
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.doctor.dkim_keys import read_key, tag_list
from newsletter.doctor.dmarc import evaluate_dmarc
from newsletter.doctor.dns import DnsAnswer, DnsClient
from newsletter.doctor.domain_names import is_aligned, organisational_domain, parents
from newsletter.doctor.spf import evaluate_spf
from tests.doctor.keys import dkim_record

DOMAIN = "example.com"


class ZoneClient(DnsClient):
    """A client whose answers are here already: thousands of records, and no waiting for any."""

    def __init__(self, zone: dict[str, list[str]]) -> None:
        super().__init__(dns.resolver.Resolver(configure=False))
        self._zone = zone

    def _ask(self, name: str, kind: str, read: Callable[[Any], str]) -> DnsAnswer:
        records = self._zone.get(f"{name} {kind}", [])
        return DnsAnswer(name=name, records=tuple(records), exists=bool(records))


def spf(record: str, **more: str) -> Any:
    zone = {f"{DOMAIN} TXT": [record]} | {f"{name.replace('_', '.')} TXT": [text] for name, text in more.items()}
    return evaluate_spf(ZoneClient(zone), DOMAIN)


TERMS = st.sampled_from(
    [
        *("a", "mx", "ptr", "all", "-all", "+all", "~all", "a:b.example", "mx/24", "a//64", "?mx", "A", "MX"),
        *("include:b.example", "include:", "-include:example.com", "INCLUDE:B.EXAMPLE", "include:%{d2r-}.example"),
        *("redirect=b.example", "redirect=", "exp=e.example", "foo=bar", "v=spf1", "%{d}", "=", ":", "/"),
        *("exists:%{i}.c", "exists:%{%}x", "ip4:1.2.3.4", "ip4:1.2.3.4/40", "ip6:::1", "ip6:x"),
    ]
)


@given(st.lists(TERMS | st.text(max_size=12), max_size=12))
def test_any_spf_record_can_be_read(terms: list[str]) -> None:
    report = spf(" ".join(["v=spf1", *terms]), b_example="v=spf1 mx redirect=example.com")

    assert 0 <= report.lookups <= 31
    assert report.is_good == (not report.mistakes and report.end != "+")


@given(st.integers(0, 25), st.integers(0, 5))
def test_every_include_counts_and_nothing_after_all_does(before: int, after: int) -> None:
    zone = {f"i{number}.example TXT": ["v=spf1 ip4:192.0.2.1 -all"] for number in range(before + after)}
    names = [f"include:i{number}.example" for number in range(before + after)]
    record = " ".join(["v=spf1", *names[:before], "-all", *names[before:]])

    report = evaluate_spf(ZoneClient({**zone, f"{DOMAIN} TXT": [record]}), DOMAIN)

    assert report.lookups == before
    assert report.is_good == (before <= 10)
    assert report.targets == {f"i{number}.example" for number in range(before)}


def test_look_ups_of_includes_count_at_any_depth() -> None:
    report = spf(
        "v=spf1 include:b.example -all", b_example="v=spf1 include:c.example a ~all", c_example="v=spf1 mx ~all"
    )

    assert report.lookups == 4
    assert report.targets == {"b.example", "c.example"}


@pytest.mark.parametrize(
    ("record", "end"),
    [
        ("v=spf1 -all", "-"),
        ("v=spf1 all", "+"),
        ("v=spf1 mx", ""),
        ("V=SPF1 ?ALL", "?"),
        ("v=spf1 redirect=b.example", "~"),
    ],
)
def test_the_end_of_a_record_is_that_of_its_all_or_its_redirect(record: str, end: str) -> None:
    assert spf(record, b_example="v=spf1 ip4:192.0.2.1 ~all").end == end


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("v=spf1 -all ipv4:192.0.2.1", "is not part of an SPF record"),
        ("v=spf1 redirect=b.example redirect=c.example", "stands there 2 times"),
        ("v=spf1 redirect=", "has no domain"),
        ("v=spf1 include -all", "needs exactly one domain"),
        ("v=spf1 include:b.example/24 -all", "needs exactly one domain"),
        ("v=spf1 all:b.example", "is not"),
        ("v=spf1 mx/99 -all", "not written as SPF wants it"),
        ("v=spf1 exp=%{nothing}.example -all", "a macro that SPF does not know"),
    ],
)
def test_one_mistake_anywhere_spoils_the_record(record: str, words: str) -> None:
    report = spf(record, b_example="v=spf1 -all")

    assert any(words in mistake for mistake in report.mistakes)
    assert not report.is_good


@pytest.mark.parametrize("record", ["v=spf10 -all", "v=spf1-all", "spf1 -all", "v=spf2.0/pra -all"])
def test_what_is_no_spf_record_is_not_taken_for_one(record: str) -> None:
    assert spf(record).record == ""


@pytest.mark.parametrize(
    ("macro", "name"),
    [
        ("%{d}", "example.com"),
        ("%{o}", "example.com"),
        ("%{l}", "postmaster"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example"),
        ("%{d1r}", "example"),
        ("%{l-}", "postmaster"),
    ],
)
def test_macros_about_the_sender_are_filled_in(macro: str, name: str) -> None:
    report = spf(f"v=spf1 include:{macro}.x.example -all", **{f"{name}_x_example".replace(".", "_"): "v=spf1 -all"})

    assert (report.mistakes, report.targets) == ([], {f"{name}.x.example"})


@given(st.text("kvptsh=;: rsa1DKIM_*\t\nMIGf+/", max_size=60))
def test_any_text_can_be_read_as_a_key(text: str) -> None:
    key = read_key("s._domainkey.example.com", text)

    assert key.is_good == (not key.mistake)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), st.text("abc/+=: 123", max_size=20), min_size=1
    )
)
def test_tags_are_read_as_they_are_written(tags: dict[str, str]) -> None:
    text = "; ".join(f"{name} = {value}" for name, value in tags.items())

    assert tag_list(text) == {name: value.replace(" ", "") for name, value in tags.items()}
    assert tag_list(f"{text};") == tag_list(text)


def test_a_key_may_be_folded() -> None:
    folded = dkim_record().replace("p=", "p=\n  ").replace("AQ", "A Q")

    assert read_key("s._domainkey.example.com", folded).is_good


@given(st.lists(st.text("v=DMARC1; psprnoejctuaidkm:@.x", max_size=60), max_size=3))
def test_any_dmarc_record_can_be_read(texts: list[str]) -> None:
    report = evaluate_dmarc(ZoneClient({f"_dmarc.{DOMAIN} TXT": texts}), DOMAIN)

    assert report.policy in ("", "none", "quarantine", "reject")
    assert bool(report.policy) or report.mistakes or not report.source


@pytest.mark.parametrize(
    ("own", "above", "policy"),
    [
        (None, "v=DMARC1; p=reject", "reject"),
        (None, "v=DMARC1; p=reject; sp=none", "none"),
        ("v=DMARC1; p=quarantine", "v=DMARC1; p=reject", "quarantine"),
        (None, "v=DMARC1; rua=mailto:a@example.com", "none"),
    ],
)
def test_a_domain_without_a_policy_has_that_of_its_owner(own: str | None, above: str, policy: str) -> None:
    zone = {"_dmarc.example.com TXT": [above]} | ({"_dmarc.news.example.com TXT": [own]} if own else {})

    assert evaluate_dmarc(ZoneClient(zone), "news.example.com").policy == policy


@pytest.mark.parametrize(
    ("domain", "owner"),
    [
        ("news.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("example.com", "example.com"),
        ("someone.github.io", "someone.github.io"),
        ("a.b.unknown-suffix", "b.unknown-suffix"),
    ],
)
def test_the_owner_of_a_domain_is_found_by_the_public_suffix_list(domain: str, owner: str) -> None:
    assert organisational_domain(domain) == owner


def test_the_domains_above_end_with_the_owner_s() -> None:
    assert parents("a.b.example.co.uk") == ["b.example.co.uk", "example.co.uk"]
    assert parents("example.co.uk") == parents("co.uk") == []


NAMES = st.sampled_from(["example.com", "news.example.com", "a.news.example.com", "example.net", "x.co.uk", "y.co.uk"])


@given(NAMES, NAMES)
def test_alignment_goes_both_ways_and_strict_is_the_narrower(one: str, other: str) -> None:
    assert is_aligned(one, other, strict=False) == is_aligned(other, one, strict=False)
    assert is_aligned(one, other, strict=False) or not is_aligned(one, other, strict=True)
    assert is_aligned(one, one.upper(), strict=True)
