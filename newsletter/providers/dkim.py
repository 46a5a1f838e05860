"""DKIM (RFC 6376): the signature that goes before a message, by dkimpy.

It covers List-Unsubscribe and List-Unsubscribe-Post, which one-click needs (RFC 8058 section 4).
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
"""Those a message has are signed; the rest of RFC 6376's list does not occur in ours."""


class SigningError(Exception):
    """No message can be signed: what is missing or wrong."""


def signature(message: bytes, domain: str, selector: str, key: str) -> bytes:
    """The DKIM-Signature header, with its CRLF. `key` is a private key in PEM. Raises SigningError."""
    try:
        import dkim  # 98 ms, and not everybody has it
    except ModuleNotFoundError as error:
        raise SigningError("signing needs dkimpy, install it with: pip install 'newsletter[dkim]'") from error
    head = message[: message.index(b"\r\n\r\n")].lower()
    present = [name.encode() for name in SIGNED if b"\r\n" + name.encode() + b":" in b"\r\n" + head]
    try:
        made: bytes = dkim.sign(
            message,
            selector.encode(),
            domain.encode(),
            key.encode(),
            canonicalize=(b"relaxed", b"simple"),
            include_headers=present,
        )
    except (dkim.DKIMException, ValueError) as error:
        raise SigningError(f"[providers.smtp] dkim_key: {error}") from error
    return made
