"""Signed links for readers: made here, read back here, nowhere else.

A link's token says who it was made for and what for, to us alone. Links in old mail
work for ever: tokens do not expire, and subscriber ids are never used again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path

from newsletter.config import Publication, secret
from newsletter.errors import ConfigError

SHORTEST = 32
"""Characters of a secret that the program makes."""
SECRET_FILE = Path(".newsletter") / "secret"
BLOCK = 64
"""Bytes that SHA-256 takes at once."""
MAC_SIZE = 16
"""Bytes: a forger's chance is 1 in 2**128."""


class Purpose(Enum):
    """What a token is good for; one made for another purpose does not open it."""

    READER = b"reader"
    """In every email: unsubscribe and preferences."""
    CONFIRM = b"confirm"
    """In the email that asks to confirm a signup."""
    TRACK = b"track"
    """In links that are counted; opens no page of the reader's."""


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a token says."""

    subscriber_id: int
    """0: nobody's; a test to an address that is no subscriber."""
    campaign_id: int
    """0: no campaign's. In a token to confirm it is the signup's."""
    list: str


class Keyed:
    """HMAC-SHA256 under one key (RFC 2104), its two first blocks hashed beforehand: a third of `hmac.digest`'s time."""

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
        self.inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block)).copy
        self.outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block)).copy

    def digest(self, message: bytes) -> bytes:
        """32 bytes that nobody without the key could have made."""
        inner, outer = self.inner(), self.outer()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


class Links:
    """The publication's links: `<url>/unsubscribe/<token>` and its siblings."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._url = publication.config.publication.url

    def token(self, purpose: Purpose, subscriber_id: int, campaign_id: int, list: str) -> str:
        """The one token for this reader and purpose; the same arguments give the same token.

        Deterministic authenticated encryption as in SIV (RFC 5297), with HMAC-SHA256 as its
        function: the MAC of the claims comes first and doubles as the seed of the mask over
        them. So equal tokens are the only thing an outsider can learn, no counter or nonce has
        to be kept, and the same reader gets the same bytes on every attempt.
        """
        return self.tokens(purpose, [subscriber_id], campaign_id, list)[0]

    def tokens(self, purpose: Purpose, subscriber_ids: Iterable[int], campaign_id: int, name: str) -> list[str]:
        """`token` of many readers of one campaign and list: once per message, so written out in one loop."""
        sign, mask = self._keys
        head, tail = purpose.value + b"\0", b" %d %s" % (campaign_id, name.encode())
        found = []
        for id in subscriber_ids:
            claims = b"%d%b" % (id, tail)
            inner, outer = sign.inner(), sign.outer()
            inner.update(head + claims)
            outer.update(inner.digest())
            mac = outer.digest()[:MAC_SIZE]
            inner, outer = mask.inner(), mask.outer()
            inner.update(mac)
            outer.update(inner.digest())
            found.append(_written(mac + _masked(claims, outer.digest())))
        return found

    def read(self, token: str, purpose: Purpose) -> Claims | None:
        """What the token says, or None when we did not make it for this purpose."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        sign, mask = self._keys
        mac = raw[:MAC_SIZE]
        claims = _masked(raw[MAC_SIZE:], mask.digest(mac))
        known = hmac.compare_digest(mac, sign.digest(purpose.value + b"\0" + claims)[:MAC_SIZE])
        # Base64 has several spellings of the same bytes; only ours counts.
        if not known or _written(raw) != token:
            return None
        subscriber_id, campaign_id, name = claims.split(b" ", 2)
        return Claims(subscriber_id=int(subscriber_id), campaign_id=int(campaign_id), list=name.decode())

    def unsubscribe_url(self, token: str) -> str:
        """Where a reader leaves; POST there is RFC 8058's one click."""
        return f"{self._url}/unsubscribe/{token}"

    def preferences_url(self, token: str) -> str:
        """Where a reader chooses lists, name and time zone."""
        return f"{self._url}/preferences/{token}"

    def confirm_url(self, token: str) -> str:
        """Where a reader says that the signup was theirs."""
        return f"{self._url}/confirm/{token}"

    def click_url(self, token: str, number: int) -> str:
        """The way to a message's link of this number that is counted."""
        return f"{self._url}/c/{token}.{number}"

    def open_url(self, token: str) -> str:
        """The picture that says a message was opened."""
        return f"{self._url}/o/{token}"

    def is_ours(self, url: str) -> bool:
        """Whether an address is one of our own pages."""
        return url == self._url or url.startswith((f"{self._url}/", f"{self._url}?", f"{self._url}#"))

    def web_url(self, slug: str) -> str:
        """The issue on the web; the same for everybody."""
        return f"{self._url}/issues/{slug}"

    @cached_property
    def _keys(self) -> tuple[Keyed, Keyed]:
        """One key to sign and one to mask, so that neither is used for two things."""
        root = Keyed(link_secret(self._publication).encode())
        return Keyed(root.digest(b"newsletter: sign links")), Keyed(root.digest(b"newsletter: mask links"))


def _masked(claims: bytes, stream: bytes) -> bytes:
    """`claims` under a stream of 32 bytes, made longer where it must be; twice is once back."""
    size = len(claims)
    if size > len(stream):
        stream = hashlib.shake_256(stream).digest(size)
    return (int.from_bytes(claims) ^ int.from_bytes(stream[:size])).to_bytes(size)


_ALPHABET = bytes.maketrans(b"+/", b"-_")


def _written(raw: bytes) -> str:
    """Base64 for addresses, without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(raw, newline=False).translate(_ALPHABET, b"=").decode()


def link_secret(publication: Publication) -> str:
    """`[environment] secret`, else the one in `.newsletter/secret`, made at first use.

    Raises ConfigError. Without it links in mail already sent stop working.
    """
    if named := publication.config.environment.secret:
        return secret(named, key="[environment] secret")
    path = publication.root / SECRET_FILE
    try:
        return _kept(path)
    except OSError as error:
        hint = "Its folder must be writable, or name a secret with [environment] secret."
        raise ConfigError(f"the secret that signs links: {error.strerror}", place=str(path), hint=hint) from error


def derived_key(publication: Publication, purpose: bytes) -> bytes:
    """A key for one purpose: `hash addresses`, `sign forms`; nobody learns one from another. Raises ConfigError."""
    return hmac.digest(link_secret(publication).encode(), b"newsletter: " + purpose, "sha256")


def _kept(path: Path) -> str:
    if not path.exists():
        _keep(path, secrets.token_urlsafe(32))
    found = path.read_text(encoding="ascii", errors="replace").strip()
    if len(found) >= SHORTEST:
        return found
    what = "shorter than it was made" if found else "empty"
    raise ConfigError(f"the secret that signs links is {what}", place=str(path), hint="Restore it from a backup.")


def _keep(path: Path, text: str) -> None:
    """Whole and on disk before it has its name; of two processes at once, the first one's stays."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()
