"""Apply kept calls while a server runs, within a second of their coming, and take erased readers out of them.

The calls are kept in the same database, so that nothing is lost when the server is killed: the next one goes on.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import Connection

from newsletter.campaigns.return_paths import delivery_reader
from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.events import calls, erased_calls, one_time_tokens
from newsletter.events.apply import Applied, apply_reports
from newsletter.events.bounces import MAIL, read_bounce
from newsletter.events.calls import KeptCall
from newsletter.events.guard import Limits, guard_campaigns
from newsletter.providers import PROVIDERS, find_provider
from newsletter.providers.webhooks import Report, UnreadableError
from newsletter.times import Clock, utc_now

logger = logging.getLogger(__name__)

MAX_CALLS = 200
"""Calls applied in one transaction, during which readers' own changes wait."""
TICK = 0.25
"""Seconds between two looks for calls that another process kept."""
PAUSE = 0.25
"""Seconds that calls are collected before they are applied together: a sender on the same database gets its turns."""
PRUNE = timedelta(hours=1)
"""The time between two deletions of old calls."""


class Queue(Protocol):
    """Runs changes of the database one after another, those of the readers' pages among them."""

    def call(self, write: Callable[[Connection, Sequence[Any]], Sequence[Any]], item: object) -> Any:
        """Make one change, wait for it, and return its result."""


class EventApplier:
    """The thread of a server that applies kept calls; a context manager."""

    def __init__(self, publication: PublicationSettings, queue: Queue, clock: Clock = utc_now) -> None:
        self._publication, self._queue, self._clock = publication, queue, clock
        self._wake, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def __enter__(self) -> EventApplier:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closed.set()
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Say that a call was kept."""
        self._wake.set()

    def _run(self) -> None:
        pruned_at = self._clock() - PRUNE
        while not self._closed.is_set():
            try:
                if self._queue.call(self._apply, MAX_CALLS):
                    continue  # more waits
                if self._clock() - pruned_at >= PRUNE and not self._queue.call(self._prune, None):
                    pruned_at = self._clock()
            except NewsletterError:
                logger.warning("events wait for the database")
            self._rest()

    def _rest(self) -> None:
        """Wait until there may be something to do, and then for what else comes."""
        if self._wake.wait(TICK):
            self._closed.wait(PAUSE)
        self._wake.clear()

    def _apply(self, connection: Connection, limits: Sequence[int]) -> list[bool]:
        """Apply calls that wait, and look through a page for erased readers; return whether more is to be done."""
        waiting = calls.next_calls(connection, limits[0])
        if waiting:
            apply_calls(connection, self._publication, waiting, self._clock)
        is_cleaning = erased_calls.clean_page(connection)
        is_more = bool(waiting) and bool(calls.next_calls(connection, 1))
        return [is_more or is_cleaning] * len(limits)

    def _prune(self, connection: Connection, items: Sequence[object]) -> list[int]:
        one_time_tokens.prune(connection, self._clock())
        keep = self._publication.config.events.keep.delta
        return [calls.prune(connection, self._clock() - keep) if keep else 0] * len(items)


def apply_calls(
    connection: Connection, publication: PublicationSettings, kept: Sequence[KeptCall], clock: Clock
) -> Applied:
    """Apply kept calls in the connection's transaction, and mark them; a call that fails is logged and passed over.

    `newsletter events replay` applies it again, after the fix.
    """
    by_provider: dict[str, list[KeptCall]] = defaultdict(list)
    for call in kept:
        by_provider[call.provider].append(call)
    applied = [_apply_group(connection, publication, name, group, clock) for name, group in by_provider.items()]
    calls.mark_applied(connection, [call.id for call in kept], clock())
    total = _sum(applied)
    send = publication.config.send
    limits = Limits(complaints=send.max_complaints, bounced=send.max_bounced)
    for sentence in guard_campaigns(connection, sorted(total.troubled), limits, clock()):
        logger.warning("%s", sentence)
    return total


def _sum(applied: Sequence[Applied]) -> Applied:
    return Applied(
        new=sum(each.new for each in applied),
        foreign=sum(each.foreign for each in applied),
        troubled=frozenset().union(*(each.troubled for each in applied)),
    )


def _apply_group(
    connection: Connection, publication: PublicationSettings, provider: str, group: Sequence[KeptCall], clock: Clock
) -> Applied:
    """Apply one provider's calls together; when that fails each by itself, so that the others pass."""
    reports = [report for call in group for report in _reports(publication, provider, call)]
    soft_limit = publication.config.bounces.soft
    try:
        with connection.begin_nested():
            return apply_reports(connection, provider, reports, now=clock(), soft_limit=soft_limit)
    except Exception:
        if len(group) == 1:
            logger.exception("the events of kept call %d of %s were not applied", group[0].id, provider)
            return Applied(new=0, foreign=0)
    return _sum([_apply_group(connection, publication, provider, [call], clock) for call in group])


def _reports(publication: PublicationSettings, provider: str, call: KeptCall) -> Sequence[Report]:
    if provider == MAIL:
        report = read_bounce(call.body, delivery_reader(publication), call.at)
        return (report,) if report else ()
    webhook = find_provider(publication, provider).webhook if provider in PROVIDERS else None
    try:
        return webhook.reports(call.body) if webhook else ()
    except UnreadableError:
        logger.warning("kept call %d of %s cannot be read", call.id, provider)
        return ()
