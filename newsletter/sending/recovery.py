"""Recover from a sender that died: find what it had handed over, and what may be done again.

A call may be made again while the provider remembers its key; what is neither that nor certainly unsent is unknown.
The batches are moved by `campaigns.abandoned_batches`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from newsletter.campaigns import abandoned_batches, counts, reported, resolution
from newsletter.campaigns.abandoned_batches import Recovered
from newsletter.campaigns.claims import Claim
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import ConfigError, NewsletterError
from newsletter.providers import PROVIDERS, provider_record
from newsletter.providers.base import Answer, Outcome, Provider
from newsletter.sending import database_guard
from newsletter.sending.database_guard import LastSendMarker
from newsletter.sending.job import ProgressListener, SendState
from newsletter.sending.lock import SenderLock
from newsletter.times import Clock, utc_now

TTL_SHARE = 0.8
"""The share of the time that a provider remembers a key; later a repeat is too risky."""
LATE = "accepted: the answer came after its sender had been given up"
"""The detail of a delivery whose sender was stopped, or cut off, for longer than its lease."""
DECIDED = {
    "hold": "never repeated",
    "assume-sent": "taken as sent",
    "resend": "sent again, so that some readers may have it twice",
}
"""What a person is told about unknown deliveries, by policy."""


def recover(
    send_state: SendState, publication: PublicationSettings, listener: ProgressListener, clock: Clock
) -> Recovered:
    """Take over what a dead sender left, and say so; return what is left after the policy for unknown deliveries.

    The caller holds the sender's lock; or there are several senders, and those are dead whose leases have ended.
    Raises NewsletterError when the database is a copy of one that sends elsewhere, or a backup.
    """
    expired = None if send_state.is_alone else clock()

    def may_replay(name: str, first_handed_at: str) -> bool:
        return name in PROVIDERS and may_repeat(provider_record(name), first_handed_at, clock())

    with send_state.writer() as connection:
        database_guard.settle(connection, database_guard.here(send_state.database), clock())
        send_state.last_send_marker.require_newest(connection)
        in_progress = abandoned_batches.recover_in_progress(connection, clock(), expired=expired)
        recovered = abandoned_batches.recover(connection, may_replay, expired=expired)
        unknown_of = Counter(recovered.unknown_of) + Counter(in_progress.unknown_of)
        for id in [*unknown_of]:
            unknown_of[id] -= reported.accept_campaign(connection, id, clock())
        unknown_of = +unknown_of
        policy = publication.config.send.on_unknown
        resolved = resolution.resolve_sending(connection, policy, clock())
    for sentence in _sentences(recovered.replayed_of, unknown_of, resolved, policy):
        listener.say(sentence)
    left = {id: number for id, number in unknown_of.items() if id not in resolved}
    return Recovered(replayed_of=recovered.replayed_of, unknown_of=left)


def recover_if_free(
    database: Database,
    publication: PublicationSettings,
    campaign_id: int,
    listener: ProgressListener,
    clock: Clock = utc_now,
) -> None:
    """Recover if nobody is sending: then no call is under way, whatever the ledger calls handed.

    Nothing is done in a copied database, where the lock proves nothing: the sender of the other one does not hold it;
    nor in a backup, which does not know what was handed over.
    """
    if not _is_home(database, campaign_id):
        return
    with SenderLock(lock_file(database)) as lock:
        if lock.acquire():
            recover(SendState(database), publication, listener, clock)


def _is_home(database: Database, campaign_id: int) -> bool:
    """Tell whether a sender of this database left a call whose end the lock proves."""
    with database.read() as connection:
        if database.engine.dialect.name != "sqlite" or not counts.in_a_call(connection, campaign_id):
            return False
        try:
            database_guard.require_home(connection, database_guard.here(database))
            LastSendMarker(database).require_newest(connection)
        except NewsletterError:
            return False
    return True


def accept_late(connection: Connection, claim: Claim, ids: Sequence[int], answer: Answer, now: datetime) -> None:
    """Write an answer that came after the batch had been given up: whom the provider took is accepted.

    `ids` are its subscribers, in the order of the results. Only what is unknown changes.
    """
    results = zip(ids, answer.results, strict=True)
    taken = {id for id, result in results if result.outcome is Outcome.ACCEPTED}
    for unknown in resolution.find_unknown(connection, claim.campaign_id, claim.no) if taken else ():
        resolution.accept(connection, unknown, [id for id in unknown.ids if id in taken], LATE, now)


def lock_file(database: Database) -> str:
    """Return the file whose lock the sender holds. Raises ConfigError for a database that is no file."""
    if database.engine.dialect.name != "sqlite":
        raise ConfigError("`send` works on a SQLite database", hint="Set [database] url to sqlite:///newsletter.db.")
    return database.name


def may_repeat(provider: Provider, first_handed_at: str, now: datetime) -> bool:
    """Tell whether the provider still knows the key of a call made then, and answers it as it did the first time."""
    if provider.dedupe is None or provider.dedupe_ttl is None:
        return provider.dedupe is not None
    return now - datetime.fromisoformat(first_handed_at) < provider.dedupe_ttl * TTL_SHARE


def _sentences(
    replayed_of: Mapping[int, int], unknown_of: Mapping[int, int], resolved: Collection[int], policy: resolution.Policy
) -> Iterable[str]:
    """Say what a dead sender left behind, a sentence per campaign."""
    for id, number in unknown_of.items():
        what = DECIDED[policy if id in resolved else "hold"]
        yield f"The last run ended in the middle of a call of campaign {id}: {number:,} deliveries are unknown, {what}."
    for id, number in replayed_of.items():
        again = f"for {number:,} deliveries the same calls are made again, under their keys"
        yield f"The last run ended in the middle of a batch of campaign {id}: {again}."
