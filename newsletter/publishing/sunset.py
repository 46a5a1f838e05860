"""Part with inactive readers: ask each once whether they still want it, and unsubscribe who does not answer.

The question waits in the transactional queue, whose sender hands it over at most once. Nobody is unsubscribed who was
not certainly asked, and nobody who opened, clicked or changed anything since. A reader who stays is asked again at the
earliest after another such time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, exists, select

from newsletter.campaigns.unsubscribes import change_preferences
from newsletter.config import PublicationSettings
from newsletter.counters import table as counters
from newsletter.database.connection import Database
from newsletter.database.tables import subscriber, subscription, suppression, transactional_message
from newsletter.rendering.theme import Theme
from newsletter.subscribers import inactivity, transactional_queue
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.segments import gets_mail
from newsletter.subscribers.transactional_queue import NewTransactionalMessage, TransactionalKind, TransactionalState
from newsletter.times import Duration, stamp

SOURCE = "sunset"
"""The source of the evidence of those who did not answer."""
PAGE = 2_000
"""Readers that are asked or unsubscribed in one transaction."""


@dataclass(frozen=True, kw_only=True)
class Sunset:
    """Hold what is asked for: readers of a list who were inactive for a time, and the time that they have to answer."""

    list: str
    inactive: Duration
    after: Duration


@dataclass(frozen=True, kw_only=True)
class SunsetReport:
    """The readers of a sunset: how many were asked and unsubscribed, or would be."""

    inactive: int
    """Readers of the list who are inactive, asked or not."""
    asked: int
    """Readers who are asked now."""
    waiting: int
    """Readers who were asked and have time left to answer."""
    unsubscribed: int
    """Readers who did not answer in time."""


def sunset(
    publication: PublicationSettings, database: Database, wanted: Sunset, now: datetime, *, dry_run: bool = False
) -> SunsetReport:
    """Unsubscribe those whose time is over, then ask those who were not asked. Safe to stop and to run again.

    Raises ConfigError where nobody can know who is inactive.
    """
    inactivity.require_individual(publication, wanted.inactive)
    with database.read() as connection:
        silent = [*_silent(connection, wanted, now)]
        inactive = _inactive(connection, wanted, now)
        asked = _asked(connection, wanted, now)
    new = [id for id in inactive if id not in asked]
    leaving = [id for id, until in silent if until <= stamp(now)]
    if not dry_run:
        _unsubscribe(database, wanted, leaving, now)
        _ask(publication, database, wanted, new, now)
    with database.begin() as connection:
        counters.replace_parts(
            connection, counters.INACTIVE, {f"{stamp(now)[:10]} {wanted.inactive}": len({*inactive} - {*leaving})}
        )
    return SunsetReport(
        inactive=len(inactive), asked=len(new), waiting=len(silent) - len(leaving), unsubscribed=len(leaving)
    )


def _inactive(connection: Connection, wanted: Sunset, now: datetime) -> list[int]:
    """Return the readers of the list who are inactive and may be mailed."""
    is_barred = exists().where(suppression.c.email_key == subscriber.c.email_key)
    rows = select(subscriber.c.id).join(subscription, subscription.c.subscriber_id == subscriber.c.id)
    rows = rows.where(gets_mail(wanted.list, now), ~is_barred, inactivity.is_inactive(wanted.inactive.delta, now))
    return [*connection.scalars(rows.order_by(subscriber.c.id))]


def _asked(connection: Connection, wanted: Sunset, now: datetime) -> set[int]:
    """Return the readers who were asked within that time, or wait to be."""
    own = transactional_message.c
    since = stamp(now - wanted.inactive.delta)
    return {
        *connection.scalars(
            select(own.subscriber_id).where(
                own.kind == TransactionalKind.SUNSET, own.list == wanted.list, own.queued_at >= since
            )
        )
    }


def _silent(connection: Connection, wanted: Sunset, now: datetime) -> Iterator[tuple[int, str]]:
    """Yield the readers who were asked within that time, are on the list, and did nothing since: id, and until when.

    Only those whose message was certainly taken: the others may know nothing of the question.
    """
    own = transactional_message.c
    rows = (
        select(subscriber.c.id, own.settled_at, own.queued_at)
        .join(transactional_message, own.subscriber_id == subscriber.c.id)
        .join(subscription, and_(subscription.c.subscriber_id == subscriber.c.id, subscription.c.list == own.list))
        .where(
            own.kind == TransactionalKind.SUNSET,
            own.list == wanted.list,
            own.state == TransactionalState.ACCEPTED,
            own.queued_at >= stamp(now - wanted.inactive.delta),
            subscription.c.status == "active",
            ~inactivity.showed_life(own.queued_at),
        )
    )
    for id, settled_at, _queued_at in connection.execute(rows.order_by(subscriber.c.id)):
        yield id, stamp(datetime.fromisoformat(settled_at) + wanted.after.delta)


def _unsubscribe(database: Database, wanted: Sunset, ids: Sequence[int], now: datetime) -> None:
    for start in range(0, len(ids), PAGE):
        changes = [
            PreferenceChange(
                subscriber_id=id, action=PreferenceAction.LEAVE, lists=(wanted.list,), source=SOURCE, at=now
            )
            for id in ids[start : start + PAGE]
        ]
        with database.begin() as connection:
            change_preferences(connection, changes)


def _ask(
    publication: PublicationSettings, database: Database, wanted: Sunset, ids: Sequence[int], now: datetime
) -> None:
    for start in range(0, len(ids), PAGE):
        with database.begin() as connection:
            asked = _asked(connection, wanted, now)  # another process may have asked them meanwhile
            page = [id for id in ids[start : start + PAGE] if id not in asked]
            languages = _languages(connection, publication, wanted.list, page)
            messages = [
                NewTransactionalMessage(
                    subscriber_id=id,
                    kind=TransactionalKind.SUNSET,
                    message=str(TransactionalKind.SUNSET),
                    list=wanted.list,
                    language=language,
                    due_at=now,
                )
                for id, language in languages.items()
            ]
            transactional_queue.queue(connection, messages, now)


def _languages(
    connection: Connection, publication: PublicationSettings, list_name: str, ids: Sequence[int]
) -> dict[int, str]:
    """Return the language of each reader's question: their own if there are words, else the list's."""
    translations = Theme(publication=publication).translations
    config = publication.config
    usual = config.lists[list_name].language or config.publication.language
    rows = select(subscriber.c.id, subscriber.c.language).where(subscriber.c.id.in_(ids)).order_by(subscriber.c.id)
    chosen = {id: translations.choose((language, usual), "", "en").code for id, language in connection.execute(rows)}
    return {id: code if code in translations.codes else "en" for id, code in chosen.items()}
