"""Warn the editors about campaigns that many readers call spam, before mailbox providers act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.database.connection import Database
from newsletter.events.guard import Trouble, warnings
from newsletter.times import stamp

RECENT = timedelta(days=3)
"""How long after its end a campaign is looked at: complaints come within days."""


@dataclass(frozen=True, kw_only=True)
class ComplaintWarning:
    """A campaign with more complaints than mailbox providers like."""

    campaign_id: int
    issue: str
    trouble: Trouble

    @property
    def key(self) -> str:
        """The key of the alert: one email for each campaign."""
        return f"complaints-{self.campaign_id}"

    @property
    def subject(self) -> str:
        """The subject of the email, after the publication's name."""
        return f"readers call {self.issue} spam"

    @property
    def sentence(self) -> str:
        """The text of the email."""
        return (
            f"Campaign {self.campaign_id} ({self.issue}): {self.trouble.words}. Google asks for less than 0.1%, and at "
            f"0.3% mailbox providers begin to refuse. See: newsletter status {self.campaign_id}"
        )


def complaint_warnings(database: Database, now: datetime) -> list[ComplaintWarning]:
    """Return the campaigns, sending or ended lately, whose complaints reach the share that is warned about."""
    with database.read() as connection:
        campaigns = campaigns_in_state(connection, CampaignState.SENDING, CampaignState.PAUSED, CampaignState.SENT)
        recent = [each for each in campaigns if not each.finished_at or each.finished_at >= stamp(now - RECENT)]
        return [
            ComplaintWarning(campaign_id=each.id, issue=each.issue, trouble=trouble)
            for each in recent
            for trouble in warnings(connection, each.id)
        ]
