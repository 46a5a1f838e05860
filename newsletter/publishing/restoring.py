"""Restore a backup so that it mails nobody twice: what may have been sent since it was made is unknown, and waits.

A backup does not know what was handed over later. So its campaigns that were sending or scheduled are paused, and their
deliveries that had not left are unknown, until the provider is asked (`reconcile`) or a person decides (`resolve`).
Only the marker of the last hand-over beside the database can prove that nothing left since; then they stay as they are.
In any case the database sends nothing before `adopt`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, func, select

from newsletter.campaigns import abandoned_batches, audience
from newsletter.campaigns.campaign import Campaign, CampaignState, change_state
from newsletter.campaigns.campaign_queries import all_campaigns
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.backup import Unpacked, put_in_place, put_secret, require_unused
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import subscriber
from newsletter.errors import NewsletterError
from newsletter.sending import database_guard
from newsletter.sending.database_guard import LastSendMarker, MailQueue
from newsletter.sending.lock import SenderLock
from newsletter.signed_links import SECRET_FILE
from newsletter.subscribers import transactional_queue

RESTORED = "restored from a backup"
"""The home of a restored database: no machine has this name, so that it sends nowhere before `adopt`."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A database that is in its place again."""

    readers: int
    campaigns: int
    held: tuple[Campaign, ...]
    """The campaigns that are paused, because some of it may have been sent since."""
    unknown: int
    """Their deliveries of which it is unknown."""
    kept: Path | None
    """Where the database of before is."""
    other_secret: Path | None
    """Where the secret of before is, if it was another."""


def restore(publication: PublicationSettings, database: Path, unpacked: Unpacked, now: datetime) -> Restored:
    """Put the backup in the place of the publication's database; what is there is moved aside.

    Everything is prepared before the first file is moved. Raises NewsletterError while somebody sends or serves.
    """
    aside = f"before-restore-{now:%Y%m%d-%H%M%S}"
    kept = database.with_name(f"{database.name}.{aside}") if database.exists() else None
    with SenderLock(str(database)) as lock:
        if not lock.acquire():
            raise NewsletterError(f"{lock.owner} is sending from this database", hint="Let it end, or stop it.")
        require_unused(database)
        restored = _prepare(publication, database, unpacked, now)
        put_in_place(unpacked.database, database, kept)
    secret, other = publication.root / SECRET_FILE, publication.root / f"{SECRET_FILE}.{aside}"
    is_other = unpacked.secret is not None and put_secret(unpacked.secret, secret, other)
    return replace(restored, kept=kept, other_secret=other if is_other else None)


def _prepare(publication: PublicationSettings, place: Path, unpacked: Unpacked, now: datetime) -> Restored:
    """Bring the copy up to date, and hold everything in it that may have been sent since it was made."""
    settings = msgspec.structs.replace(publication.config.database, url=f"sqlite:///{unpacked.database}")
    copy = open_database(replace(publication, config=msgspec.structs.replace(publication.config, database=settings)))
    try:
        with copy.begin() as connection:
            database_guard.adopt(connection, RESTORED, now)
            held = _hold(connection, publication, copy, place, unpacked.about.made_at, now)
            number = connection.execute(select(func.count()).select_from(subscriber)).scalar_one()
            return Restored(
                readers=number,
                campaigns=len(all_campaigns(connection)),
                held=tuple(held),
                unknown=sum(delivery_counts(connection, campaign.id)["unknown"] for campaign in held),
                kept=None,
                other_secret=None,
            )
    finally:
        copy.close()
        require_unused(unpacked.database)  # its log is copied into it


def _hold(
    connection: Connection, publication: PublicationSettings, copy: Database, place: Path, made_at: str, now: datetime
) -> list[Campaign]:
    """Pause the campaigns that may have gone on since, and call unknown what may have left; return them."""
    reason = f"{RESTORED} of {made_at[:16].replace('T', ' ')} UTC; some of it may have been sent since"
    if not LastSendMarker(copy, MailQueue.LETTERS, place).is_equal(connection):
        transactional_queue.leave_unknown(connection, reason, now)
    if LastSendMarker(copy, MailQueue.CAMPAIGNS, place).is_equal(connection):
        return []
    return [
        _held(connection, publication, campaign, reason, made_at, now)
        for campaign in all_campaigns(connection)
        if campaign.state in (CampaignState.SCHEDULED, CampaignState.SENDING, CampaignState.PAUSED)
    ]


def _held(
    connection: Connection,
    publication: PublicationSettings,
    campaign: Campaign,
    reason: str,
    made_at: str,
    now: datetime,
) -> Campaign:
    if campaign.started_at:
        audience.complete(connection, publication, campaign.id, now=now)
    abandoned_batches.leave_unknown(connection, campaign.id, campaign.provider, reason, made_at)
    if campaign.state is CampaignState.PAUSED:
        return campaign
    return change_state(connection, campaign.id, "pause", now=now, reason=reason)
