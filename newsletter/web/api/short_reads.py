"""Answer short reads together: all that wait share one thread, one transaction and what is known of their keys.

A read of a few rows takes less time than waking a thread for it, and threads that take turns at the interpreter take
more time still. While some are answered, further ones gather. Each transaction begins after its requests have come, so
that none is answered by what was before it: a key that was revoked is refused by the next request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeVar

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from newsletter.api_keys import ApiKey, find_key
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.web.api.problems import RefusalError

MAX_BATCH = 64
"""Reads in one transaction: the first of them waits for the last."""

Result = TypeVar("Result")
FindKey = Callable[[str], ApiKey | None]
"""Returns the key with a secret, as it is in the transaction; None for an unknown or revoked one."""
Read = Callable[[Connection, FindKey], Result]
"""Reads a few rows by their keys. Raises RefusalError, and changes nothing."""
_Waiting = tuple[Read[Any], "asyncio.Future[Any]"]


class ShortReads:
    """The short reads of one server, whose event loop alone may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._answering: asyncio.Task[None] | None = None

    async def run(self, read: Read[Result]) -> Result:
        """Return what `read` returns, or raise what it raises; NewsletterError when the database refuses."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((read, future))
        if self._answering is None or self._answering.done():
            # It begins after every request that the loop has read by now.
            self._answering = loop.create_task(self._answer_all())
        return await future

    async def _answer_all(self) -> None:
        while batch := self._waiting[:MAX_BATCH]:
            del self._waiting[:MAX_BATCH]
            try:
                outcomes = await run_in_threadpool(read_together, self._database, [read for read, _future in batch])
            except Exception as error:  # no thread could be started; nobody may wait for ever
                outcomes = [error] * len(batch)
            for (_read, future), outcome in zip(batch, outcomes, strict=True):
                _settle(future, outcome)


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # the client has gone
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def read_together(database: Database, reads: Sequence[Read[Any]]) -> list[Any]:
    """Return the result of each read, or the error that it ended with; no read is made twice."""
    outcomes: list[Any] = []
    while len(outcomes) < len(reads):
        try:
            _read_until_error(database, reads[len(outcomes) :], outcomes)
        except NewsletterError as error:  # the database's: it would refuse the others too
            return outcomes + [error] * (len(reads) - len(outcomes))
        except Exception as error:
            # It may have ended the transaction: the others go on in another.
            outcomes.append(error)
    return outcomes


def _read_until_error(database: Database, reads: Sequence[Read[Any]], outcomes: list[Any]) -> None:
    """Make reads in one transaction and add their outcomes. Raises what is no refusal, and ends there."""
    with database.read() as connection:
        find: FindKey = cache(partial(find_key, connection))
        for read in reads:
            try:
                outcomes.append(read(connection, find))
            except RefusalError as refusal:
                outcomes.append(refusal)
