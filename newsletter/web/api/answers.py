"""Answer a request by its operation: admit its key, read it, and read or change what it is about.

Short reads share a thread (short_reads.py), others have one of their own; changes go through the server's one writer.
A request is admitted before its body is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from newsletter.api_keys import ApiKey, find_key
from newsletter.errors import NewsletterError
from newsletter.web.api.access import admit
from newsletter.web.api.operations import ApiRequest, ApiSite, Change, Operation
from newsletter.web.api.problems import RefusalError, refusal_of
from newsletter.web.api.reading import read_body, read_idempotency_key, read_query, request_hash
from newsletter.web.api.short_reads import FindKey, Read
from newsletter.web.api.writes import RequestedChange, StoredAnswer, earlier_answer, make_changes


async def answer(site: ApiSite, operation: Operation, request: Request) -> StoredAnswer:
    """Return the answer of an operation. Raises RefusalError, and NewsletterError when the database refuses."""
    if operation.writes:
        return await _write(site, operation, request)
    read = partial(_read, site, operation, request)
    if operation.is_short:
        return await site.short_reads.run(read)
    async with site.long_reads:
        return await run_in_threadpool(_read_alone, site, read)


def _read(site: ApiSite, operation: Operation, request: Request, connection: Connection, find: FindKey) -> StoredAnswer:
    """Admit and answer a request that reads."""
    assert operation.run is not None
    key = _admitted(site, operation, request, connection, find)
    wanted = _api_request(site, operation, request, key, None)
    try:
        response = operation.run(wanted, connection)
    except NewsletterError as error:
        raise refusal_of(error) from error
    return StoredAnswer(status=response.status, body=msgspec.json.encode(response.value))


def _read_alone(site: ApiSite, read: Read[StoredAnswer]) -> StoredAnswer:
    with site.database.read() as connection:
        return read(connection, partial(find_key, connection))


async def _write(site: ApiSite, operation: Operation, request: Request) -> StoredAnswer:
    """Admit a request before its body is read, then make its change together with what others asked for."""
    key = await site.short_reads.run(partial(_admitted, site, operation, request))
    body = await request.body()
    repeat_key = read_idempotency_key(request)
    wanted = _api_request(site, operation, request, key, read_body(request, body, operation))
    with _in_progress(site, key, repeat_key):
        hashed = request_hash(request, body)
        if operation.prepare is not None and repeat_key is not None:
            earlier = await site.short_reads.run(partial(_earlier, wanted, repeat_key, hashed))
            if earlier is not None:
                return earlier
        change = RequestedChange(
            key=key,
            operation=operation.name,
            idempotency_key=repeat_key,
            request_hash=hashed,
            at=wanted.at,
            change=await _change(operation, wanted),
        )
        outcome = await site.write_queue.run(make_changes, change)
    if isinstance(outcome, RefusalError):
        raise outcome
    return outcome


async def _change(operation: Operation, wanted: ApiRequest) -> Change:
    """Return the change to make; building an issue, and the like, is done here, outside the transaction."""
    if operation.prepare is None:
        assert operation.run is not None
        return partial(operation.run, wanted)
    try:
        return await run_in_threadpool(operation.prepare, wanted)
    except NewsletterError as error:
        raise refusal_of(error) from error


def _admitted(site: ApiSite, operation: Operation, request: Request, _connection: Connection, find: FindKey) -> ApiKey:
    return admit(site, find, request.headers.get("authorization", ""), operation)


def _earlier(
    wanted: ApiRequest, repeat_key: str, hashed: str, connection: Connection, _find: FindKey
) -> StoredAnswer | None:
    return earlier_answer(connection, wanted.key, repeat_key, hashed, wanted.at)


def _api_request(site: ApiSite, operation: Operation, request: Request, key: ApiKey, body: Any) -> ApiRequest:
    return ApiRequest(
        site=site,
        key=key,
        path=request.path_params,
        query=read_query(request, operation),
        body=body,
        at=site.clock(),
    )


@contextmanager
def _in_progress(site: ApiSite, key: ApiKey, repeat_key: str | None) -> Iterator[None]:
    """Refuse a request while another one with its idempotency key is being answered. Raises RefusalError."""
    if repeat_key is None:
        yield
        return
    mark = (key.id, repeat_key)
    if mark in site.in_progress:
        raise RefusalError("in-progress", "ask again when the first request is answered", headers={"Retry-After": "1"})
    site.in_progress.add(mark)
    try:
        yield
    finally:
        site.in_progress.discard(mark)
