"""Read how far a campaign is: its state, its deliveries, its pace, and when somebody is due next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from newsletter.campaigns import counts
from newsletter.campaigns.campaign import ENDED, Campaign, CampaignState, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.database.connection import Database
from newsletter.times import utc_now

NO_TIME = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class CampaignStatus:
    """A campaign as it was at one moment, read in one transaction."""

    campaign: Campaign
    deliveries: dict[str, int]
    """Deliveries by state."""
    pace: float
    """Messages a second, lately."""
    rest: timedelta
    """Until anybody is due; zero while somebody is."""
    is_in_the_air: bool
    """Whether a call to the provider is under way."""

    @property
    def is_last(self) -> bool:
        """Tell whether nothing more happens by itself."""
        return self.campaign.state in (*ENDED, CampaignState.PAUSED) and not self.is_in_the_air


def campaign_status(database: Database, campaign_id: int) -> CampaignStatus:
    """Read the campaign's status now."""
    with database.read() as connection:
        campaign, now = get_campaign(connection, campaign_id), utc_now()
        due = counts.next_due(connection, campaign_id) if campaign.enqueued else None
        return CampaignStatus(
            campaign=campaign,
            deliveries=delivery_counts(connection, campaign_id),
            pace=counts.pace(connection, campaign, now),
            rest=max(due - now, NO_TIME) if due else NO_TIME,
            is_in_the_air=counts.is_in_the_air(connection, campaign_id, now),
        )
