"""Look the public keys of DKIM up, and tell what is wrong with one (RFC 6376 section 3.6.1, RFC 8301, RFC 8463)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from newsletter.doctor.dns import DnsClient

SHORTEST_BITS = 1024
"""Mail servers ignore shorter RSA keys (RFC 8301 section 3.2)."""
GOOD_BITS = 2048


@dataclass(frozen=True, kw_only=True)
class DkimKey:
    """A public key in DNS."""

    name: str
    """Where it stands: `newsletter._domainkey.example.com`."""
    mistake: str = ""
    """Why mail servers do not accept signatures by it, in a sentence without its full stop; empty when they do."""
    remark: str = ""
    """Something that is good enough and could be better, in a sentence without its full stop."""
    fix: str = ""
    """A sentence that says what to do, where it is not simply to publish the key."""
    bits: int = 0
    """The length of an RSA key; 0 for Ed25519."""
    modulus: int = 0
    """The number that an RSA key and its private half share."""

    @property
    def domain(self) -> str:
        """Return the domain that signs, the `d=` of a signature."""
        return self.name.partition("._domainkey.")[2]

    @property
    def is_good(self) -> bool:
        """Tell whether mail servers accept signatures by it."""
        return not self.mistake


def look_key_up(dns: DnsClient, name: str) -> DkimKey:
    """Return the key at a name. Raises DnsError."""
    answer = dns.txt(name)
    keys = [text for text in answer.records if "p=" in text.replace(" ", "")]
    if len(keys) > 1:
        words = f"{len(keys)} keys stand at {name}, and only one is allowed"
        return DkimKey(name=name, mistake=words, fix="Remove the one that is not in use.")
    if keys:
        return read_key(name, keys[0])
    if answer.records:
        return DkimKey(name=name, mistake=f"the text at {name} is no DKIM key")
    selector, _, domain = name.partition("._domainkey.")
    doubled = f"{name}.{domain}"
    if domain and dns.txt(doubled).records:
        words = f"the key stands at {doubled}: the domain was added to the name twice"
        fix = f"Name the record {selector}._domainkey where you edit DNS; the domain is added to it there."
        return DkimKey(name=name, mistake=words, fix=fix)
    return DkimKey(name=name, mistake=f'no key stands at {name} (selector "{selector}")')


def read_key(name: str, text: str) -> DkimKey:
    """Return the key of a record's text."""
    tags = tag_list(text)
    if tags is None:
        return DkimKey(name=name, mistake=f"the record at {name} is not a list of tag=value")
    if tags.get("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        return DkimKey(name=name, mistake=f"the record at {name} does not begin with v=DKIM1")
    if not tags.get("p"):
        return DkimKey(name=name, mistake=f"the key at {name} was revoked: its p= is empty")
    if "h" in tags and "sha256" not in tags["h"].split(":"):
        return DkimKey(name=name, mistake=f"the key at {name} is for old signatures only (h={tags['h']})")
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return DkimKey(name=name, mistake=f"the key at {name} is not for email (s={tags['s']})")
    return _public_key(name, tags)


def _public_key(name: str, tags: dict[str, str]) -> DkimKey:
    try:
        raw = base64.b64decode(tags["p"], validate=True)
    except binascii.Error:
        return DkimKey(name=name, mistake=f"the key at {name} is damaged: a letter is missing or too many")
    remark, fix = "", ""
    if "y" in tags.get("t", "").split(":"):
        remark, fix = f"the key at {name} is marked as a test (t=y)", "Take t=y out of the record."
    kind = tags.get("k", "rsa")
    if kind == "ed25519":
        return _ed25519(name, raw, remark, fix)
    if kind != "rsa":
        return DkimKey(name=name, mistake=f'the key at {name} is of a kind that nobody knows: "{kind}"')
    modulus = _modulus(raw)
    if not modulus:
        return DkimKey(name=name, mistake=f"the key at {name} is damaged, or was cut off")
    bits, mistake = modulus.bit_length(), ""
    if bits < SHORTEST_BITS:
        mistake = f"the key at {name} has {bits} bits, and mail servers ignore those under {SHORTEST_BITS}"
    elif bits < GOOD_BITS and not remark:
        remark = f"the key at {name} has {bits} bits; {GOOD_BITS} are advised"
        fix = f"When you next change the key, take one of {GOOD_BITS} bits."
    return DkimKey(name=name, mistake=mistake, remark=remark, fix=fix, bits=bits, modulus=modulus)


def _ed25519(name: str, raw: bytes, remark: str, fix: str) -> DkimKey:
    if len(raw) != 32:
        return DkimKey(name=name, mistake=f"the Ed25519 key at {name} has {len(raw)} bytes instead of 32")
    few = f"many mail servers do not know Ed25519 keys yet, such as that at {name}"
    beside = f"Sign with an RSA key of {GOOD_BITS} bits as well, under another selector."
    return DkimKey(name=name, remark=remark or few, fix=fix or beside)


def _modulus(raw: bytes) -> int:
    """Return the modulus of an RSA key, by dkimpy; 0 when it cannot be read."""
    import dkim.asn1
    import dkim.crypto

    try:
        return int(dkim.crypto.parse_public_key(raw)["modulus"])
    except (dkim.crypto.UnparsableKeyError, dkim.asn1.ASN1FormatError, IndexError, TypeError, KeyError):
        return 0


def private_modulus(pem: str) -> int:
    """Return the modulus of a private RSA key in PEM; 0 when it cannot be read."""
    import dkim.asn1
    import dkim.crypto

    try:
        return int(dkim.crypto.parse_pem_private_key(pem.encode())["modulus"])
    except (
        dkim.crypto.UnparsableKeyError,
        dkim.asn1.ASN1FormatError,
        binascii.Error,
        IndexError,
        TypeError,
        KeyError,
        ValueError,
    ):
        return 0


def tag_list(text: str) -> dict[str, str] | None:
    """Return the tags of a record or a signature without white space (RFC 6376 section 3.2); None when it has none.

    White space in a value is folding, as in `p=` and `b=`, which may be long.
    """
    tags: dict[str, str] = {}
    for part in text.strip().rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name.strip()):
            return None
        tags.setdefault(name.strip(), re.sub(r"\s+", "", value))
    return tags
