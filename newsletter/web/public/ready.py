"""Ready answers: pages as bytes, made once and given to everybody, with what lets a browser ask less.

A page may hold a form: then its token, which differs with time, is put between the bytes.
"""

from __future__ import annotations

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
    etag: str
    headers: dict[str, str]


def ready(body: str | bytes, media_type: str, headers: Mapping[str, str] = MappingProxyType({})) -> Ready:
    """Make an answer ready."""
    raw = body.encode() if isinstance(body, str) else body
    return Ready(
        parts=tuple(raw.split(TOKEN.encode())),
        etag=hashlib.sha256(raw).hexdigest()[:24],
        headers={"Content-Type": media_type, "Cache-Control": MINUTE, **headers},
    )


def answer(request: Request, made: Ready, tokens: FormTokens, form: str) -> Response:
    """The answer, or 304 for a browser that has it already."""
    has_form = len(made.parts) > 1
    etag = f'"{made.etag}{int(time.time()) // HALF_HOUR if has_form else ""}"'
    headers = {**made.headers, "ETag": etag}
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    body = tokens.token(form).encode().join(made.parts) if has_form else made.parts[0]
    return Response(body, headers=headers)


def is_known(request: Request, etag: str) -> bool:
    """Whether the browser says that it has this version (RFC 9110, section 13.1.2: weakly compared)."""
    said = request.headers.get("if-none-match", "")
    return said.strip() == "*" or etag.removeprefix("W/") in (one.strip().removeprefix("W/") for one in said.split(","))


def http_date(seconds: float) -> str:
    """RFC 9110, section 5.6.7."""
    return formatdate(seconds, usegmt=True)
