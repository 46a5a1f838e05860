"""Sign a request to Amazon Web Services, version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; a test compares the
signature with botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An access key, and where it signs."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""
    region: str
    service: str


def signed_headers(
    credentials: Credentials, method: str, url: str, headers: Mapping[str, str], body_hash: str, now: datetime
) -> dict[str, str]:
    """Return the headers of a request with its signature; `body_hash` is the SHA-256 of the body in hex.

    `now` is aware, and the signature is good for five minutes around it.
    """
    parts = urlsplit(url)
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    token = {"X-Amz-Security-Token": credentials.session_token} if credentials.session_token else {}
    own = {**headers, "X-Amz-Date": stamp, **token}
    to_sign = {"host": parts.netloc, **{name.lower(): " ".join(value.split()) for name, value in own.items()}}
    names = ";".join(sorted(to_sign))
    # Every service but S3 signs the path encoded once more.
    canonical = "\n".join(
        (
            method,
            quote(parts.path or "/", safe="/-_.~"),
            _query(parts.query),
            *(f"{name}:{to_sign[name]}" for name in sorted(to_sign)),
            "",
            names,
            body_hash,
        )
    )
    scope = f"{stamp[:8]}/{credentials.region}/{credentials.service}/aws4_request"
    text = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.new(_key(credentials, stamp[:8]), text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={credentials.access_key_id}/{scope}"
    return {**own, "Authorization": f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"}


def _query(query: str) -> str:
    """Return a query in its canonical form: encoded anew, in the order of the encoded names and values."""
    pairs = ((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, True))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _key(credentials: Credentials, day: str) -> bytes:
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (day, credentials.region, credentials.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key
