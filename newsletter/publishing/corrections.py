"""Find the readers of a correction: those who got an earlier campaign, and nobody else.

A correction is an issue of its own. It goes to the list of the campaign that it corrects, so that who has left is not
mailed; `campaigns.audience.got` says who got a campaign.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from newsletter.campaigns.campaign import ENDED, Campaign, get_campaign
from newsletter.campaigns.campaign_queries import campaign_of_issue, campaigns_of_slug, find_campaign
from newsletter.errors import ConfigError, NewsletterError


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The readers that a user chooses for an issue, by the options of `send` and `schedule`."""

    list: str | None = None
    segment: str | None = None
    readers_of: str | None = None
    """The campaign that is corrected, by id or issue."""


def corrected(connection: Connection, slug: str, chosen: Chosen) -> Campaign | None:
    """Return the campaign whose readers get the issue `slug`; None when a list's readers get it.

    An issue that was sent as a correction stays one, unless a list or segment is named. Raises NewsletterError for a
    campaign that cannot be corrected by this issue, ConfigError for another list than its own.
    """
    if chosen.readers_of is None:
        return _corrected_before(connection, slug, chosen)
    earlier = find_campaign(connection, chosen.readers_of)
    if earlier.issue == slug:
        hint = "Its readers have it already. Write the correction as an issue of its own: newsletter new TITLE"
        raise NewsletterError(f"campaign {earlier.id} is of this issue, and nobody gets an issue twice", hint=hint)
    if chosen.list not in (None, earlier.list):
        hint = f'Leave out --list: it goes to readers of "{earlier.list}".'
        raise ConfigError(f'campaign {earlier.id} went to the list "{earlier.list}"', hint=hint)
    if earlier.state not in ENDED and not campaign_of_issue(
        connection, slug, earlier.list, chosen.segment or "", earlier.id
    ):
        hint = f"Its readers are known once it is sent. To send it to nobody else: newsletter cancel {earlier.id}"
        raise NewsletterError(f"campaign {earlier.id} is {earlier.state}", hint=hint)
    return earlier


def _corrected_before(connection: Connection, slug: str, chosen: Chosen) -> Campaign | None:
    if chosen.list or chosen.segment:
        return None
    campaigns = campaigns_of_slug(connection, slug)
    if not campaigns or not all(campaign.readers_of for campaign in campaigns):
        return None
    return get_campaign(connection, campaigns[0].readers_of)


def described(earlier: Campaign) -> str:
    """Name the readers of a correction, after their number: ` who got chip-rules (campaign 1)`."""
    return f" who got {earlier.issue} (campaign {earlier.id})"
