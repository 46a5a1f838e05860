"""Standings: how far each issue has come, in a word and for people.

Of several campaigns of an issue, the latest counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import Connection

from newsletter.campaigns.campaign import Campaign, State, all_campaigns
from newsletter.campaigns.counts import delivery_counts


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Of one issue."""

    state: str
    """A campaign's, or `draft` for an issue that has none."""
    words: str
    """`Draft`, `Scheduled for Fri 17 Jan, 07:00`, `Sent to 8,117`."""
    campaign: int = 0
    """Its campaign's id, or 0."""


DRAFT = Standing(state="draft", words="Draft")


def standings(connection: Connection, zone: tzinfo) -> Mapping[str, Standing]:
    """Of every issue that has a campaign, by slug; times are read in `zone`."""
    latest: dict[str, Campaign] = {}
    for campaign in all_campaigns(connection):
        latest.setdefault(campaign.issue, campaign)
    return {issue: _standing(connection, campaign, zone) for issue, campaign in latest.items()}


def _standing(connection: Connection, campaign: Campaign, zone: tzinfo) -> Standing:
    return Standing(state=campaign.state, words=_words(connection, campaign, zone), campaign=campaign.id)


def _words(connection: Connection, campaign: Campaign, zone: tzinfo) -> str:
    if campaign.state is State.SENT:
        return f"Sent to {delivery_counts(connection, campaign.id)['accepted']:,}"
    if campaign.state is State.SENDING:
        counted = delivery_counts(connection, campaign.id)
        return f"Sending, {counted['accepted']:,} of {sum(counted.values()):,}"
    if campaign.state is State.SCHEDULED and campaign.start:
        return f"Scheduled for {_moment(campaign.wall or campaign.start.astimezone(zone))}"
    return campaign.state.capitalize()


def _moment(moment: datetime) -> str:
    """`Fri 17 Jan, 07:00`."""
    return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"
