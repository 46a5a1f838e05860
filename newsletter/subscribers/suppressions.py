"""Suppressions: addresses that must not be mailed, and why. They outlive the reader.

No other module writes the `suppression` table. Addresses are kept by `addresses.address_key`, so that two spellings
are one address. The address of a reader who asked to be forgotten is kept as a hash, made with the publication's
secret: it can be compared with an address, and not be turned back into one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, insert, select

from newsletter.addresses import address_key
from newsletter.database.bulk import among
from newsletter.database.tables import suppression
from newsletter.signed_links import Keyed
from newsletter.times import stamp

_HASHED = "hmac:"
"""The beginning of a row's `email_key` that is the hash of an address."""


class Reason(StrEnum):
    """Why an address must never be mailed again."""

    BOUNCED = "bounced"
    """The mailbox does not exist."""
    COMPLAINED = "complained"
    """Its owner called our mail spam."""
    UNSUBSCRIBED = "unsubscribed"
    """Its owner left all lists, at the provider."""
    ERASED = "erased"
    """Its owner asked to be forgotten."""
    BY_HAND = "by-hand"


def suppress(connection: Connection, address: str, reason: Reason, detail: str, at: datetime) -> bool:
    """Bar an address from all mail; return False, and keep the first reason, when it was barred already."""
    key = address_key(address)
    if suppressed(connection, [key]):
        return False
    _insert(connection, key, reason, detail, at)
    return True


class Barred(NamedTuple):
    """An address to suppress, and why."""

    address: str
    reason: Reason
    detail: str


def suppress_all(connection: Connection, barred: Sequence[Barred], at: datetime) -> int:
    """Bar addresses from all mail; return how many were not barred before. The first reason of each is kept."""
    by_key = {address_key(entry.address): entry for entry in reversed(barred)}
    known = suppressed(connection, list(by_key)) if by_key else {}
    new = {key: entry for key, entry in by_key.items() if key not in known}
    if new:
        rows = [
            {"email_key": key, "reason": str(entry.reason), "detail": entry.detail, "at": stamp(at)}
            for key, entry in new.items()
        ]
        connection.execute(insert(suppression), rows)
    return len(new)


def forget(connection: Connection, email_key: str, at: datetime) -> None:
    """Bar an address from all mail by its hash alone; the words of an earlier reason are deleted."""
    known = suppressed(connection, [email_key]).get(email_key)
    lift(connection, [email_key])
    _insert(connection, _hasher(connection)(email_key), Reason(known) if known else Reason.ERASED, "", at)


def suppressed(connection: Connection, email_keys: Sequence[str]) -> dict[str, str]:
    """Return those of these keys that are suppressed, each with its reason."""
    return {key: row.reason for key, row in reasons(connection, email_keys).items()}


def reasons(connection: Connection, email_keys: Sequence[str]) -> Mapping[str, Any]:
    """Return those of these keys that are suppressed, each with `reason` and `at`."""
    spelled = _spellings(connection, email_keys)
    columns = select(suppression.c.email_key, suppression.c.reason, suppression.c.at)
    rows = connection.execute(columns.where(among(connection, suppression.c.email_key, list(spelled))))
    return {spelled[row.email_key]: row for row in rows}


def suppressed_by_hash(connection: Connection, email_keys: Callable[[], Sequence[str]]) -> dict[str, str]:
    """Return `suppressed` of those keys if any suppression is a hash, which no table can be joined with; else nothing.

    `email_keys` is called only then: a batch need not load its addresses for it otherwise.
    """
    return suppressed(connection, email_keys()) if _has_hashes(connection) else {}


def lift(connection: Connection, email_keys: Iterable[str]) -> None:
    """Delete the suppressions of these addresses; only for a person who named each of them."""
    spelled = _spellings(connection, list(email_keys))
    connection.execute(delete(suppression).where(among(connection, suppression.c.email_key, list(spelled))))


def lift_by_owner(connection: Connection, email_keys: Iterable[str]) -> None:
    """Delete the suppressions that the owners of these addresses asked for, because they joined a list again.

    Addresses that bounced, complained or were suppressed by hand stay suppressed.
    """
    spelled = _spellings(connection, list(email_keys))
    by_owner = suppression.c.reason.in_((Reason.UNSUBSCRIBED, Reason.ERASED))
    connection.execute(delete(suppression).where(by_owner, among(connection, suppression.c.email_key, list(spelled))))


def _insert(connection: Connection, key: str, reason: Reason, detail: str, at: datetime) -> None:
    row = {"email_key": key, "reason": str(reason), "detail": detail, "at": stamp(at)}
    connection.execute(insert(suppression), [row])


def _spellings(connection: Connection, email_keys: Sequence[str]) -> dict[str, str]:
    """Return the forms in which the table may have these keys, each with its key; hashes only if it has any.

    A publication without hashes thus needs no secret.
    """
    plain = {key: key for key in email_keys}
    if not plain or not _has_hashes(connection):
        return plain
    hash_of = _hasher(connection)
    return plain | {hash_of(key): key for key in email_keys}


def _has_hashes(connection: Connection) -> bool:
    return connection.execute(_hashes(connection.dialect.name)).first() is not None


@cache
def _hashes(dialect: str) -> Select[str]:
    """Return the query for one hash; cached, because it runs with every batch."""
    column = suppression.c.email_key
    # SQLite uses the key's index for GLOB, and not for LIKE.
    like = column.op("GLOB")(f"{_HASHED}*") if dialect == "sqlite" else column.like(f"{_HASHED}%")
    return select(column).where(like).limit(1)


def _hasher(connection: Connection) -> Callable[[str], str]:
    root: str = connection.get_execution_options()["newsletter_secret"]()
    key = Keyed(hmac.digest(root.encode(), b"newsletter: erased addresses", "sha256"))
    return lambda email_key: _HASHED + key.digest(email_key.encode()).hex()
