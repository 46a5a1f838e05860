"""Pause a campaign whose readers complain, or whose addresses bounce, more than mailbox providers bear.

Google asks senders to stay below 0.1 % and never to reach 0.3 % (https://support.google.com/a/answer/81126). Shares
are of at least MIN_BASE messages, so that one complaint in a small list pauses nothing. A mailbox provider's
readers are counted by themselves, too: trouble with one of them is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from newsletter.campaigns.campaign import CampaignState, change_state, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.delivery_states import DELIVERIES, STATE
from newsletter.campaigns.events import EventKind
from newsletter.config.settings import Share
from newsletter.database.bulk import among
from newsletter.database.tables import delivery, event, subscriber
from newsletter.events.soft_bounces import HARD

MIN_BASE = 1_000
"""Messages that a share is of, at least."""
WARNING = 0.001
"""The share of complaints from which a campaign is warned about."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`[send] max_complaints` and `max_bounced`."""

    complaints: Share
    bounced: Share


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A campaign's complaints or hard bounces, and where most of them are."""

    kind: EventKind
    readers: int
    messages: int
    """The delivered messages, or the accepted ones where the provider reports no delivery."""
    domain: str = ""
    """The domain of the addresses that it is about; empty for all."""

    @property
    def share(self) -> float:
        """Return the share of the messages, of MIN_BASE at least."""
        return self.readers / max(self.messages, MIN_BASE)

    @property
    def words(self) -> str:
        """Say what happened: `31 of 10,000 messages were called spam (0.31 %), at gmail.com`."""
        called = "was called spam" if self.readers == 1 else "were called spam"
        verb = called if self.kind is EventKind.COMPLAINED else "bounced for good"
        where = f", at {self.domain}" if self.domain else ""
        return (
            f"{self.readers:,} of {self.messages:,} messages {verb} ({self.readers / max(self.messages, 1):.2%}){where}"
        )


def guard_campaigns(connection: Connection, campaign_ids: Iterable[int], limits: Limits, now: datetime) -> list[str]:
    """Pause those of these campaigns that are over a limit; return a sentence about each that was paused."""
    paused = []
    for campaign_id in campaign_ids:
        if get_campaign(connection, campaign_id).state is not CampaignState.SENDING:
            continue
        over = next((each for each in troubles(connection, campaign_id) if is_over(each, limits)), None)
        if over is not None:
            change_state(connection, campaign_id, "pause", now=now, reason=f"{over.words}; [send] {_setting(over)}")
            paused.append(f"campaign {campaign_id} is paused: {over.words}")
    return paused


def is_over(trouble: Trouble, limits: Limits) -> bool:
    """Tell whether a limit is reached."""
    limit = limits.complaints if trouble.kind is EventKind.COMPLAINED else limits.bounced
    return limit != "off" and trouble.share >= limit.part


def troubles(connection: Connection, campaign_id: int) -> list[Trouble]:
    """Return a campaign's complaints and hard bounces, of all readers and by the domain with the most of them."""
    by_kind = {
        EventKind.COMPLAINED: _readers(connection, campaign_id, EventKind.COMPLAINED),
        EventKind.BOUNCED: _readers(connection, campaign_id, EventKind.BOUNCED, HARD),
    }
    if not any(by_kind.values()):
        return []
    messages = _messages(connection, campaign_id)
    every: list[Trouble] = []
    for kind, ids in by_kind.items():
        if not ids:
            continue
        [(domain, number)] = _domains(connection, ids).most_common(1)
        at_domain = _messages(connection, campaign_id, domain)
        by_domain = Trouble(kind=kind, readers=number, messages=at_domain, domain=domain)
        overall = Trouble(kind=kind, readers=len(ids), messages=messages)
        # The sentence names the domain where nearly all of it is, and a domain that is worse than the rest.
        every += [by_domain, overall] if number > len(ids) / 2 or by_domain.share > overall.share else [overall]
    return every


def warnings(connection: Connection, campaign_id: int) -> list[Trouble]:
    """Return a campaign's complaints, if their share is one that is warned about: the worst first."""
    complaints = (each for each in troubles(connection, campaign_id) if each.kind is EventKind.COMPLAINED)
    # One reader in a small list is no share of anything.
    many = (each for each in complaints if each.share >= WARNING and each.readers > 1)
    return sorted(many, key=lambda each: -each.share)[:1]


def _setting(trouble: Trouble) -> str:
    return "max_complaints" if trouble.kind is EventKind.COMPLAINED else "max_bounced"


def _readers(connection: Connection, campaign_id: int, kind: EventKind, bounce: str = "") -> list[int]:
    own = (event.c.campaign_id == campaign_id, event.c.kind == kind, event.c.bounce == bounce)
    ids = select(event.c.subscriber_id).where(*own, event.c.subscriber_id.is_not(None)).distinct()
    return [int(id) for id in connection.scalars(ids)]


def _domains(connection: Connection, ids: list[int]) -> Counter[str]:
    keys = connection.scalars(select(subscriber.c.email_key).where(among(connection, subscriber.c.id, ids)))
    return Counter(key.rpartition("@")[2] for key in keys)


def _messages(connection: Connection, campaign_id: int, domain: str = "") -> int:
    """Return the delivered messages, or the accepted ones where no delivery is reported; with `domain` those to it."""
    delivered = select(func.count(event.c.subscriber_id.distinct())).where(
        event.c.campaign_id == campaign_id, event.c.kind == EventKind.DELIVERED
    )
    number = int(connection.execute(delivered).scalar_one())
    if not domain:
        return number or delivery_counts(connection, campaign_id)["accepted"]
    at = subscriber.c.email_key.like(f"%@{domain}")
    if number:
        joined = delivered.join(subscriber, subscriber.c.id == event.c.subscriber_id)
        return int(connection.execute(joined.where(at)).scalar_one())
    accepted = DELIVERIES.join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
    rows = select(func.count()).select_from(accepted).where(delivery.c.campaign_id == campaign_id, at)
    return int(connection.execute(rows.where(STATE == "accepted")).scalar_one())
