"""Make the changes of many requests in one transaction, and answer each only after it is on disk.

A transaction costs a wait for the disk, however many changes it has. One thread takes what waits, makes all the
changes in one transaction and commits; so a thousand readers at once wait as long as one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection

from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.web.error_log import masked

logger = logging.getLogger(__name__)

MAX_BATCH = 500
"""Changes in one transaction; other processes wait for the file as long as it takes."""
MAX_WAITING = 5_000
"""Changes that may wait; further ones are refused with BusyError."""
STUCK_SECONDS = 5.0
"""Seconds that no transaction takes unless another process holds the database."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Write = Callable[[Connection, Sequence[Item]], Sequence[Result]]
"""Changes the database for many items, and returns a result for each, in their order.

It is called again after a rollback, so it changes nothing but the database.
"""


class WriteError(NewsletterError):
    """A change was not made; the write queue has logged the reason where there is one to log."""


class BusyError(WriteError):
    """More changes wait than can be made soon."""


class ClosingError(WriteError):
    """The server is about to end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _QueuedWrite:
    """An item to write, and the future that waits for its result."""

    write: Write[Any, Any]
    item: Any
    loop: asyncio.AbstractEventLoop | None
    """The event loop of the future; None when a thread waits for it."""
    future: asyncio.Future[Any] | Future[Any]


_Outcome = tuple[_QueuedWrite, Any, BaseException | None]
"""A write, its result, and the error it ended with."""


class WriteQueue:
    """The one writer of a server; a context manager, which ends when everything that waits is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: SimpleQueue[_QueuedWrite | None] = SimpleQueue()
        # A daemon: a second signal ends the program although a transaction hangs.
        self._thread = threading.Thread(target=self._run, name="writes", daemon=True)
        self._closing = False
        self._began_at: float | None = None
        """When the current transaction began, by the monotonic clock; None between transactions."""

    def __enter__(self) -> WriteQueue:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing = True
        self._queue.put(None)
        self._thread.join()

    @property
    def is_open(self) -> bool:
        """Tell whether changes can be made."""
        return self._thread.is_alive() and not self._closing

    @property
    def is_stuck(self) -> bool:
        """Tell whether changes wait for a database that another process holds."""
        began_at = self._began_at
        return began_at is not None and time.monotonic() - began_at > STUCK_SECONDS

    @property
    def waiting(self) -> int:
        """The number of changes that wait."""
        return self._queue.qsize()

    async def run(self, write: Write[Item, Result], item: Item) -> Result:
        """Call `write` for the item, together with others; return its result when that is on disk.

        Raises what `write` raises for this item alone, and WriteError when the database refuses.
        """
        if self._closing:
            raise ClosingError("the server is stopping")
        if self.waiting >= MAX_WAITING:
            logger.warning("%d changes wait; a further one is refused", self.waiting)
            raise BusyError("too many requests at once")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.put(_QueuedWrite(write=write, item=item, loop=loop, future=future))
        result: Result = await future
        return result

    def call(self, write: Write[Item, Result], item: Item) -> Result:
        """Do as `run`, for a thread that waits for the result."""
        if self._closing:
            raise ClosingError("the server is stopping")
        future: Future[Result] = Future()
        self._queue.put(_QueuedWrite(write=write, item=item, loop=None, future=future))
        return future.result()

    def _run(self) -> None:
        while batch := self._take():
            self._began_at = time.monotonic()
            outcomes = self._settle(batch)
            self._began_at = None
            _resolve(outcomes)

    def _take(self) -> list[_QueuedWrite]:
        """Wait for the first write and return all that wait, up to MAX_BATCH; empty when the queue is to end."""
        batch: list[_QueuedWrite] = []
        while len(batch) < MAX_BATCH:
            try:
                queued = self._queue.get(block=not batch)
            except Empty:
                break
            if queued is None:
                self._queue.put(None)  # the end comes after this batch
                break
            batch.append(queued)
        return batch

    def _settle(self, batch: Sequence[_QueuedWrite]) -> list[_Outcome]:
        """Make all changes in one transaction; when one of them fails, each in its own, so that it alone fails."""
        try:
            return self._commit(batch)
        except NewsletterError as error:  # the database's: it would refuse the others too
            logger.error("the database refused %d changes", len(batch), exc_info=masked(error))
            refusal = WriteError(error.message, place=error.place, hint=error.hint)
            refusal.__cause__ = error
            return [(queued, None, refusal) for queued in batch]
        except Exception as error:
            # A mistake or conflict of one change: the others are good, each by itself.
            if len(batch) == 1:
                name = getattr(batch[0].write, "__qualname__", "a change")
                logger.error("%s failed", name, exc_info=masked(error))
                return [(batch[0], None, error)]
            return [outcome for queued in batch for outcome in self._settle([queued])]

    def _commit(self, batch: Sequence[_QueuedWrite]) -> list[_Outcome]:
        # A write function makes the changes of many items with few statements.
        by_write: dict[Write[Any, Any], list[_QueuedWrite]] = defaultdict(list)
        for queued in batch:
            by_write[queued.write].append(queued)
        outcomes: list[_Outcome] = []
        with self._database.begin() as connection:
            for write, group in by_write.items():
                results = write(connection, [queued.item for queued in group])
                outcomes += [(queued, result, None) for queued, result in zip(group, results, strict=True)]
        return outcomes


def _resolve(outcomes: Iterable[_Outcome]) -> None:
    """Hand each outcome to the request that waits for it, with one call for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[_Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_loop[outcome[0].loop].append(outcome)
    for loop, group in by_loop.items():
        if loop is None:
            _set_results(group)
        elif not loop.is_closed():
            # A future may be resolved only by the thread of its loop.
            loop.call_soon_threadsafe(_set_results, group)


def _set_results(outcomes: Sequence[_Outcome]) -> None:
    for queued, result, error in outcomes:
        if queued.future.done():  # the client has gone
            continue
        if error is not None:
            queued.future.set_exception(error)
        else:
            queued.future.set_result(result)
