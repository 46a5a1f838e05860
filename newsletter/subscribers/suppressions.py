"""Suppressions: addresses that must not be mailed, and why. They outlive the reader.

No other module writes the `suppression` table. Addresses are kept by `addresses.address_key`, so that two spellings
are one address. The address of a reader who asked to be forgotten is kept as a hash, made with the publication's
secret: it can be compared with an address, and not be turned back into one.
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, literal_column, select, update

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


@dataclass(frozen=True, kw_only=True)
class ReportedSuppression:
    """A suppression that a provider's report, or the row of another platform's file, asks for."""

    address: str
    reason: Reason
    detail: str
    at: datetime
    """When the event happened; aware."""


GIVEN_UP = "soft bounces, campaign after campaign"
"""The detail of an address that was given up for soft bounces: a delivered message lifts it."""
_GRAVITY = {Reason.BOUNCED: 1, Reason.UNSUBSCRIBED: 2, Reason.COMPLAINED: 3}
"""Graver reasons replace others. Those that a person gave (`by-hand`, `erased`) are never replaced."""


def suppress_reported(connection: Connection, reports: Sequence[ReportedSuppression]) -> int:
    """Bar the addresses of reports: of several reasons the gravest stays, of equal ones the earliest.

    So the result does not depend on the order in which reports come. Return how many addresses were not barred yet.
    """
    by_key: dict[str, list[ReportedSuppression]] = defaultdict(list)
    for report in reports:
        by_key[address_key(report.address)].append(report)
    stored = _stored(connection, list(by_key))
    rows = []
    for key, own in by_key.items():
        gravest = max(own, key=lambda report: _rank(report.reason, report.detail, stamp(report.at)))
        new = {"reason": str(gravest.reason), "detail": gravest.detail, "at": stamp(gravest.at)}
        row = stored.get(key)
        if row is None:
            rows.append({"email_key": key, **new})
        elif _rank(gravest.reason, gravest.detail, stamp(gravest.at)) > _rank(Reason(row.reason), row.detail, row.at):
            connection.execute(update(suppression).where(suppression.c.email_key == row.email_key).values(new))
    if rows:
        connection.execute(insert(suppression), rows)
    return len(rows)


def _rank(reason: Reason, detail: str, at: str) -> tuple[int, bool, tuple[int, ...], str]:
    """Return the order of suppressions of one address: graver, not given up, and earlier ones come last."""
    return _GRAVITY.get(reason, 9), detail != GIVEN_UP, tuple(-ord(character) for character in at), detail


def given_up(connection: Connection, addresses: Iterable[str]) -> set[str]:
    """Return those of these addresses that are suppressed for soft bounces alone."""
    by_key = {address_key(address): address for address in addresses}
    rows = _stored(connection, list(by_key))
    return {by_key[key] for key, row in rows.items() if row.detail == GIVEN_UP}


def lift_given_up(connection: Connection, addresses: Iterable[str]) -> None:
    """Delete the suppressions of those of these addresses that were given up for soft bounces alone."""
    keys = [address_key(address) for address in given_up(connection, addresses)]
    if keys:
        lift(connection, keys)


def _stored(connection: Connection, email_keys: Sequence[str]) -> dict[str, Row[Any]]:
    """Return the rows of those of these keys that are suppressed."""
    if not email_keys:
        return {}
    spelled = _spellings(connection, email_keys)
    rows = connection.execute(select(suppression).where(among(connection, suppression.c.email_key, list(spelled))))
    return {spelled[row.email_key]: row for row in rows}


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
    return _stored(connection, email_keys)


def suppressed_by_hash(connection: Connection, email_keys: Callable[[], Sequence[str]]) -> dict[str, str]:
    """Return `suppressed` of those keys if any suppression is a hash, which no table can be joined with; else nothing.

    `email_keys` is called only then: a batch need not load its addresses for it otherwise.
    """
    return suppressed(connection, email_keys()) if _has_hashes(connection) else {}


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """An address that must not be mailed."""

    email: str
    """The address as it is compared; empty for an erased reader, of whom only a hash is kept."""
    reason: str
    detail: str
    at: str
    """Since when: a stamp."""

    @property
    def words(self) -> str:
        """Return the reason with the words of whoever gave it, if any: `bounced (postmark: 550 no such user)`."""
        return f"{self.reason} ({self.detail})" if self.detail else self.reason

    def as_json(self) -> dict[str, str]:
        """Return what `suppressions list --json` prints."""
        return {"email": self.email, "reason": self.reason, "detail": self.detail, "at": self.at}


def pages(connection: Connection, *, reason: str = "", size: int = 5_000) -> Iterator[list[Suppression]]:
    """Yield all suppressions, or those of one reason, by address."""
    last = ""
    while True:
        statement = select(suppression).where(suppression.c.email_key > last)
        if reason:
            statement = statement.where(suppression.c.reason == reason)
        rows = connection.execute(statement.order_by(suppression.c.email_key).limit(size)).all()
        if not rows:
            return
        yield [_suppression(row) for row in rows]
        last = rows[-1].email_key


def find(connection: Connection, address: str) -> Suppression | None:
    """Return the suppression of an address, also where only its hash is kept; None when it may be mailed."""
    row = _stored(connection, [address_key(address)]).get(address_key(address))
    return _suppression(row) if row is not None else None


def _suppression(row: Row[Any]) -> Suppression:
    email = "" if row.email_key.startswith(_HASHED) else row.email_key
    return Suppression(email=email, reason=row.reason, detail=row.detail, at=row.at)


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
    # The words of the index `suppression_hashed`, written out, since PostgreSQL takes it only where it can read them.
    # SQLite uses the key's own index for GLOB, and not for LIKE.
    like = "GLOB", f"'{_HASHED}*'"
    if dialect != "sqlite":
        like = "LIKE", f"'{_HASHED}%'"
    return select(column).where(column.op(like[0])(literal_column(like[1]))).limit(1)


def _hasher(connection: Connection) -> Callable[[str], str]:
    root: str = connection.get_execution_options()["newsletter_secret"]()
    key = Keyed(hmac.digest(root.encode(), b"newsletter: erased addresses", "sha256"))
    return lambda email_key: _HASHED + key.digest(email_key.encode()).hex()
