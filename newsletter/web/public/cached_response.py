"""Ready answers: pages as bytes, made once and given to everybody, with what lets a browser ask less.

A page may hold a form: then its token, which differs with time, is put between the bytes.
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

TOKEN = "\x02token\x03"
"""Stands in a page for its form's token."""
HALF_HOUR = 1800
"""Seconds that a page with a form counts as the same: a form may be open for twice as long."""
MINUTE = "public, max-age=60"


@dataclass(frozen=True, kw_only=True)
class Ready:
    """An answer, but for its form's token."""

    parts: tuple[bytes, ...]
    """What stands around the tokens."""
    packed: bytes
    """The whole, gzip; empty where a token differs each time, which is left to the server in front."""
    etag: str
    headers: dict[str, str]


def ready(body: str | bytes, media_type: str, headers: Mapping[str, str] = MappingProxyType({})) -> Ready:
    """Make an answer ready."""
    raw = body.encode() if isinstance(body, str) else body
    parts = tuple(raw.split(TOKEN.encode()))
    whole = len(parts) == 1
    vary = {"Vary": "Accept-Encoding"} if whole else {}
    return Ready(
        parts=parts,
        packed=gzip.compress(raw, mtime=0) if whole else b"",
        etag=hashlib.sha256(raw).hexdigest()[:24],
        headers={"Content-Type": media_type, "Cache-Control": MINUTE, **vary, **headers},
    )


def answer(request: Request, made: Ready, tokens: FormTokens, form: str) -> Response:
    """The answer, or 304 for a browser that has it already."""
    if len(made.parts) > 1:
        return _with_token(request, made, tokens.token(form))
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {**made.headers, "ETag": f'"{made.etag}{"z" if packed else ""}"'}
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    if packed:
        return Response(made.packed, headers={**headers, "Content-Encoding": "gzip"})
    return Response(made.parts[0], headers=headers)


def _with_token(request: Request, made: Ready, token: str) -> Response:
    """Each token is another, the page is the same: for as long as the oldest token that a browser kept is good."""
    headers = {**made.headers, "ETag": f'W/"{made.etag}{int(time.time()) // HALF_HOUR}"'}
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(token.encode().join(made.parts), headers=headers)


def is_known(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether the browser says that it has what these headers are of (RFC 9110, sections 13.1.2 and 13.1.3).

    Its date counts only where it names no version, and only if it is ours to the letter.
    """
    said = request.headers.get("if-none-match")
    if said is None:
        return request.headers.get("if-modified-since", "") == headers.get("Last-Modified", "never")
    versions = [one.strip().removeprefix("W/") for one in said.split(",")]
    return said.strip() == "*" or headers["ETag"].removeprefix("W/") in versions


def http_date(seconds: float) -> str:
    """RFC 9110, section 5.6.7."""
    return formatdate(seconds, usegmt=True)
