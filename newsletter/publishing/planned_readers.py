"""Count the readers of a plan: those who would be mailed now, and those who would be skipped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection

from newsletter.campaigns.audience import got
from newsletter.campaigns.campaign import ENDED, Campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.subscribers import segments


@dataclass(frozen=True, kw_only=True)
class PlannedReaders:
    """The audience of a plan."""

    publication: PublicationSettings
    list: str
    segment: str
    corrects: Campaign | None

    def waiting(self, connection: Connection, campaign: Campaign | None, now: datetime) -> tuple[int, int]:
        """Return how many of the audience are left, and how many of those would be skipped: they are suppressed.

        `campaign` is the one that exists already. Once it has begun, its ledger tells who is skipped, so that 0 are.
        """
        left = self._left(connection, campaign, now)
        if campaign and (campaign.started_at or campaign.state in ENDED):
            return left, 0
        return left, segments.count_suppressed(
            connection, self.publication, self.list, self.segment, now=now, among=self._among
        )

    def _left(self, connection: Connection, campaign: Campaign | None, now: datetime) -> int:
        counted = delivery_counts(connection, campaign.id) if campaign else {}
        if campaign and campaign.enqueued:
            return counted["queued"]
        all_readers = segments.count(connection, self.publication, self.list, self.segment, now=now, among=self._among)
        return counted.get("queued", 0) + max(0, all_readers - sum(counted.values()))

    @property
    def _among(self) -> ColumnElement[bool] | None:
        return got(self.corrects.id if self.corrects else 0)
