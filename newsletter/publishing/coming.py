"""Tell what comes next: the issues of the coming days, and the campaigns that wait. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import Connection

from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.config import PublicationSettings
from newsletter.issues.issue import slug_of
from newsletter.publishing.daily import dated, due_at


@dataclass(frozen=True, kw_only=True)
class DayIssue:
    """Tell what is to be sent on a day."""

    day: date
    due: datetime | None
    """When the day's issue is sent by itself, UTC; None when `[schedule] daily` is off."""
    files: tuple[Path, ...]
    """The issue files dated so: one, as it should be, none or several."""

    @property
    def slugs(self) -> tuple[str, ...]:
        """The slugs of these issues."""
        return tuple(slug_of(path) for path in self.files)

    @property
    def is_missing(self) -> bool:
        """Tell whether an issue would be sent by itself, and there is none."""
        return self.due is not None and not self.files


def day_issues(publication: PublicationSettings, days: Sequence[date]) -> list[DayIssue]:
    """Return what is to be sent on each of these days."""
    files = dated(publication, days)
    return [DayIssue(day=day, due=due_at(publication, day), files=tuple(files[day])) for day in days]


def waiting_campaigns(connection: Connection) -> list[Campaign]:
    """Return the scheduled campaigns, the next to start first."""
    scheduled = campaigns_in_state(connection, CampaignState.SCHEDULED)
    return sorted(scheduled, key=lambda campaign: (campaign.send_at or "", campaign.id))
