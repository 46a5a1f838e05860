"""Writes: the changes of many requests in one transaction, and each answered only after it is on disk.

A transaction costs a wait for the disk, whatever is in it. One thread takes what waits, does it
in one transaction and commits; so a thousand readers at once wait as long as one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection

from newsletter.database.connection import Database
from newsletter.errors import NewsletterError

MOST = 500
"""Changes in one transaction: others wait for the file as long as it takes."""
MOST_WAITING = 5_000
"""With more than that, the next is told to come back."""
STUCK = 5.0
"""Seconds that no transaction takes unless somebody else holds the database."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Connection, Sequence[Item]], Sequence[Result]]
"""Changes the database for many items at once: a result each, in their order. After a rollback it may be done again."""


class BusyError(NewsletterError):
    """More changes wait than can be made soon."""


class ClosingError(NewsletterError):
    """The program is about to end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _QueuedWrite:
    """One item, and who waits for its result."""

    work: Work[Any, Any]
    item: Any
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


_Outcome = tuple[_QueuedWrite, Any, BaseException | None]


class WriteQueue:
    """The one writer of a server; a context manager, which ends when all that waits is done."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: SimpleQueue[_QueuedWrite | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writes", daemon=True)
        self._closing = False
        self._since: float | None = None
        """When the transaction in hand began, by the monotonic clock."""

    def __enter__(self) -> WriteQueue:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing = True
        self._waiting.put(None)
        self._thread.join()

    @property
    def is_open(self) -> bool:
        """Whether changes can be made."""
        return self._thread.is_alive() and not self._closing

    @property
    def is_stuck(self) -> bool:
        """Whether they wait for a database that somebody else holds."""
        since = self._since
        return since is not None and time.monotonic() - since > STUCK

    @property
    def waiting(self) -> int:
        """How many changes wait."""
        return self._waiting.qsize()

    async def do(self, work: Work[Item, Result], item: Item) -> Result:
        """Let `work` be done for the item, among others; returns when that is on disk.

        Raises what `work` raises for this item alone, and NewsletterError when the database refuses.
        """
        if self._closing:
            raise ClosingError("the server is stopping")
        if self.waiting >= MOST_WAITING:
            raise BusyError("too many requests at once")
        loop = asyncio.get_running_loop()
        wish = _QueuedWrite(work=work, item=item, loop=loop, future=loop.create_future())
        self._waiting.put(wish)
        result: Result = await wish.future
        return result

    def _run(self) -> None:
        while wishes := self._take():
            self._since = time.monotonic()
            outcomes = self._settle(wishes)
            self._since = None
            _answer(outcomes)

    def _take(self) -> list[_QueuedWrite]:
        """All that waits, up to MOST; waits for the first; nothing when it is time to end."""
        wishes: list[_QueuedWrite] = []
        while len(wishes) < MOST:
            try:
                wish = self._waiting.get(block=not wishes)
            except Empty:
                break
            if wish is None:
                self._waiting.put(None)  # the end comes after what is in hand
                break
            wishes.append(wish)
        return wishes

    def _settle(self, wishes: Sequence[_QueuedWrite]) -> list[_Outcome]:
        """Do them together; when one of them fails, each by itself, so that it alone fails."""
        try:
            return self._commit(wishes)
        except NewsletterError as error:  # the database's: it would refuse the others too
            return [(wish, None, error) for wish in wishes]
        except Exception as error:
            if len(wishes) == 1:
                return [(wishes[0], None, error)]
            return [outcome for wish in wishes for outcome in self._settle([wish])]

    def _commit(self, wishes: Sequence[_QueuedWrite]) -> list[_Outcome]:
        alike: dict[Work[Any, Any], list[_QueuedWrite]] = defaultdict(list)
        for wish in wishes:
            alike[wish.work].append(wish)
        outcomes: list[_Outcome] = []
        with self._database.begin() as connection:
            for work, these in alike.items():
                results = work(connection, [wish.item for wish in these])
                outcomes += [(wish, result, None) for wish, result in zip(these, results, strict=True)]
        return outcomes


def _answer(outcomes: Iterable[_Outcome]) -> None:
    """Wake those who wait, each loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_loop[outcome[0].loop].append(outcome)
    for loop, these in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell, these)


def _tell(outcomes: Sequence[_Outcome]) -> None:
    for wish, result, error in outcomes:
        if wish.future.done():  # the reader has gone
            continue
        if error is not None:
            wish.future.set_exception(error)
        else:
            wish.future.set_result(result)
