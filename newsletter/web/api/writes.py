"""Make the changes of the API: each with its evidence, and at most once for an idempotency key.

The change, its row in `api_write` and the answer that a repetition gets are one transaction, so a kill leaves all or
nothing. No other module writes `api_write` and `api_answer`. A request that was refused changed nothing and is not
kept: it may be sent again. Answers are kept for KEPT, and no longer than the reader whom they are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from newsletter.api_keys import ApiKey
from newsletter.database.program_tables import api_answer, api_write
from newsletter.errors import NewsletterError
from newsletter.times import stamp
from newsletter.web.api.operations import ApiResponse, Change
from newsletter.web.api.problems import RefusalError, refusal_of

KEPT = timedelta(hours=24)
"""How long a repeated request gets the answer of the first."""


@dataclass(frozen=True, kw_only=True)
class RequestedChange:
    """A change that a key asked for."""

    key: ApiKey
    operation: str
    idempotency_key: str | None
    """A hash of the header; None without one."""
    request_hash: str
    """A hash of method, path and body: the same key with another request is refused."""
    at: datetime
    change: Change


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """An answer as it is sent: JSON, its status, and whether it is the answer of an earlier request."""

    status: int
    body: bytes
    is_repeated: bool = False


# Made once: every write asks them, and SQLAlchemy takes longer to put them together than SQLite to answer.
_EARLIER = (
    select(api_write, api_answer.c.body)
    .select_from(api_write.outerjoin(api_answer, api_answer.c.write_id == api_write.c.id))
    .where(
        api_write.c.key_id == bindparam("the_key"),
        api_write.c.idempotency_key == bindparam("the_word"),
        api_write.c.at > bindparam("since"),
    )
)
_RECORD = insert(api_write).returning(api_write.c.id)
_KEEP = insert(api_answer)
_OLD = (
    select(api_write.c.id)
    .where(api_write.c.idempotency_key.is_not(None), api_write.c.at <= bindparam("horizon"))
    .limit(1_000)
)


def make_changes(connection: Connection, changes: Sequence[RequestedChange]) -> list[StoredAnswer | RefusalError]:
    """Make each change, or find its earlier answer; a `Write` for the write queue."""
    _forget_old_answers(connection, max(change.at for change in changes))
    return [_make(connection, change) for change in changes]


def earlier_answer(
    connection: Connection, key: ApiKey, idempotency_key: str, request_hash: str, now: datetime
) -> StoredAnswer | None:
    """Return the answer of an earlier request, if there was one. Raises RefusalError for another request."""
    asked = {"the_key": key.id, "the_word": idempotency_key, "since": _horizon(now)}
    row = connection.execute(_EARLIER, asked).one_or_none()
    return _replay(row, request_hash) if row is not None else None


def _replay(row: Row[Any], request_hash: str) -> StoredAnswer:
    if row.request_hash != request_hash:
        hint = "Take a new key for each new request; a repetition has the same method, path and body."
        raise RefusalError("other-request", "this idempotency key came with another request before", hint=hint)
    if row.body is None:
        raise RefusalError("erased", f"the request was done at {row.at}; the reader is erased since")
    return StoredAnswer(status=row.status, body=row.body.encode(), is_repeated=True)


def _make(connection: Connection, wanted: RequestedChange) -> StoredAnswer | RefusalError:
    try:
        if wanted.idempotency_key is not None:
            key, hashed = wanted.key, wanted.request_hash
            if earlier := earlier_answer(connection, key, wanted.idempotency_key, hashed, wanted.at):
                return earlier
        # Undone alone when it is refused half-way: the other requests of the transaction stay.
        with connection.begin_nested():
            response = wanted.change(connection)
    except RefusalError as refusal:
        return refusal
    except NewsletterError as error:
        return refusal_of(error)
    return _record(connection, wanted, response)


def _record(connection: Connection, wanted: RequestedChange, response: ApiResponse) -> StoredAnswer:
    values = {
        "key_id": wanted.key.id,
        "at": stamp(wanted.at),
        "operation": wanted.operation,
        "target": response.target,
        "idempotency_key": wanted.idempotency_key,
        "request_hash": wanted.request_hash if wanted.idempotency_key is not None else "",
        "status": response.status,
    }
    write_id = connection.execute(_RECORD, values).scalar_one()
    body = b"" if response.value is None else msgspec.json.encode(response.value)
    if wanted.idempotency_key is not None:
        answer = {"write_id": write_id, "subscriber_id": response.subscriber_id, "body": body.decode()}
        connection.execute(_KEEP, answer)
    return StoredAnswer(status=response.status, body=body)


def _forget_old_answers(connection: Connection, now: datetime) -> None:
    """Delete the answers that are kept no longer; the evidence stays."""
    ids = list(connection.scalars(_OLD, {"horizon": _horizon(now)}))
    if ids:
        connection.execute(delete(api_answer).where(api_answer.c.write_id.in_(ids)))
        connection.execute(
            update(api_write).where(api_write.c.id.in_(ids)).values(idempotency_key=None, request_hash="")
        )


def _horizon(now: datetime) -> str:
    return stamp(now - KEPT)
