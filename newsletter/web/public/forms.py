"""Read a submitted form, and sign the tokens that prove a form was ours.

A token names no reader. It proves that its form came from this publication, and when it was shown; it may be used
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
from newsletter.web.request_values import refuse_unwritable

LIFE = timedelta(hours=1)
"""How long a form may be open before it is sent."""
SKEW = timedelta(seconds=2)
"""How far the clocks of two servers may differ."""
MAX_FIELDS = 100
"""Fields in one form."""
_UNREADABLE = "the form cannot be read"


class FormTokens:
    """Signs and reads the tokens of one publication's forms.

    They hold the time to the millisecond: `[signup] min_time` is a matter of a second or two.
    """

    def __init__(self, key: bytes, clock: Clock = utc_now) -> None:
        self._signer = Signer(key, salt="newsletter form")
        self._clock = clock

    def token(self, form: str) -> str:
        """Return a token for a form that is shown now; `form` is the form's name."""
        return self._signer.sign(f"{_without_spaces(form)}-{int(self._clock().timestamp() * 1000)}").decode()

    def age(self, token: str, form: str, now: datetime) -> timedelta | None:
        """Return how long ago the form was shown.

        None when the token is not ours, is of another form, or is older than LIFE.
        """
        try:
            name, _, shown_at = self._signer.unsign(token.encode()).decode().rpartition("-")
        except (BadSignature, UnicodeEncodeError):
            return None
        # The signature is ours, so a number stands after the last dash.
        age = timedelta(milliseconds=now.timestamp() * 1000 - int(shown_at))
        return age if name == _without_spaces(form) and -SKEW <= age <= LIFE else None


def _without_spaces(form: str) -> str:
    """Return a form's name as tokens hold it: they stand in attributes and addresses."""
    return form.replace(" ", "-")


@dataclass(frozen=True, kw_only=True)
class SubmittedForm:
    """The fields of a submitted form, or of a program's JSON."""

    values: Mapping[str, tuple[str, ...]]

    def first(self, name: str) -> str:
        """Return the first value of a field; empty when there is none."""
        return next(iter(self.values.get(name, ())), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return the distinct values of a field that may be repeated."""
        return tuple(dict.fromkeys(self.values.get(name, ())))


async def read_form(request: Request) -> SubmittedForm:
    """Read a form in either encoding, or JSON with its fields. Raises HTTPException, 400 or 415."""
    submitted = await _read(request)
    refuse_unwritable(text for name, values in submitted.values.items() for text in (name, *values))
    return submitted


async def _read(request: Request) -> SubmittedForm:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        return SubmittedForm(values=_json_fields(await request.body()))
    if kind == "application/x-www-form-urlencoded":
        return SubmittedForm(values=_urlencoded_fields(await request.body()))
    if kind == "multipart/form-data":
        # None of our forms sends a file.
        try:
            form = await request.form(max_files=0, max_fields=MAX_FIELDS)
        except ValueError as error:  # the sender's charset may be one that Python has, but not for texts
            raise HTTPException(400, _UNREADABLE) from error
        return SubmittedForm(values={name: _texts(form, name) for name in form})
    # Some mail programs post nothing at all to unsubscribe.
    if kind or await request.body():
        raise HTTPException(415, "send a form or JSON")
    return SubmittedForm(values={})


def _urlencoded_fields(body: bytes) -> dict[str, tuple[str, ...]]:
    """Parse what browsers send for our forms; in a tenth of the time that Starlette's parser takes."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:  # UnicodeDecodeError is one: what is not UTF-8 cannot be kept as it was meant
        raise HTTPException(400, _UNREADABLE) from error
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values[name] = (*values.get(name, ()), value)
    return values


def _texts(form: FormData, name: str) -> tuple[str, ...]:
    return tuple(value for value in form.getlist(name) if isinstance(value, str))


def _json_fields(body: bytes) -> dict[str, tuple[str, ...]]:
    try:
        content = json.loads(body)
    # Deeply nested JSON exhausts the stack.
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, _UNREADABLE) from error
    if not isinstance(content, dict):
        raise HTTPException(400, _UNREADABLE)
    return {name: _strings(value) for name, value in content.items()}


def _strings(value: Any) -> tuple[str, ...]:
    """Return a field's JSON, a text or a list of texts, as a tuple. Raises HTTPException 400 for anything else."""
    values = value if isinstance(value, list) else [value] if value is not None else []
    if not all(isinstance(text, str) for text in values):
        raise HTTPException(400, _UNREADABLE)
    return tuple(values)
