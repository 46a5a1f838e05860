"""Sign an outbound webhook as Standard Webhooks asks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: the secret is `whsec_` and
24 to 64 bytes in base64; the signature is `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import binascii
import hmac

from newsletter.errors import ConfigError

PREFIX = "whsec_"


def signing_key(secret: str, setting: str) -> bytes:
    """Return the bytes of a secret. Raises ConfigError, without the secret, when it is not one; names the `setting`."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:
        hint = (
            f"It is {PREFIX} and 24 to 64 random bytes in base64: `echo {PREFIX}$(openssl rand -base64 32)` makes one."
        )
        raise ConfigError(f"{setting} is not a secret of Standard Webhooks", hint=hint)
    return key


def signed_headers(key: bytes, id: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message that is posted at the Unix time `at`."""
    digest = hmac.digest(key, b"%s.%d.%s" % (id.encode(), at, body), "sha256")
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
