"""Apply kept calls once more, after a fix; what is known already changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.events import calls
from newsletter.events.applier import MAX_CALLS, apply_calls
from newsletter.times import Clock, utc_now


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """The result of a replay."""

    calls: int
    new: int
    """Events that were not known before."""
    foreign: int
    """Events of mail that is not ours, or of readers who are gone."""


def replay(
    publication: PublicationSettings,
    database: Database,
    since: datetime | None,
    *,
    progress: Callable[[int], None] = lambda _count: None,
    clock: Clock = utc_now,
) -> Replayed:
    """Apply every kept call that came since then; `progress` gets the number of calls after each transaction."""
    last, count, new, foreign = 0, 0, 0, 0
    while True:
        with database.begin() as connection:
            kept = calls.calls_after(connection, last, since, MAX_CALLS)
            if not kept:
                return Replayed(calls=count, new=new, foreign=foreign)
            applied = apply_calls(connection, publication, kept, clock)
        last, count = kept[-1].id, count + len(kept)
        new, foreign = new + applied.new, foreign + applied.foreign
        progress(count)
