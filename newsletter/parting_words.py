"""Parting words: why readers left, counted by list and day.

Nobody's in particular: what is kept cannot be traced to a reader. No other module writes `parting_word`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import Connection, func, select, text

from newsletter.database.tables import parting_word


class Reason(StrEnum):
    """What a reader may say; the pages' words for it are in their templates."""

    TOO_MUCH = "too-much"
    NOT_FOR_ME = "not-for-me"
    TOO_LONG = "too-long"
    NEVER_JOINED = "never-joined"
    LOOKS_WRONG = "looks-wrong"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Word:
    """One answer."""

    list: str
    day: date
    reason: Reason


def count(connection: Connection, words: Sequence[Word]) -> list[None]:
    """Add these answers to the numbers; a transaction's `Work` of the pages' writer."""
    rows = [{"list": word.list, "day": word.day.isoformat(), "reason": str(word.reason)} for word in words]
    counted = text(
        "INSERT INTO parting_word (list, day, reason, number) VALUES (:list, :day, :reason, 1)"
        " ON CONFLICT (list, day, reason) DO UPDATE SET number = parting_word.number + 1"
    )
    connection.execute(counted, rows)
    return [None] * len(words)


def counted(connection: Connection, since: date) -> list[tuple[str, str, int]]:
    """List, reason and how many said it since that day; of each list the most frequent first."""
    number = func.sum(parting_word.c.number)
    asked = select(parting_word.c.list, parting_word.c.reason, number).where(parting_word.c.day >= since.isoformat())
    asked = asked.group_by(parting_word.c.list, parting_word.c.reason)
    found = connection.execute(asked.order_by(parting_word.c.list, number.desc(), parting_word.c.reason))
    return [(name, reason, int(total)) for name, reason, total in found]
