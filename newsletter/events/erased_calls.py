"""Delete the kept calls of providers that name a reader who was erased, and keep the others.

The calls have no index by reader: they are looked through once, page by page, for all readers at once who wait
(`subscribers/erasure.py`). Of a call with a list of events only this reader's are taken out, so that the other
readers' can be replayed. No other module deletes from the `erased_reader` table.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from newsletter.database.bulk import among
from newsletter.database.program_tables import erased_reader, webhook_call
from newsletter.events.calls import KeptCall, calls_after

MAX_CALLS = 200
"""Calls of a page, which is looked through in one transaction."""
_BEFORE = r"(?<![\w.+-])"
"""The address is not the end of a longer one. Signs that are rare in addresses, such as =, end what comes before."""


class _Names:
    """Hold what names these readers: their addresses, and the delivery ids of their messages."""

    def __init__(self, readers: Sequence[Row[Any]]) -> None:
        # In an address of the web, @ is %40.
        addresses = "|".join(re.escape(row.email_key).replace("@", "(?:@|%40)") for row in readers)
        ids = "|".join(str(row.subscriber_id) for row in readers)
        self._address = re.compile(rf"{_BEFORE}(?:{addresses})(?![\w-]|\.\w)", re.IGNORECASE)
        self._delivery_id = re.compile(rf"\d{{1,9}}[.-](?:{ids})")
        # A return path, `bounces+1.7.k3jx...@news.example.com`: campaigns/return_paths.py.
        self._return_path = re.compile(rf"\+\d{{1,9}}\.(?:{ids})\.")
        self._maybe = re.compile(
            rf'(?:{addresses})|"{self._delivery_id.pattern}\\*"|{self._return_path.pattern}'.encode(), re.IGNORECASE
        )

    def may_be_in(self, body: bytes) -> bool:
        """Tell whether a body has to be read: a quick look at its bytes."""
        return self._maybe.search(body) is not None

    def are_in(self, value: object) -> bool:
        """Tell whether a value of JSON, or the text of a mail, names one of the readers."""
        return any(self._is_named(text) for text in _texts(value))

    def _is_named(self, text: str) -> bool:
        is_id = self._delivery_id.fullmatch(text) or self._return_path.search(text)
        return bool(is_id or self._address.search(text))


def _texts(value: object) -> Iterator[str]:
    """Yield all texts in a value of JSON, those in a text that is JSON itself (Amazon SNS) among them."""
    if isinstance(value, dict):
        yield from (text for each in value.items() for part in each for text in _texts(part))
    elif isinstance(value, list):
        yield from (text for each in value for text in _texts(each))
    elif isinstance(value, str):
        inner = _parsed(value) if value[:1] in ("{", "[") else None
        yield from [value] if inner is None else _texts(inner)


def _parsed(text: str | bytes) -> Any:
    """Return a value of JSON; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def waiting(connection: Connection) -> int:
    """Return how many erased readers the kept calls may still name."""
    return int(connection.execute(select(func.count()).select_from(erased_reader)).scalar_one())


def clean_page(connection: Connection) -> bool:
    """Look through the next page of kept calls; return whether there is more to do."""
    readers = connection.execute(select(erased_reader).order_by(erased_reader.c.id)).all()
    if not readers:
        return False
    last = min(row.last_call_id for row in readers)
    page = calls_after(connection, last, None, MAX_CALLS)
    _clean(connection, page, _Names(readers))
    if page:
        reached = update(erased_reader).where(erased_reader.c.last_call_id < page[-1].id)
        connection.execute(reached.values(last_call_id=page[-1].id))
        return True
    done = [row.id for row in readers if row.last_call_id == last]
    connection.execute(delete(erased_reader).where(among(connection, erased_reader.c.id, done)))
    return len(done) < len(readers)


def _clean(connection: Connection, page: Sequence[KeptCall], names: _Names) -> None:
    gone = []
    for call in page:
        if not names.may_be_in(call.body):
            continue
        rest = _without(call.body, names)
        if rest is None:
            gone.append(call.id)
        elif rest != call.body:
            row = update(webhook_call).where(webhook_call.c.id == call.id)
            connection.execute(row.values(body=zlib.compress(rest, 1)))
    if gone:
        connection.execute(delete(webhook_call).where(among(connection, webhook_call.c.id, gone)))


def _without(body: bytes, names: _Names) -> bytes | None:
    """Return a body without the events that name the readers; None when nothing is left of it."""
    value = _parsed(body)
    if not isinstance(value, list):
        text = body.decode("utf-8", "replace") if value is None else value
        return None if names.are_in(text) else body
    others = [event for event in value if not names.are_in(event)]
    if len(others) == len(value):
        return body
    return json.dumps(others, ensure_ascii=False).encode("utf-8", "surrogatepass") if others else None
