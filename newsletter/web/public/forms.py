"""Forms: reading one that was sent, and the signed token that says we showed it.

A token names no reader. It proves that its form was ours, and when it was shown; it may be used
more than once, for an hour.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from itsdangerous import BadSignature, Signer
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from newsletter.times import Clock, utc_now

LIFE = timedelta(hours=1)
"""How long a form may be open."""
SKEW = timedelta(seconds=2)
"""Two servers' clocks may differ by so much."""
MOST_FIELDS = 100
"""In one form."""
_UNREADABLE = "the form cannot be read"


class FormTokens:
    """Signs the forms of one publication. To the millisecond: `min_time` is a matter of a second or two."""

    def __init__(self, key: bytes, clock: Clock = utc_now) -> None:
        self._signer = Signer(key, salt="newsletter form")
        self._clock = clock

    def token(self, form: str) -> str:
        """For a form that is shown now; `form` is its name."""
        return self._signer.sign(f"{_named(form)}-{int(self._clock().timestamp() * 1000)}").decode()

    def age(self, token: str, form: str, now: datetime) -> timedelta | None:
        """How long ago it was shown; None when it is not ours, another form's, or older than LIFE."""
        try:
            named, _, shown_at = self._signer.unsign(token.encode()).decode().rpartition("-")
        except (BadSignature, UnicodeEncodeError):
            return None
        age = timedelta(milliseconds=now.timestamp() * 1000 - int(shown_at))
        return age if named == _named(form) and -SKEW <= age <= LIFE else None


def _named(form: str) -> str:
    """A token stands in attributes and addresses."""
    return form.replace(" ", "-")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a form, or a program's JSON, said."""

    values: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        """The first value of a field; empty when there is none."""
        return next(iter(self.values.get(name, ())), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that may be repeated, each once."""
        return tuple(dict.fromkeys(self.values.get(name, ())))


async def read_sent(request: Request) -> Sent:
    """A form (either encoding), or JSON of the same fields. Raises HTTPException, 400 or 415."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        return Sent(values=_fields(await request.body()))
    if kind == "application/x-www-form-urlencoded":
        return Sent(values=_parsed(await request.body()))
    if kind == "multipart/form-data":
        form = await request.form(max_files=0, max_fields=MOST_FIELDS)
        return Sent(values={name: _texts(form, name) for name in form})
    if kind or await request.body():
        raise HTTPException(415, "send a form or JSON")
    return Sent(values={})


def _parsed(body: bytes) -> dict[str, tuple[str, ...]]:
    """As Starlette would, in a tenth of its time: every form of ours comes this way."""
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(400, _UNREADABLE) from error
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values[name] = (*values.get(name, ()), value)
    return values


def _texts(form: FormData, name: str) -> tuple[str, ...]:
    return tuple(value for value in form.getlist(name) if isinstance(value, str))


def _fields(body: bytes) -> dict[str, tuple[str, ...]]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, _UNREADABLE) from error
    if not isinstance(found, dict):
        raise HTTPException(400, _UNREADABLE)
    return {name: _strings(value) for name, value in found.items()}


def _strings(value: Any) -> tuple[str, ...]:
    """A text, or a list of texts."""
    values = value if isinstance(value, list) else [value] if value is not None else []
    if not all(isinstance(one, str) for one in values):
        raise HTTPException(400, _UNREADABLE)
    return tuple(values)
