"""Read a request by its operation's types, and refuse what does not fit with the place and the reason."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request

from newsletter.web.api.operations import Operation
from newsletter.web.api.problems import RefusalError

IDEMPOTENCY_KEY = "idempotency-key"
KEY_PATTERN = "^[!-~]{1,255}$"
"""The form of an Idempotency-Key."""
_PLACE = re.compile(r"(?P<what>.*?) - at `\$\.?(?P<place>[^`]*)`", re.DOTALL)


def read_query(request: Request, operation: Operation) -> Any:
    """Return the query as the operation's type. Raises RefusalError, also for a parameter that is there twice."""
    pairs = request.query_params.multi_items()
    names = [name for name, _value in pairs]
    for name in names:
        if names.count(name) > 1:
            raise RefusalError("invalid-request", f'the query has "{name}" more than once')
    require_writable({**dict(pairs), **request.path_params})
    try:
        return msgspec.convert(dict(pairs), operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid("the query", error) from error


def require_writable(value: Any) -> Any:
    """Return the value. Raises RefusalError for a text in it that a database cannot keep: NUL, half of a pair."""
    if isinstance(value, str):
        if "\0" in value or not _is_utf8(value):
            raise RefusalError(
                "refused", "a text has a character that cannot be kept: NUL, or half of a surrogate pair"
            )
    elif isinstance(value, Mapping):
        require_writable([*value, *value.values()])
    elif isinstance(value, Struct):
        require_writable([getattr(value, name) for name in value.__struct_fields__])
    elif isinstance(value, Sequence):
        for part in value:
            require_writable(part)
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_body(request: Request, body: bytes, operation: Operation) -> Any:
    """Return the body as the operation's type; None where it takes none. Raises RefusalError."""
    if operation.body is None:
        return None
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in operation.media_types:
        allowed = " or ".join(operation.media_types)
        raise RefusalError("wrong-media-type", f"the body is to be {allowed}", headers={"Accept": allowed})
    if operation.body is bytes:
        return body
    try:
        return require_writable(msgspec.json.decode(body, type=operation.body))
    except msgspec.ValidationError as error:
        raise _invalid("the body", error) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RefusalError("invalid-request", f"the body is not JSON: {_plain(str(error))}") from error


def read_idempotency_key(request: Request) -> str | None:
    """Return a hash of the request's idempotency key, or None without one. Raises RefusalError for an odd one."""
    values = request.headers.getlist(IDEMPOTENCY_KEY)
    if not values:
        return None
    if len(values) > 1 or not re.fullmatch(KEY_PATTERN, values[0]):
        raise RefusalError("invalid-request", "Idempotency-Key is to be one word of at most 255 ASCII characters")
    return hashlib.sha256(values[0].encode()).hexdigest()


def request_hash(request: Request, body: bytes) -> str:
    """Return a hash of what a repeated request has to have in common with the first: method, path, query, body."""
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(head + body).hexdigest()


def _invalid(what: str, error: msgspec.ValidationError) -> RefusalError:
    match = _PLACE.fullmatch(str(error))
    if match is None:
        return RefusalError("invalid-request", f"{what}: {_plain(str(error))}")
    place = f" at {match['place']}" if match["place"] else ""
    return RefusalError("invalid-request", f"{what}{place}: {_plain(match['what'])}")


def _plain(message: str) -> str:
    """Return a decoder's message without its marks and with a small first letter."""
    words = message.replace("`", '"')
    return words[:1].lower() + words[1:]
