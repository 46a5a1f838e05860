"""Approvals: who has approved what a campaign sends, and what else `[publish]` asks for before it starts.

An approval is for one digest: when the text changes, it is void. Who handed an issue over cannot approve it. No other
module writes the `approval` table.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from newsletter.campaigns.campaign import Campaign
from newsletter.config import PublicationSettings
from newsletter.database.program_tables import approval as table
from newsletter.database.program_tables import push
from newsletter.errors import NewsletterError
from newsletter.times import OFF, stamp

HELD = "held: "
"""The beginning of a reason for which a campaign waits for people."""


def approve(connection: Connection, campaign: Campaign, name: str, now: datetime) -> None:
    """Write down that `name` approves the text as it is frozen. Raises NewsletterError when they handed it over."""
    if name in pushers(connection, campaign):
        hint = "Somebody else has to, with a key or a user of their own."
        raise NewsletterError(f"{name} handed this text over and cannot approve it", hint=hint)
    if name not in names(connection, campaign):
        row = {"campaign_id": campaign.id, "digest": campaign.digest, "name": name, "at": stamp(now)}
        connection.execute(insert(table).values(row))


def names(connection: Connection, campaign: Campaign) -> list[str]:
    """Return who has approved the text as it is frozen, the first first."""
    same = (table.c.campaign_id == campaign.id) & (table.c.digest == campaign.digest)
    return list(connection.scalars(select(table.c.name).where(same).order_by(table.c.at, table.c.name)))


def pushers(connection: Connection, campaign: Campaign) -> set[str]:
    """Return who has handed over the text as it is frozen."""
    same = (push.c.campaign_id == campaign.id) & (push.c.digest == campaign.digest)
    return set(connection.scalars(select(push.c.name).where(same)))


def drop(connection: Connection, campaign: Campaign) -> None:
    """Forget the approvals of a campaign whose text changes, those of texts that it had before too."""
    connection.execute(delete(table).where(table.c.campaign_id == campaign.id))


def missing(connection: Connection, publication: PublicationSettings, campaign: Campaign) -> str:
    """Return which approvals a campaign lacks, as a sentence; empty when it has enough."""
    needed = publication.config.publish.approvals
    has = len(names(connection, campaign)) if needed else 0
    if has >= needed:
        return ""
    of = f"it has {has} of {needed} approvals" if has else f"it needs {needed} approval{'s' * (needed > 1)}"
    return f"{HELD}{of}; newsletter approve {campaign.issue}"


def earliest(publication: PublicationSettings, frozen_at: datetime, moment: datetime) -> datetime:
    """Return the first moment from `moment` on at which `min_notice` and `window` let a campaign start (UTC)."""
    settings, zone = publication.config.publish, publication.config.publication.timezone
    noticed = frozen_at + settings.min_notice.delta
    return settings.window.next_open(max(moment, noticed), zone)


def too_early(publication: PublicationSettings, campaign_frozen_at: datetime, moment: datetime) -> str:
    """Return why a campaign may not start at that moment, as a sentence; empty when it may."""
    settings, zone = publication.config.publish, publication.config.publication.timezone
    if settings.min_notice != OFF and moment < campaign_frozen_at + settings.min_notice.delta:
        return f"[publish] min_notice is {settings.min_notice}, and its text was approved less than that before"
    if not settings.window.holds(moment, zone):
        return f"[publish] window is {settings.window}, and it is {moment.astimezone(zone):%H:%M}"
    return ""


def reason_to_hold(connection: Connection, publication: PublicationSettings, campaign: Campaign, now: datetime) -> str:
    """Return why a campaign may not start now; empty when it may. A campaign that has begun is never held again."""
    if campaign.started_at:
        return ""
    if lacks := missing(connection, publication, campaign):
        return lacks
    frozen_at = datetime.fromisoformat(campaign.frozen_at) if campaign.frozen_at else now
    early = too_early(publication, frozen_at, now)
    return f"{HELD}{early}" if early else ""
