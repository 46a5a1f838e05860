"""Suppressions: addresses never to mail, and why. They outlive the reader.

No other module writes the `suppression` table. They are kept by `addresses.address_key`,
so that two spellings of one address are one. Of a reader who asked to be forgotten there is only
a hash, made with the publication's secret: it says whether an address is that one, and nothing else.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache

from sqlalchemy import Connection, Select, delete, insert, select

from newsletter.addresses import address_key
from newsletter.database.bulk import among
from newsletter.database.tables import suppression
from newsletter.signed_links import Keyed
from newsletter.times import stamp

_HASHED = "hmac:"
"""Begins what is the hash of an address, and no address."""


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
    _insert(connection, key, reason, detail, at)
    return True


def forget(connection: Connection, email_key: str, at: datetime) -> None:
    """Never mail this address again, and keep no more of it than that: not even an earlier reason's words."""
    known = suppressed(connection, [email_key]).get(email_key)
    lift(connection, [email_key])
    _insert(connection, _hasher(connection)(email_key), Reason(known) if known else Reason.ERASED, "", at)


def suppressed(connection: Connection, email_keys: Sequence[str]) -> dict[str, str]:
    """Of these keys, the suppressed ones, each with its reason."""
    spelled = _spellings(connection, email_keys)
    asked = select(suppression.c.email_key, suppression.c.reason)
    found = connection.execute(asked.where(among(connection, suppression.c.email_key, list(spelled))))
    return {spelled[row.email_key]: row.reason for row in found}


def suppressed_by_hash(connection: Connection, email_keys: Callable[[], Sequence[str]]) -> dict[str, str]:
    """Of those that no table can be joined with; the keys are asked for only where there is a hash at all."""
    return suppressed(connection, email_keys()) if _has_hashes(connection) else {}


def lift(connection: Connection, email_keys: Iterable[str]) -> None:
    """Mail these addresses again: only when a person said so, of each by name."""
    spelled = _spellings(connection, list(email_keys))
    connection.execute(delete(suppression).where(among(connection, suppression.c.email_key, list(spelled))))


def lift_by_owner(connection: Connection, email_keys: Iterable[str]) -> None:
    """Mail these addresses again, if it was their owners who did not want to: they chose a list anew.

    What bounced, was called spam, or was suppressed by hand stays.
    """
    spelled = _spellings(connection, list(email_keys))
    theirs = suppression.c.reason.in_((Reason.UNSUBSCRIBED, Reason.ERASED))
    connection.execute(delete(suppression).where(theirs, among(connection, suppression.c.email_key, list(spelled))))


def _insert(connection: Connection, key: str, reason: Reason, detail: str, at: datetime) -> None:
    row = {"email_key": key, "reason": str(reason), "detail": detail, "at": stamp(at)}
    connection.execute(insert(suppression), [row])


def _spellings(connection: Connection, email_keys: Sequence[str]) -> dict[str, str]:
    """How these addresses may stand in the table, each with its key. The secret is needed only if a hash is there."""
    plain = {key: key for key in email_keys}
    if not plain or not _has_hashes(connection):
        return plain
    hash_of = _hasher(connection)
    return plain | {hash_of(key): key for key in email_keys}


def _has_hashes(connection: Connection) -> bool:
    return connection.execute(_hashes(connection.dialect.name)).first() is not None


@cache
def _hashes(dialect: str) -> Select[str]:
    """Made once: it is asked with every batch."""
    column = suppression.c.email_key
    # SQLite looks GLOB up in the key's index, LIKE not.
    like = column.op("GLOB")(f"{_HASHED}*") if dialect == "sqlite" else column.like(f"{_HASHED}%")
    return select(column).where(like).limit(1)


def _hasher(connection: Connection) -> Callable[[str], str]:
    root: str = connection.get_execution_options()["newsletter_secret"]()
    key = Keyed(hmac.digest(root.encode(), b"newsletter: erased addresses", "sha256"))
    return lambda email_key: _HASHED + key.digest(email_key.encode()).hex()
