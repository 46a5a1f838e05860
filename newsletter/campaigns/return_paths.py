"""Sign the return path of each message, so that a bounce names its delivery and nobody can make one up (VERP).

`bounces+12.345.k3jx7q2m5a@news.example.com`: campaign, reader, and a signature. Readers see their own in their mail,
and so can report nothing about another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable

from newsletter.config import PublicationSettings
from newsletter.signed_links import derived_key

SIGNATURE = 16
"""Characters of the signature: 80 bits, in lower-case letters and digits, since servers may change the case."""


def return_path_of(publication: PublicationSettings, address: str) -> Callable[[str], str]:
    """Return a function from a delivery id to its return path; `address` is the mailbox that gets bounces."""
    key = derived_key(publication, b"sign return paths")
    local, _, domain = address.rpartition("@")
    return lambda delivery_id: f"{local}+{delivery_id}.{_signature(key, delivery_id)}@{domain}"


def delivery_reader(publication: PublicationSettings) -> Callable[[str], str]:
    """Return a function that finds a signed return path in a text, and returns its delivery id; empty without one."""
    key = derived_key(publication, b"sign return paths")
    pattern = re.compile(rf"\+(\d{{1,15}}\.\d{{1,15}})\.([a-z2-7]{{{SIGNATURE}}})@", re.IGNORECASE)

    def read(text: str) -> str:
        for match in pattern.finditer(text):
            if hmac.compare_digest(match[2].lower(), _signature(key, match[1])):
                return match[1]
        return ""

    return read


def _signature(key: bytes, delivery_id: str) -> str:
    digest = hmac.digest(key, delivery_id.encode(), hashlib.sha256)
    return base64.b32encode(digest).decode().lower()[:SIGNATURE]
