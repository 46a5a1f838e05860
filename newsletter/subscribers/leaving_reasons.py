"""Leaving reasons: why readers left, counted by list and day.

No count can be traced to a reader. No other module writes `leaving_reason`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import Connection, func, select, text

from newsletter.database.tables import leaving_reason as table


class LeavingReason(StrEnum):
    """A reason that a reader may choose; the pages' words for it are in their templates."""

    TOO_MUCH = "too-much"
    NOT_FOR_ME = "not-for-me"
    TOO_LONG = "too-long"
    NEVER_JOINED = "never-joined"
    LOOKS_WRONG = "looks-wrong"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class LeavingAnswer:
    """A reader's answer to the question why they left a list."""

    list: str
    day: date
    reason: LeavingReason


def record_answers(connection: Connection, answers: Sequence[LeavingAnswer]) -> list[None]:
    """Add these answers to the counts; a `Write` for the pages' write queue, so it returns a value per answer."""
    rows = [{"list": answer.list, "day": answer.day.isoformat(), "reason": str(answer.reason)} for answer in answers]
    add_one = text(
        "INSERT INTO leaving_reason (list, day, reason, number) VALUES (:list, :day, :reason, 1)"
        " ON CONFLICT (list, day, reason) DO UPDATE SET number = leaving_reason.number + 1"
    )
    connection.execute(add_one, rows)
    return [None] * len(answers)


def count_reasons(connection: Connection, since: date) -> list[tuple[str, str, int]]:
    """Return list, reason and number of answers since that day: by list, the most frequent reason first."""
    number = func.sum(table.c.number)
    per_reason = (
        select(table.c.list, table.c.reason, number)
        .where(table.c.day >= since.isoformat())
        .group_by(table.c.list, table.c.reason)
        .order_by(table.c.list, number.desc(), table.c.reason)
    )
    return [(name, reason, int(total)) for name, reason, total in connection.execute(per_reason)]
