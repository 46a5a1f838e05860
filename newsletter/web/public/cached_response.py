"""Responses made once and given to everybody, with the headers that let a browser ask for them less often.

A page may hold a form, whose token changes with time: the token is put between the kept bytes for each request.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from newsletter.web.public.forms import FormTokens

TOKEN_PLACEHOLDER = "\x02token\x03"
"""Stands in a page for its form's token."""
HALF_HOUR = 1800
"""Seconds that a page with a form counts as unchanged: a form may be open for twice as long."""
MINUTE = "public, max-age=60"


@dataclass(frozen=True, kw_only=True)
class CachedResponse:
    """A response's body and headers, without its form's token."""

    parts: tuple[bytes, ...]
    """The body, cut where the token stands."""
    compressed: bytes
    """The whole body in gzip; empty for a page with a token, which the server in front may compress."""
    etag: str
    headers: dict[str, str]
    status: int = 200


def cached_response(
    body: str | bytes, media_type: str, headers: Mapping[str, str] = MappingProxyType({}), *, status: int = 200
) -> CachedResponse:
    """Prepare a response from a body, in which TOKEN_PLACEHOLDER may stand."""
    raw = body.encode() if isinstance(body, str) else body
    parts = tuple(raw.split(TOKEN_PLACEHOLDER.encode()))
    has_token = len(parts) > 1
    vary = {} if has_token else {"Vary": "Accept-Encoding"}
    return CachedResponse(
        parts=parts,
        # Without a time stamp, so that equal content gives equal bytes.
        compressed=b"" if has_token else gzip.compress(raw, mtime=0),
        etag=hashlib.sha256(raw).hexdigest()[:24],
        headers={"Content-Type": media_type, "Cache-Control": MINUTE, **vary, **headers},
        status=status,
    )


def respond(request: Request, cached: CachedResponse, tokens: FormTokens, form: str) -> Response:
    """Return the response for a request, with a new token of `form`; 304 for a browser that has it already."""
    if len(cached.parts) > 1:
        return _with_token(request, cached, tokens.token(form))
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    # Compressed bytes are another representation, with another ETag (RFC 9110, section 8.8.3.3).
    headers = {**cached.headers, "ETag": f'"{cached.etag}{"z" if compressed else ""}"'}
    # A condition counts only where the answer without it would be a success (RFC 9110, section 13.2.1).
    if cached.status == 200 and is_known(request, headers):
        return Response(status_code=304, headers=headers)
    if compressed:
        return Response(cached.compressed, cached.status, headers={**headers, "Content-Encoding": "gzip"})
    return Response(cached.parts[0], cached.status, headers=headers)


def _with_token(request: Request, cached: CachedResponse, token: str) -> Response:
    """Return a page with its form's token.

    Its ETag is weak and changes every HALF_HOUR, while the token in a browser's copy is still valid.
    """
    headers = {**cached.headers, "ETag": f'W/"{cached.etag}{int(time.time()) // HALF_HOUR}"'}
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(token.encode().join(cached.parts), headers=headers)


def is_known(request: Request, headers: Mapping[str, str]) -> bool:
    """Tell whether the browser already has the response that has these headers (RFC 9110, 13.1.2 and 13.1.3).

    If-Modified-Since counts only without If-None-Match, and only if it equals our Last-Modified to the letter.
    """
    condition = request.headers.get("if-none-match")
    if condition is None:
        return request.headers.get("if-modified-since", "") == headers.get("Last-Modified", "never")
    # If-None-Match compares weakly (RFC 9110, section 13.1.2).
    etags = [etag.strip().removeprefix("W/") for etag in condition.split(",")]
    return condition.strip() == "*" or headers["ETag"].removeprefix("W/") in etags


def http_date(seconds: float) -> str:
    """Return a time since the epoch as HTTP writes it (RFC 9110, section 5.6.7)."""
    return formatdate(seconds, usegmt=True)
