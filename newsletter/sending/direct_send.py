"""Send a call that waits in no queue, in its turn: a test, or a notice to the editors.

Nothing is kept of it but what the provider's rate makes of it. Mail to readers goes through sender.py, and
confirmations and welcomes through transactional_sender.py.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.providers import dispatch
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Settings
from newsletter.sending.job import draw_jitter
from newsletter.sending.pacing import RunHistory
from newsletter.sending.rate_gate import RateGate
from newsletter.sending.settlement import Settlement, settlement, single_message_policy
from newsletter.times import Clock, utc_now

MOST_WAIT = 60.0
"""Seconds that a single call waits for its turn; at a slower rate it leaves then, and later calls wait the longer."""


def send_directly(
    publication: PublicationSettings,
    database: Database | None,
    provider: Provider,
    settings: Settings,
    batch: Batch,
    clock: Clock = utc_now,
) -> Answer:
    """Make one call in its turn; return the answer. Without a database there are no turns.

    Everyone is BUSY when a quota is used up for longer than MOST_WAIT.
    """
    if database is None:
        return dispatch.hand_over(dispatch.prepare(provider, batch, settings))
    gate = RateGate(_Taker(database), publication, provider.name, publication.config.send.rate, clock, MOST_WAIT)
    if not gate.take_turn(len(batch.recipients)):
        return batch.everyone(Outcome.BUSY, f"a quota of {provider.title} is used up until {gate.opens_at:%H:%M} UTC")
    parts = dispatch.prepare(provider, batch, settings)
    handed_at = clock()
    settled = _settled(dispatch.hand_over(parts), provider, clock())
    if settled.is_throttled:
        with database.begin() as connection:
            wait = settled.reaction.wait
            gate.slow_down(connection, len(batch.recipients), handed_at=handed_at, wait=wait)
    return settled.answer


def _settled(answer: Answer, provider: Provider, now: datetime) -> Settlement:
    return settlement(answer, None, single_message_policy(provider), RunHistory(), now, jitter=draw_jitter())


class _Taker:
    """A sender of one call, as the rate gate sees it."""

    is_stopping = False

    def __init__(self, database: Database) -> None:
        self._database = database

    def writer(self) -> AbstractContextManager[Connection]:
        return self._database.begin()

    def wait(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, MOST_WAIT))

    def say_once(self, sentence: str) -> None:
        """Say nothing: the answer says it."""
