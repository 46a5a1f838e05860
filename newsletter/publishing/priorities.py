"""Let a campaign go before or after others: `send --priority` and `schedule --priority`."""

from __future__ import annotations

from sqlalchemy import Connection

from newsletter.campaigns.campaign import CampaignPriority, set_priority
from newsletter.database.connection import Database


def prioritise(database: Database, campaign_id: int, name: str | None) -> None:
    """Give a campaign the priority `high`, `normal` or `low`; None leaves it as it is."""
    if name is not None:
        with database.begin() as connection:
            prioritise_in(connection, campaign_id, name)


def prioritise_in(connection: Connection, campaign_id: int, name: str) -> None:
    """Do as `prioritise`, in the caller's transaction."""
    set_priority(connection, campaign_id, CampaignPriority[name.upper()])
    if connection.dialect.name != "sqlite":
        from newsletter.distributed import jobs  # SQLite needs nothing of it

        jobs.drop(connection, campaign_id)  # the sweep makes them again, in the new order
