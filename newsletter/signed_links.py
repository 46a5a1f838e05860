"""Make and read the signed links in readers' mail: unsubscribe, preferences, confirm, counted clicks and opens.

A link's token names the reader and the purpose it was made for, and only this publication can read it. Links in old
mail keep working: tokens do not expire. A database that is restored from a backup gives later readers' numbers out
again, so a token also holds the random key of its reader's links, which its user compares with `subscriber.link_key`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path

from newsletter.config import PublicationSettings, secret
from newsletter.errors import ConfigError
from newsletter.private_files import make_private, open_private

SHORTEST = 32
"""The fewest characters of a secret; the program makes longer ones."""
SECRET_FILE = Path(".newsletter") / "secret"
KEY_BYTES = 6
"""Random bytes of the key of a reader's links; the text has 8 characters."""
BLOCK = 64
"""Bytes of a block of SHA-256."""
MAC_SIZE = 16
"""Bytes of a token's MAC: a forger's chance is 1 in 2**128."""


class Purpose(Enum):
    """The purpose of a token; it is refused for any other."""

    READER = b"reader"
    """Unsubscribe and preferences, in every email."""
    CONFIRM = b"confirm"
    """Confirm a sign-up, in the email that asks for it."""
    TRACK = b"track"
    """Counted links and opens; gives no access to the reader's pages."""
    CURSOR = b"cursor"
    """The places in the API's lists; the text in `list` is what they hold."""


@dataclass(frozen=True, kw_only=True)
class Claims:
    """The contents of a token."""

    subscriber_id: int
    """The reader; 0 in a test to an address that is no subscriber."""
    campaign_id: int
    """The campaign, 0 for none; in a token to confirm, the sign-up's id."""
    list: str
    """The list; in a token to confirm, the digits of the time at which its sign-up was asked for.

    In a token that counts, the beginning of the campaign's key.
    """
    key: str = ""
    """The key of the reader's links; empty for readers whose row is older than the keys, and for no reader."""


class Keyed:
    """HMAC-SHA256 with one key (RFC 2104), whose two first blocks are hashed once: a third of `hmac.digest`'s time."""

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
        self.inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block)).copy
        self.outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block)).copy

    def digest(self, message: bytes) -> bytes:
        """Return the MAC of a message, 32 bytes."""
        inner, outer = self.inner(), self.outer()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


class Links:
    """The links of one publication: `<url>/unsubscribe/<token>` and the like."""

    def __init__(self, publication: PublicationSettings) -> None:
        self._publication = publication
        self._url = publication.config.publication.url

    def token(self, purpose: Purpose, subscriber_id: int, campaign_id: int, list: str, key: str = "") -> str:
        """Return the token for this reader and purpose; equal arguments give equal tokens.

        Deterministic authenticated encryption as in SIV (RFC 5297), with HMAC-SHA256 as its
        function: the MAC of the claims comes first, and is also the seed of the mask over them.
        An outsider can learn only whether two tokens are equal, no counter or nonce has to be
        kept, and a reader gets equal bytes on every attempt.
        """
        return self.tokens(purpose, [(subscriber_id, key)], campaign_id, list)[0]

    def tokens(
        self, purpose: Purpose, readers: Iterable[tuple[int, str]], campaign_id: int, name: str
    ) -> Sequence[str]:
        """Return `token` of many readers of one campaign and list, each given by id and key.

        It runs once per message, so the steps of Keyed.digest are written out in the loop.
        """
        sign, mask = self._keys
        head, tail = purpose.value + b"\0", b" %d %s" % (campaign_id, name.encode())
        tokens = []
        for id, key in readers:
            claims = b"%d.%b%b" % (id, key.encode(), tail) if key else b"%d%b" % (id, tail)
            inner, outer = sign.inner(), sign.outer()
            inner.update(head + claims)
            outer.update(inner.digest())
            mac = outer.digest()[:MAC_SIZE]
            inner, outer = mask.inner(), mask.outer()
            inner.update(mac)
            outer.update(inner.digest())
            tokens.append(_encoded(mac + _masked(claims, outer.digest())))
        return tokens

    def read(self, token: str, purpose: Purpose) -> Claims | None:
        """Return the contents of a token, or None when it is not ours or has another purpose."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        sign, mask = self._keys
        mac = raw[:MAC_SIZE]
        claims = _masked(raw[MAC_SIZE:], mask.digest(mac))
        known = hmac.compare_digest(mac, sign.digest(purpose.value + b"\0" + claims)[:MAC_SIZE])
        # Base64 has several spellings of the same bytes; only ours counts.
        if not known or _encoded(raw) != token:
            return None
        reader, campaign_id, name = claims.split(b" ", 2)
        subscriber_id, _, key = reader.partition(b".")
        return Claims(
            subscriber_id=int(subscriber_id), campaign_id=int(campaign_id), list=name.decode(), key=key.decode()
        )

    def unsubscribe_url(self, token: str) -> str:
        """Return the page to leave a list; a POST to it is RFC 8058's one click."""
        return f"{self._url}/unsubscribe/{token}"

    def preferences_url(self, token: str) -> str:
        """Return the page to choose lists, name and time zone."""
        return f"{self._url}/preferences/{token}"

    def stay_url(self, token: str) -> str:
        """Return the page on which an inactive reader says that they stay."""
        return f"{self._url}/stay/{token}"

    def confirm_url(self, token: str) -> str:
        """Return the page to confirm a sign-up."""
        return f"{self._url}/confirm/{token}"

    def click_url(self, token: str, number: int) -> str:
        """Return the counted address of a message's link with this number."""
        return f"{self._url}/c/{token}.{number}"

    def open_url(self, token: str) -> str:
        """Return the address of the image that counts opens."""
        return f"{self._url}/o/{token}"

    def is_ours(self, url: str) -> bool:
        """Tell whether an address is a page of the publication."""
        return url == self._url or url.startswith((f"{self._url}/", f"{self._url}?", f"{self._url}#"))

    def web_url(self, slug: str) -> str:
        """Return the public web page of an issue."""
        return f"{self._url}/issues/{slug}"

    @cached_property
    def _keys(self) -> tuple[Keyed, Keyed]:
        """The key to sign and the key to mask, so that no key has two uses."""
        root = Keyed(link_secret(self._publication).encode())
        return Keyed(root.digest(b"newsletter: sign links")), Keyed(root.digest(b"newsletter: mask links"))


def new_keys(count: int) -> list[str]:
    """Return keys for the links of new readers: random, of letters, digits, `-` and `_`."""
    drawn = os.urandom(KEY_BYTES * count)
    return [_encoded(drawn[at : at + KEY_BYTES]) for at in range(0, len(drawn), KEY_BYTES)]


def _masked(claims: bytes, stream: bytes) -> bytes:
    """Mask or unmask claims with a stream of 32 bytes, which is made longer for longer claims."""
    size = len(claims)
    if size > len(stream):
        stream = hashlib.shake_256(stream).digest(size)
    return (int.from_bytes(claims) ^ int.from_bytes(stream[:size])).to_bytes(size)


_ALPHABET = bytes.maketrans(b"+/", b"-_")


def _encoded(raw: bytes) -> str:
    """Return Base64 for URLs, without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(raw, newline=False).translate(_ALPHABET, b"=").decode()


def link_secret(publication: PublicationSettings) -> str:
    """Return `[environment] secret`, or else the secret in `.newsletter/secret`, which is made at first use.

    With another secret, links in mail already sent stop working. Raises ConfigError when it cannot be read, or is so
    short that it could be guessed.
    """
    if named := publication.config.environment.secret:
        return _long_enough(publication, secret(named, key="[environment] secret"), named.removeprefix("env:"))
    path = publication.root / SECRET_FILE
    try:
        return _stored_secret(path)
    except OSError as error:
        hint = "Its folder must be writable, or name a secret with [environment] secret."
        raise ConfigError(f"the secret that signs links: {error.strerror}", place=str(path), hint=hint) from error


def _long_enough(publication: PublicationSettings, text: str, name: str) -> str:
    if len(text.strip()) >= SHORTEST:
        return text
    message = f"the secret in {name} has {len(text.strip())} characters and could be guessed; it needs {SHORTEST}"
    hint = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    raise publication.error(("environment", "secret"), message, hint)


def derived_key(publication: PublicationSettings, purpose: bytes) -> bytes:
    """Return a key for one purpose (`hash addresses`, `sign forms`); no key reveals another. Raises ConfigError."""
    return hmac.digest(link_secret(publication).encode(), b"newsletter: " + purpose, "sha256")


def _stored_secret(path: Path) -> str:
    if not path.exists():
        _create(path, secrets.token_urlsafe(32))
    make_private(path)
    stored = path.read_text(encoding="ascii", errors="replace").strip()
    if len(stored) >= SHORTEST:
        return stored
    damage = "shorter than it was made" if stored else "empty"
    raise ConfigError(f"the secret that signs links is {damage}", place=str(path), hint="Restore it from a backup.")


def _create(path: Path, text: str) -> None:
    """Write the file, unless another process has written it meanwhile.

    The text is on disk under another name first, so that the file is never seen incomplete.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
    with open(open_private(new, os.O_WRONLY | os.O_EXCL), "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(new, path)  # unlike a rename, it fails when there is a file: the first process wins
    except FileExistsError:
        pass
    finally:
        new.unlink()
