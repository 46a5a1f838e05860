"""Zones of the sender's domain, right and wrong, and what the doctor has to find in each."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from tests.doctor.keys import dkim_record, ed25519_key, public_key
from tests.support.dns_server import Zone

DOMAIN = "news.example.com"
KEY = f"s1._domainkey.{DOMAIN}"
TINY = base64.b64encode(
    bytes.fromhex("305c300d06092a864886f70d0101010500034b003048024100") + b"\xc5" * 64 + bytes.fromhex("0203010001")
).decode()
"""An RSA key of 512 bits, in DER (RFC 8017 appendix A.1.1)."""


def right() -> dict[str, str | list[str]]:
    """A zone in which everything is well."""
    return {
        f"{DOMAIN} MX": "10 mx.example.com",
        f"{DOMAIN} TXT": ["some-verification=1", "v=spf1 ip4:192.0.2.0/24 -all"],
        f"{KEY} TXT": dkim_record(),
        f"_dmarc.{DOMAIN} TXT": f"v=DMARC1; p=reject; rua=mailto:dmarc@{DOMAIN}",
    }


@dataclass(frozen=True, kw_only=True)
class ZoneCase:
    """A change of the right zone, and the states that are not `pass` then, with words of the message."""

    name: str
    change: Zone = field(default_factory=dict)
    without: tuple[str, ...] = ()
    states: dict[str, str] = field(default_factory=dict)
    words: str = ""

    @property
    def zone(self) -> Zone:
        return {name: value for name, value in {**right(), **self.change}.items() if name not in self.without}


def _spf(name: str, record: str, words: str, state: str = "fail", **more: str | list[str]) -> ZoneCase:
    zone = {f"{DOMAIN} TXT": record} | {key.replace("__", " "): value for key, value in more.items()}
    return ZoneCase(name=name, change=zone, states={"domain.spf": state}, words=words)


def _includes(number: int) -> dict[str, str | list[str]]:
    return {f"i{each}.example.net TXT": "v=spf1 ip4:192.0.2.1 -all" for each in range(number)}


def _terms(number: int) -> str:
    return " ".join(f"include:i{each}.example.net" for each in range(number))


SPF_CASES = [
    ZoneCase(
        name="no SPF", change={f"{DOMAIN} TXT": "hello"}, states={"domain.spf": "fail"}, words="has no SPF record"
    ),
    ZoneCase(
        name="two SPF records",
        change={f"{DOMAIN} TXT": ["v=spf1 -all", "v=spf1 ip4:192.0.2.1 ~all"]},
        states={"domain.spf": "fail"},
        words="has 2 SPF records, and only one is allowed",
    ),
    ZoneCase(
        name="eleven look-ups",
        change={f"{DOMAIN} TXT": f"v=spf1 {_terms(11)} -all", **_includes(11)},
        states={"domain.spf": "fail"},
        words="needs 11 look-ups, and 10 are allowed",
    ),
    ZoneCase(
        name="ten look-ups, two of them in an include",
        change={
            f"{DOMAIN} TXT": f"v=spf1 {_terms(7)} include:deep.example.net -all",
            "deep.example.net TXT": "v=spf1 a:mail.example.net mx:example.net -all",
            "mail.example.net A": "192.0.2.5",
            "example.net MX": "10 mail.example.net",
            **_includes(7),
        },
    ),
    ZoneCase(
        name="three look-ups that find nothing",
        change={f"{DOMAIN} TXT": "v=spf1 a:x.example.net a:y.example.net mx:z.example.net -all"},
        states={"domain.spf": "fail"},
        words="3 of its look-ups find nothing, and 2 are allowed",
    ),
    _spf("the whole world", "v=spf1 mx +all", "allows the whole world"),
    _spf("all without a sign", "v=spf1 all", "allows the whole world"),
    _spf("no all", "v=spf1 ip4:192.0.2.1", "says nothing about others", "warn"),
    _spf("neutral at the end", "v=spf1 ip4:192.0.2.1 ?all", "", "pass"),
    _spf("a slip in a mechanism", "v=spf1 ipv4:192.0.2.1 -all", '"ipv4:192.0.2.1" is not part of an SPF record'),
    _spf("a wrong network", "v=spf1 ip4:192.0.2.300 -all", "has no IPv4 address"),
    _spf("an include of nothing", "v=spf1 include:gone.example.net -all", "has no SPF record"),
    ZoneCase(
        name="includes in a circle",
        change={
            f"{DOMAIN} TXT": "v=spf1 include:b.example.net -all",
            "b.example.net TXT": f"v=spf1 include:{DOMAIN} ~all",
        },
        states={"domain.spf": "fail"},
        words="leads in a circle",
    ),
    ZoneCase(
        name="a redirect, whose all counts",
        change={f"{DOMAIN} TXT": "v=spf1 redirect=_spf.example.com", "_spf.example.com TXT": "v=spf1 +all"},
        states={"domain.spf": "fail"},
        words="allows the whole world",
    ),
    ZoneCase(
        name="a macro with the domain",
        change={
            f"{DOMAIN} TXT": "v=spf1 include:%{d}.spf.example.net -all",
            f"{DOMAIN}.spf.example.net TXT": "v=spf1 -all",
        },
    ),
    _spf("a macro that depends on the mail", "v=spf1 exists:%{i}._ip.%{d} -all", "", "pass"),
    _spf("an unknown macro", "v=spf1 exists:%{q}.example.net -all", "has a macro that SPF does not know"),
    _spf("ptr", "v=spf1 ptr -all", "the standard says not to use it", "warn"),
    ZoneCase(
        name="a record in several strings",
        change={f"{DOMAIN} TXT": "v=spf1 ip4:192.0.2.0/24 ip4:198.51 | .100.0/24 -all"},
    ),
    ZoneCase(
        name="a broken name server behind an include",
        change={f"{DOMAIN} TXT": "v=spf1 include:sick.example.net -all", "sick.example.net SERVFAIL": ""},
        states={"domain.spf": "warn"},
        words="SERVFAIL",
    ),
]

DKIM_CASES = [
    ZoneCase(name="no key", without=(f"{KEY} TXT",), states={"domain.dkim": "fail"}, words="no key stands at"),
    ZoneCase(
        name="a revoked key", change={f"{KEY} TXT": "v=DKIM1; p="}, states={"domain.dkim": "fail"}, words="revoked"
    ),
    ZoneCase(
        name="a key of 512 bits",
        change={f"{KEY} TXT": f"v=DKIM1; k=rsa; p={TINY}"},
        states={"domain.dkim": "fail"},
        words="has 512 bits, and mail servers ignore those under 1024",
    ),
    ZoneCase(
        name="a key of 1024 bits",
        change={f"{KEY} TXT": f"v=DKIM1; p={public_key(1024)}"},
        states={"domain.dkim": "warn"},
        words="1024 bits; 2048 are advised",
    ),
    ZoneCase(
        name="a key that was cut off",
        change={f"{KEY} TXT": f"v=DKIM1; k=rsa; p={public_key(2048)[:200]}"},
        states={"domain.dkim": "fail"},
        words="damaged, or was cut off",
    ),
    ZoneCase(
        name="a key with a letter too many",
        change={f"{KEY} TXT": f"v=DKIM1; k=rsa; p={public_key(2048)}Q"},
        states={"domain.dkim": "fail"},
        words="damaged",
    ),
    ZoneCase(
        name="a test key",
        change={f"{KEY} TXT": f"{dkim_record()}; t=y"},
        states={"domain.dkim": "warn"},
        words="marked as a test",
    ),
    ZoneCase(
        name="an Ed25519 key",
        change={f"{KEY} TXT": f"v=DKIM1; k=ed25519; p={ed25519_key()}"},
        states={"domain.dkim": "warn"},
        words="many mail servers do not know Ed25519",
    ),
    ZoneCase(
        name="a key behind CNAMEs",
        change={
            f"{KEY} CNAME": "s1.dkim.example.net",
            "s1.dkim.example.net CNAME": "k.example.org",
            "k.example.org TXT": dkim_record(),
        },
        without=(f"{KEY} TXT",),
    ),
    ZoneCase(
        name="the domain twice in the key's name",
        change={f"{KEY}.{DOMAIN} TXT": dkim_record()},
        without=(f"{KEY} TXT",),
        states={"domain.dkim": "fail"},
        words="the domain was added to the name twice",
    ),
    ZoneCase(
        name="two keys at one name",
        change={f"{KEY} TXT": [dkim_record(), dkim_record(1024)]},
        states={"domain.dkim": "fail"},
        words="2 keys stand at",
    ),
    ZoneCase(
        name="a key for SHA-1 only",
        change={f"{KEY} TXT": f"v=DKIM1; h=sha1; p={public_key(2048)}"},
        states={"domain.dkim": "fail"},
        words="old signatures only",
    ),
    ZoneCase(name="a key without v", change={f"{KEY} TXT": f"k=rsa; p={public_key(2048)}"}),
]

DMARC_CASES = [
    ZoneCase(
        name="no DMARC", without=(f"_dmarc.{DOMAIN} TXT",), states={"domain.dmarc": "fail"}, words="has no DMARC record"
    ),
    ZoneCase(
        name="inherited DMARC",
        change={"_dmarc.example.com TXT": "v=DMARC1; p=reject; sp=quarantine"},
        without=(f"_dmarc.{DOMAIN} TXT",),
    ),
    ZoneCase(
        name="two DMARC records",
        change={f"_dmarc.{DOMAIN} TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]},
        states={"domain.dmarc": "fail"},
        words="has 2 records, and only one is allowed",
    ),
    ZoneCase(
        name="a policy that is none",
        change={f"_dmarc.{DOMAIN} TXT": "v=DMARC1; p=block"},
        states={"domain.dmarc": "fail"},
        words='"block" is not one of none, quarantine, reject',
    ),
    ZoneCase(
        name="no policy",
        change={f"_dmarc.{DOMAIN} TXT": "v=DMARC1; pct=100"},
        states={"domain.dmarc": "fail"},
        words="it needs p=",
    ),
    ZoneCase(
        name="DMARC in small letters",
        change={f"_dmarc.{DOMAIN} TXT": "v=dmarc1; p=none"},
        states={"domain.dmarc": "fail"},
        words='does not begin with "v=DMARC1;"',
    ),
    ZoneCase(
        name="DMARC at the domain itself",
        change={f"{DOMAIN} TXT": ["v=spf1 -all", "v=DMARC1; p=none"]},
        without=(f"_dmarc.{DOMAIN} TXT",),
        states={"domain.dmarc": "fail"},
        words="where nobody looks for it",
    ),
    ZoneCase(
        name="reports to somebody who does not take them",
        change={f"_dmarc.{DOMAIN} TXT": "v=DMARC1; p=none; rua=mailto:a@reports.example.net"},
        states={"domain.dmarc": "warn"},
        words="does not say that it takes reports",
    ),
    ZoneCase(
        name="reports to somebody who takes them",
        change={
            f"_dmarc.{DOMAIN} TXT": "v=DMARC1; p=none; rua=mailto:a@reports.example.net!10m",
            f"{DOMAIN}._report._dmarc.reports.example.net TXT": "v=DMARC1",
        },
    ),
    ZoneCase(
        name="a report address without mailto",
        change={f"_dmarc.{DOMAIN} TXT": f"v=DMARC1; p=none; rua=dmarc@{DOMAIN}"},
        states={"domain.dmarc": "warn"},
        words="is not mailto: and an address",
    ),
]

MAIL_CASES = [
    ZoneCase(name="everything is right"),
    ZoneCase(
        name="null MX", change={f"{DOMAIN} MX": "0 ."}, states={"domain.mail": "fail"}, words="takes no mail at all"
    ),
    ZoneCase(name="an address instead of MX", change={f"{DOMAIN} A": "192.0.2.1"}, without=(f"{DOMAIN} MX",)),
    ZoneCase(
        name="neither MX nor address",
        without=(f"{DOMAIN} MX",),
        states={"domain.mail": "fail"},
        words="has neither a mail server nor an address",
    ),
    ZoneCase(
        name="neither signature nor return path is the sender's",
        change={f"{DOMAIN} TXT": "v=spf1 +all"},
        without=(f"{KEY} TXT",),
        states={"domain.spf": "fail", "domain.dkim": "fail", "domain.alignment": "fail"},
        words="take mail from news.example.com for forged",
    ),
]

CASES = [*MAIL_CASES, *SPF_CASES, *DKIM_CASES, *DMARC_CASES]
