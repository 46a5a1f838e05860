"""Suppressions: addresses never to mail, and why. They outlive the reader.

No other module writes the `suppression` table. They are kept by `addresses.address_key`,
so that two spellings of one address are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from newsletter.addresses import address_key
from newsletter.database import among
from newsletter.tables import suppression
from newsletter.times import stamp


class Reason(StrEnum):
    """Why an address must never be mailed again."""

    BOUNCED = "bounced"
    """The mailbox does not exist."""
    COMPLAINED = "complained"
    """Its owner called our mail spam."""
    UNSUBSCRIBED = "unsubscribed"
    """Its owner left everything, at the provider."""
    ERASED = "erased"
    """Its owner asked to be forgotten."""
    BY_HAND = "by-hand"


def suppress(connection: Connection, address: str, reason: Reason, detail: str, at: datetime) -> bool:
    """Never mail this address again. The first reason stays; False when there was one."""
    key = address_key(address)
    if suppressed(connection, [key]):
        return False
    row = {"email_key": key, "reason": str(reason), "detail": detail, "at": stamp(at)}
    connection.execute(insert(suppression), [row])
    return True


def suppressed(connection: Connection, email_keys: Sequence[str]) -> dict[str, str]:
    """Of these keys, the suppressed ones, each with its reason."""
    asked = select(suppression.c.email_key, suppression.c.reason)
    found = connection.execute(asked.where(among(connection, suppression.c.email_key, email_keys)))
    return {row.email_key: row.reason for row in found}


def lift(connection: Connection, email_keys: Iterable[str]) -> None:
    """Mail these addresses again: only when a person said so, of each by name."""
    connection.execute(delete(suppression).where(among(connection, suppression.c.email_key, list(email_keys))))
