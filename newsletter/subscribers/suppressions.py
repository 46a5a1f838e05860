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

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)

from newsletter.addresses import address_key
from newsletter.config import EventKind
from newsletter.counters import readers as counters
from newsletter.database.bulk import among, among_these, these
from newsletter.database.tables import suppression
from newsletter.outbound.queue import Happening, tell
from newsletter.signed_links import Keyed
from newsletter.times import stamp, utc_now

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
    with counters.changing_addresses(connection, [key], stamp(at)):
        _insert(connection, key, reason, detail, at)
    _tell(connection, [{"email_key": key, "reason": str(reason), "detail": detail, "at": stamp(at)}])
    return True


@dataclass(frozen=True, kw_only=True)
class ReportedSuppression:
    """A suppression that a provider's report, or the row of another platform's file, asks for."""

    address: str
    reason: Reason
    detail: str
    at: datetime
    """When the event happened; aware."""
    list_name: str = ""
    """The provider's list that it comes from, `postmark's list`, with which `detail` begins; empty for an event."""
    is_dated: bool = True
    """Whether the list says when it happened; else `at` is the time of reading."""


GIVEN_UP = "soft bounces, campaign after campaign"
"""The detail of an address that was given up for soft bounces: a delivered message lifts it."""
_GRAVITY = {Reason.BOUNCED: 1, Reason.UNSUBSCRIBED: 2, Reason.COMPLAINED: 3}
"""Graver reasons replace others. Those that a person gave (`by-hand`, `erased`) are never replaced."""


def suppress_reported(
    connection: Connection, reports: Sequence[ReportedSuppression], now: datetime | None = None
) -> int:
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
        elif _replaces(gravest, row):
            connection.execute(update(suppression).where(suppression.c.email_key == row.email_key).values(new))
    if rows:
        with counters.changing_addresses(connection, [row["email_key"] for row in rows], stamp(now or utc_now())):
            connection.execute(insert(suppression), rows)
        _tell(connection, rows)
    return len(rows)


def _tell(connection: Connection, rows: Sequence[Mapping[str, str]]) -> None:
    """Queue new suppressions for other programs."""
    for row in rows:
        data = {"email": row["email_key"], "reason": row["reason"], "detail": row["detail"]}
        tell(connection, [Happening(EventKind.SUPPRESSED, row["email_key"], data)], row["at"])


def _replaces(report: ReportedSuppression, row: Row[Any]) -> bool:
    """Tell whether a report takes the place of the suppression that its address has.

    A provider's list is no news: what is known of an address from elsewhere, and since later, stays as it is.
    """
    at = stamp(report.at)
    is_elsewhere = bool(report.list_name) and not row.detail.startswith(report.list_name)
    if is_elsewhere and (not report.is_dated or at <= row.at):
        return False
    return _rank(report.reason, report.detail, at) > _rank(Reason(row.reason), row.detail, row.at)


def _rank(reason: Reason, detail: str, at: str) -> tuple[int, bool, tuple[int, ...], str]:
    """Return the order of suppressions of one address: graver, not given up, and earlier ones come last."""
    return _GRAVITY.get(reason, 9), detail != GIVEN_UP, tuple(-ord(character) for character in at), detail


def given_up(connection: Connection, addresses: Iterable[str]) -> set[str]:
    """Return those of these addresses that are suppressed for soft bounces alone."""
    by_key = {address_key(address): address for address in addresses}
    rows = _stored(connection, list(by_key))
    return {by_key[key] for key, row in rows.items() if row.detail == GIVEN_UP}


def lift_given_up(connection: Connection, addresses: Iterable[str], now: datetime | None = None) -> None:
    """Delete the suppressions of those of these addresses that were given up for soft bounces alone."""
    keys = [address_key(address) for address in given_up(connection, addresses)]
    if keys:
        lift(connection, keys, now)


@cache
def _of_keys(dialect: str) -> Select[Any]:
    """Return the query for the suppressions with one of the wanted keys; made once, see `_lookup`."""
    return select(suppression).where(among_these(dialect, suppression.c.email_key, "wanted"))


def _stored(connection: Connection, email_keys: Sequence[str]) -> dict[str, Row[Any]]:
    """Return the rows of those of these keys that are suppressed."""
    if not email_keys:
        return {}
    spelled = _spellings(connection, email_keys)
    rows = connection.execute(_of_keys(connection.dialect.name), {"wanted": these(connection, spelled)})
    return {spelled[row.email_key]: row for row in rows}


def forget(connection: Connection, email_key: str, at: datetime) -> None:
    """Bar an address from all mail by its hash alone; the words of an earlier reason are deleted.

    For a reader who is erased already: the day's growth counts one who left, not one who came back before.
    """
    known = suppressed(connection, [email_key]).get(email_key)
    lift(connection, [email_key], at)
    _insert(connection, _hasher(connection)(email_key), Reason(known) if known else Reason.ERASED, "", at)


def suppressed(connection: Connection, email_keys: Sequence[str]) -> dict[str, str]:
    """Return those of these keys that are suppressed, each with its reason."""
    return {key: row.reason for key, row in reasons(connection, email_keys).items()}


def reasons(connection: Connection, email_keys: Sequence[str]) -> Mapping[str, Any]:
    """Return those of these keys that are suppressed, each with `reason` and `at`."""
    return _stored(connection, email_keys)


def barred_by_address(connection: Connection, email_keys: Sequence[str]) -> set[str]:
    """Return those of these keys that are suppressed by the address itself, not by its hash."""
    stored = _stored(connection, email_keys)
    return {key for key, row in stored.items() if row.email_key == key}


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
    key: str
    """Its place in the order of `pages`: the address, or the hash of an erased reader's."""

    @property
    def words(self) -> str:
        """Return the reason with the words of whoever gave it, if any: `bounced (postmark: 550 no such user)`."""
        return f"{self.reason} ({self.detail})" if self.detail else self.reason

    def as_json(self) -> dict[str, str]:
        """Return what `suppressions list --json` prints."""
        return {"email": self.email, "reason": self.reason, "detail": self.detail, "at": self.at}


def pages(
    connection: Connection, *, reason: str = "", size: int = 5_000, after: str = ""
) -> Iterator[list[Suppression]]:
    """Yield all suppressions, or those of one reason, by address; `after` is the `key` of the last one known."""
    last = after
    while True:
        statement = select(suppression).where(suppression.c.email_key > last)
        if reason:
            statement = statement.where(suppression.c.reason == reason)
        rows = connection.execute(statement.order_by(suppression.c.email_key).limit(size)).all()
        if not rows:
            return
        yield [_suppression(row) for row in rows]
        last = rows[-1].email_key


@cache
def _lookup(dialect: str) -> Select[Any]:
    """Return the query for one key, and for one hash if there are any; made once, since every reader is looked up."""
    one_hash = _hashes(dialect).scalar_subquery()
    return select(suppression).where(suppression.c.email_key.in_([bindparam("wanted"), one_hash]))


def find(connection: Connection, address: str) -> Suppression | None:
    """Return the suppression of an address, also where only its hash is kept; None when it may be mailed."""
    key = address_key(address)
    rows = connection.execute(_lookup(connection.dialect.name), {"wanted": key}).all()
    if rows and all(row.email_key != key for row in rows):  # some row is a hash, which may be this address's
        key = _hasher(connection)(key)
        rows = connection.execute(_lookup(connection.dialect.name), {"wanted": key}).all()
    return next((_suppression(row) for row in rows if row.email_key == key), None)


def _suppression(row: Row[Any]) -> Suppression:
    email = "" if row.email_key.startswith(_HASHED) else row.email_key
    return Suppression(email=email, reason=row.reason, detail=row.detail, at=row.at, key=row.email_key)


def lift(connection: Connection, email_keys: Iterable[str], now: datetime | None = None) -> None:
    """Delete the suppressions of these addresses; only for a person who named each of them."""
    _delete(connection, list(email_keys), now)


def lift_by_owner(connection: Connection, email_keys: Iterable[str], now: datetime | None = None) -> None:
    """Delete the suppressions that the owners of these addresses asked for, because they joined a list again.

    Addresses that bounced, complained or were suppressed by hand stay suppressed.
    """
    by_owner = suppression.c.reason.in_((Reason.UNSUBSCRIBED, Reason.ERASED))
    _delete(connection, list(email_keys), now, by_owner)


def _delete(
    connection: Connection, email_keys: Sequence[str], now: datetime | None, *which: ColumnElement[bool]
) -> None:
    """Delete suppressions, and count the readers who may be mailed again."""
    spelled = list(_spellings(connection, email_keys))
    with counters.changing_addresses(connection, email_keys, stamp(now or utc_now())):
        connection.execute(delete(suppression).where(among(connection, suppression.c.email_key, spelled), *which))


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
