"""DKIM signatures (RFC 6376), made by dkimpy.

A signature covers List-Unsubscribe and List-Unsubscribe-Post, which one-click needs (RFC 8058 section 4).
"""

from __future__ import annotations

SIGNED = (
    "from",
    "to",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mime-version",
    "content-type",
)
"""The headers that are signed where a message has them; our messages have none of RFC 6376's others."""


class SigningError(Exception):
    """No message can be signed; the message says what is missing or wrong."""


def signature(message: bytes, domain: str, selector: str, key: str) -> bytes:
    """Return the DKIM-Signature header, with its CRLF. `key` is a private key in PEM. Raises SigningError."""
    try:
        import dkim  # takes 98 ms, and is an extra: [dkim]
    except ModuleNotFoundError as error:
        missing = "signing needs dkimpy; install it from this program's checkout: pip install '.[dkim]'"
        raise SigningError(missing) from error
    head = message[: message.index(b"\r\n\r\n")].lower()
    present = [name.encode() for name in SIGNED if b"\r\n" + name.encode() + b":" in b"\r\n" + head]
    try:
        # Relaxed headers survive refolding on the way (RFC 6376 section 3.4).
        header: bytes = dkim.sign(
            message,
            selector.encode(),
            domain.encode(),
            key.encode(),
            canonicalize=(b"relaxed", b"simple"),
            include_headers=present,
        )
    except (dkim.DKIMException, ValueError) as error:
        raise SigningError(f"[providers.smtp] dkim_key: {error}") from error
    return header
