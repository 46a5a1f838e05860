"""The figures as values: frozen, plain, the same for the terminal, JSON, CSV, pages and email.

Readers are different readers, people only; clicks and opens say how often. A program's doings are in `machine_*`,
and in no other figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ReaderFigures:
    """The readers of the publication: each is in exactly one of the first four figures."""

    active: int
    """On at least one list, and not suppressed."""
    pending: int
    """Asked to join, and has not confirmed."""
    unsubscribed: int
    """Left every list."""
    suppressed: int
    """Readers whose address must not be mailed, whatever their lists say."""
    inactive: int | None = None
    """Active readers who did nothing for long, at the last count; None when they were never counted."""
    inactive_for: str = ""
    """The time without a click or an open that the count was for: `180d`."""
    inactive_at: str = ""
    """The day of that count."""
    suppressions: Mapping[str, int] = field(default_factory=dict)
    """Suppressed addresses by reason, whether they are readers' or not; the most frequent first."""


@dataclass(frozen=True, kw_only=True)
class GrowthFigures:
    """Tell how the number of active readers changed in a day, or in the seven days of a week."""

    day: str
    """The day (UTC), or a week's Monday: `2026-11-29`."""
    joined: int
    left: int
    """Unsubscribed, suppressed or erased."""
    active: int
    """At the end of it."""

    @property
    def net(self) -> int:
        """The change: joined less left."""
        return self.joined - self.left


@dataclass(frozen=True, kw_only=True)
class CampaignFigures:
    """A campaign that has started, in one row."""

    campaign: int
    issue: str
    """The issue's slug."""
    subject: str
    list: str
    segment: str
    """Empty for the whole list."""
    state: str
    tracking: str
    """`none`, `aggregate` or `individual`: whether opens and clicks could be counted at all."""
    sent_at: str
    """When it started: UTC, ISO 8601."""
    audience: int
    """Its deliveries, in whatever state; while it is being enqueued, those so far."""
    accepted: int
    """Messages that the provider took."""
    delivered: int
    """Readers for whom a mailbox provider took the message, as our provider reports."""
    deliveries_reported: bool
    """Whether deliveries are reported at all; where they are not, `delivered` is 0 and says nothing."""
    deferred: int
    bounced: int
    complained: int
    unsubscribed: int
    """Readers who left by this campaign."""
    opened: int
    clicked: int
    opens: int
    """How often people opened it."""
    clicks: int
    """How often people followed a link."""
    machine_opens: int
    machine_clicks: int


@dataclass(frozen=True, kw_only=True)
class MailboxFigures:
    """A mailbox provider: what became of the messages to its addresses."""

    domain: str
    """The provider's short name (`gmail`), or the address domain; `other` for the many small ones together."""
    name: str
    """As people know it: `Gmail`; the domain where there is no other name."""
    readers: int
    """Active readers with such an address today; 0 in the figures of a campaign."""
    accepted: int
    delivered: int
    bounced: int
    complained: int


@dataclass(frozen=True, kw_only=True)
class LinkFigures:
    """A link of an issue."""

    number: int
    """Its place in the frozen message's `links`, from 0."""
    url: str
    clicks: int
    """How often people followed it."""
    readers: int
    """Different readers; 0 where readers are not recorded."""
    machine_clicks: int


@dataclass(frozen=True, kw_only=True)
class HourFigures:
    """Readers whose copy was delivered, first opened or first clicked in an hour after the campaign started."""

    hour: int
    """0 is the first hour; 168 stands for all that came after a week."""
    delivered: int
    opened: int
    clicked: int


@dataclass(frozen=True, kw_only=True)
class CampaignDetails:
    """A campaign with everything that is counted about it."""

    row: CampaignFigures
    links: tuple[LinkFigures, ...]
    """Tracked links in the order of the issue, those that nobody followed too."""
    hours: tuple[HourFigures, ...]
    """From hour 0 to the last in which something happened."""
    bounces: Mapping[str, int]
    """Readers by kind of bounce: `hard`, `soft`, `blocked`, and `` for unnamed kinds; the most frequent first."""
    domains: tuple[MailboxFigures, ...]
    """By accepted messages, the most first."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The publication at a glance."""

    readers: ReaderFigures
    growth: tuple[GrowthFigures, ...]
    """A row per day, the oldest first, days without a change too."""
    campaigns: tuple[CampaignFigures, ...]
    """The newest first."""
    older: int
    """Campaigns that started before those, and are not among them."""
    domains: tuple[MailboxFigures, ...]
    """By active readers, the most first; sums over the campaigns listed."""
