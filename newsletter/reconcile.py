"""Reconcile: ask the providers what became of unknown deliveries.

Where a provider knows our keys the same call is queued again; where it has a search, that is asked.
What is absent from a search counts as unsent only when the search shows what was sent later; an
answer that shows nothing changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from newsletter import unknowns
from newsletter.batches import BatchState
from newsletter.campaigns import Campaign, State
from newsletter.config import Publication
from newsletter.database import Database
from newsletter.providers import PROVIDERS, find_provider, read_settings
from newsletter.providers.record import Lookup, Provider, Search, Settings
from newsletter.recovery import may_repeat
from newsletter.tables import batch
from newsletter.unknowns import Unknown

MOST_PAGES = 100
"""Of one answer: a batch of 1,000 has four at 300 each."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was learned of one batch's unknown deliveries."""

    unknown: Unknown
    sent: frozenset[int] = frozenset()
    """Subscribers whose message the provider has."""
    unsent: frozenset[int] = frozenset()
    """Subscribers whose message it certainly has not."""
    may_repeat: bool = False
    """The same call may be made again, and answers by itself."""
    remark: str = ""
    """Why the others stay unknown."""


def ask(database: Database, publication: Publication, campaign: Campaign, now: datetime) -> list[Finding]:
    """What the providers say of each batch with unknown deliveries. Changes nothing. Raises ConfigError."""
    with database.read() as connection:
        found = unknowns.find(connection, campaign.id)
        controls = {name: _control(connection, campaign, name) for name in {one.provider for one in found}}
    return [_ask(publication, campaign, one, controls[one.provider], now) for one in found]


def _ask(publication: Publication, campaign: Campaign, one: Unknown, control: Search | None, now: datetime) -> Finding:
    if one.provider not in PROVIDERS:
        return Finding(unknown=one, remark=f'no provider is named "{one.provider}"')
    provider = find_provider(publication, one.provider)
    if one.is_whole and may_repeat(provider, one.handed_at.isoformat(), now):
        if campaign.state is State.CANCELLED:
            return Finding(
                unknown=one, remark=f"{provider.title} is asked by a call, and a cancelled campaign makes none"
            )
        if one.provider == campaign.provider or campaign.state is State.SENT:
            return Finding(unknown=one, may_repeat=True)
        return Finding(unknown=one, remark=f"{provider.title} is asked when the campaign has ended")
    if provider.lookup is None:
        return Finding(unknown=one, remark=f"{provider.title} cannot be asked any more")
    return _searched(provider, provider.lookup, read_settings(publication, provider), campaign, one, control, now)


def _searched(
    provider: Provider,
    lookup: Lookup,
    settings: Settings,
    campaign: Campaign,
    one: Unknown,
    control: Search | None,
    now: datetime,
) -> Finding:
    seen = _seen(lookup, settings, Search(tag=f"{campaign.key}-{one.no}", handed_at=one.handed_at))
    if seen is None:
        return Finding(unknown=one, remark=f"{provider.title}'s search did not answer")
    sent = frozenset(id for id in one.ids if f"{campaign.id}.{id}" in seen)
    if len(sent) == len(one.ids):
        return Finding(unknown=one, sent=sent)
    if now - one.handed_at < lookup.settle:
        minutes = lookup.settle.total_seconds() // 60
        return Finding(unknown=one, sent=sent, remark=f"{provider.title}'s search may lag: ask after {minutes:.0f} min")
    if control is None or not _seen(lookup, settings, control):
        return Finding(unknown=one, sent=sent, remark=f"{provider.title}'s search does not show this campaign yet")
    return Finding(unknown=one, sent=sent, unsent=frozenset(one.ids) - sent)


def _seen(lookup: Lookup, settings: Settings, search: Search) -> frozenset[str] | None:
    """The delivery ids that the search shows; None when it does not answer whole."""
    found: frozenset[str] = frozenset()
    for ids in _pages(lookup, settings, search):
        if ids is None:
            return None
        found |= ids
    return found


def _pages(lookup: Lookup, settings: Settings, search: Search) -> Iterator[frozenset[str] | None]:
    from newsletter.providers.transport import TransportError, exchange  # requests: only who asks needs it

    for _ in range(MOST_PAGES):
        try:
            sight = lookup.sight(exchange(lookup.request(search, settings)))
        except TransportError:
            sight = None
        yield sight.delivery_ids if sight else None
        if sight is None or not sight.more:
            return
        search = Search(tag=search.tag, handed_at=search.handed_at, page=sight.more)
    yield None


def _control(connection: Connection, campaign: Campaign, provider: str) -> Search | None:
    """The last batch of the campaign that the provider certainly has: a search that is up to date shows it."""
    latest = (
        select(batch.c.no, batch.c.handed_at)
        .where(batch.c.campaign_id == campaign.id, batch.c.provider == provider)
        .where(batch.c.state == BatchState.SETTLED, batch.c.provider_ids.is_not(None))
        .order_by(batch.c.handed_at.desc(), batch.c.no.desc())
        .limit(1)
    )
    row = connection.execute(latest).one_or_none()
    return Search(tag=f"{campaign.key}-{row.no}", handed_at=datetime.fromisoformat(row.handed_at)) if row else None


def record(connection: Connection, findings: list[Finding], now: datetime) -> None:
    """Write down what was learned; calls to be repeated are queued as they were."""
    for one in findings:
        if one.may_repeat:
            unknowns.repeat(connection, one.unknown)
        if one.sent:
            unknowns.accept(connection, one.unknown, one.sent, "found in the provider's search", now)
        if one.unsent:
            unknowns.refuse(connection, one.unknown, one.unsent, "not in the provider's search: never sent", now)
