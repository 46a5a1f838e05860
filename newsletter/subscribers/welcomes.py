"""Welcomes: the issues that new readers of a list get, once each, some time after they joined.

`transactional_queue.py` keeps them until they are sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.subscribers import transactional_queue
from newsletter.subscribers.transactional_queue import NewTransactionalMessage, TransactionalKind


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """A welcome issue, the list whose new readers get it, and how long after they joined."""

    slug: str
    list: str
    after: timedelta


def queue_welcomes(
    connection: Connection,
    welcomes: Sequence[Welcome],
    subscriber_id: int,
    joined: Collection[str],
    language: str,
    now: datetime,
) -> None:
    """Queue the welcomes of the lists that a reader has just joined, but none that the reader had before."""
    had = transactional_queue.had(connection, [subscriber_id])
    new = [
        NewTransactionalMessage(
            subscriber_id=subscriber_id,
            kind=TransactionalKind.WELCOME,
            message=welcome.slug,
            list=welcome.list,
            language=language,
            due_at=now + welcome.after,
        )
        for welcome in welcomes
        if welcome.list in joined and (subscriber_id, welcome.slug) not in had
    ]
    transactional_queue.queue(connection, new, now)
