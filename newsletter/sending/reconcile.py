"""Ask providers about unknown deliveries, and record what they say.

Where a provider knows our keys, the same call is queued again; where it has a search, that is asked. A message that
the search does not show counts as unsent only when the search shows what was sent later, or at the same time where
nothing of the campaign was ever answered. An answer that shows nothing changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.campaigns import resolution
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.resolution import Unknown
from newsletter.config import PublicationSettings
from newsletter.database.bulk import among
from newsletter.database.connection import Database
from newsletter.database.tables import batch, subscriber
from newsletter.errors import ConfigError
from newsletter.providers import PROVIDERS, find_provider, read_settings
from newsletter.providers.base import Lookup, Provider, Response, Search, Settings
from newsletter.sending.recovery import may_repeat
from newsletter.times import stamp

MOST_PAGES = 100
"""Pages of one search, at most: a batch of 1,000 has four at 300 each."""
MOST_WORDS = 200
"""Bytes of an answer without results that are quoted."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class BatchFinding:
    """The knowledge about one batch's unknown deliveries."""

    unknown: Unknown
    sent: frozenset[int] = frozenset()
    """Subscribers whose message the provider has."""
    unsent: frozenset[int] = frozenset()
    """Subscribers whose message it certainly has not."""
    may_repeat: bool = False
    """Whether the same call may be made again, and so tells the outcome."""
    remark: str = ""
    """Why the others stay unknown."""
    is_early: bool = False
    """Whether asking again later can tell; else a person decides, or puts right what the remark says."""

    @property
    def is_whole(self) -> bool:
        """Tell whether the provider has all of them."""
        return len(self.sent) == len(self.unknown.ids)

    @property
    def is_decided(self) -> bool:
        """Tell whether all of them are decided."""
        return len(self.sent) + len(self.unsent) == len(self.unknown.ids)

    @property
    def is_open(self) -> bool:
        """Tell whether the search answered and does not show everyone; `_absent` finds what that means."""
        return not (self.remark or self.may_repeat or self.is_whole)


class _SearchError(Exception):
    """A search gave no results; its text says why, in the provider's words or the network's."""


@dataclass(frozen=True, kw_only=True)
class _Readers:
    """The readers of one batch's unknown deliveries."""

    delivery_ids: Mapping[str, str]
    """By the key of the address that each has now."""
    settled: frozenset[int]
    """Subscribers who have had their address since before the batch was handed over."""


def ask(database: Database, publication: PublicationSettings, campaign: Campaign, now: datetime) -> list[BatchFinding]:
    """Ask about each batch with unknown deliveries. Changes nothing. Raises ConfigError."""
    with database.read() as connection:
        unknowns = resolution.find_unknown(connection, campaign.id)
        names = {unknown.provider for unknown in unknowns}
        controls = {name: _control(connection, campaign, name) for name in names}
        readers = [_readers(connection, unknown) for unknown in unknowns]
    last = {name: max(unknown.handed_at for unknown in unknowns if unknown.provider == name) for name in names}
    findings = [
        _ask(publication, campaign, unknown, own, last[unknown.provider], now)
        for unknown, own in zip(unknowns, readers, strict=True)
    ]
    return [
        _absent(publication, finding, own, findings, controls[finding.unknown.provider]) if finding.is_open else finding
        for finding, own in zip(findings, readers, strict=True)
    ]


def _readers(connection: Connection, unknown: Unknown) -> _Readers:
    columns = subscriber.c
    rows = connection.execute(
        select(columns.id, columns.email_key, columns.updated_at).where(among(connection, columns.id, unknown.ids))
    ).all()
    return _Readers(
        delivery_ids={row.email_key: f"{unknown.campaign_id}.{row.id}" for row in rows},
        settled=frozenset(row.id for row in rows if row.updated_at <= stamp(unknown.handed_at)),
    )


def _ask(
    publication: PublicationSettings,
    campaign: Campaign,
    unknown: Unknown,
    readers: _Readers,
    last: datetime,
    now: datetime,
) -> BatchFinding:
    """Ask about one batch; `last` is when its provider was handed the last unknown one."""
    if unknown.provider not in PROVIDERS:
        return BatchFinding(unknown=unknown, remark=f'no provider is named "{unknown.provider}"')
    try:
        provider = find_provider(publication, unknown.provider)
    except ConfigError as error:
        return BatchFinding(unknown=unknown, remark=f"{unknown.provider} cannot be asked: {error.message}")
    if unknown.is_whole and may_repeat(provider, unknown.handed_at.isoformat(), now):
        return _repeat(provider, campaign, unknown)
    if provider.lookup is None:
        return BatchFinding(unknown=unknown, remark=f"{provider.title} cannot be asked any more")
    finding = _search(publication, provider, provider.lookup, campaign, unknown, readers)
    if finding.is_open and now - unknown.handed_at < provider.lookup.settle:
        when = _clock(publication, last + provider.lookup.settle)
        remark = f"{provider.title}'s search may lag: ask again from {when} on"
        return replace(finding, remark=remark, is_early=True)
    return finding


def _repeat(provider: Provider, campaign: Campaign, unknown: Unknown) -> BatchFinding:
    """Find whether the call of a batch may be made again now, since the provider knows its key."""
    if campaign.state is CampaignState.CANCELLED:
        remark = f"{provider.title} is asked by a call, and a cancelled campaign makes none"
        return BatchFinding(unknown=unknown, remark=remark)
    if unknown.provider == campaign.provider or campaign.state is CampaignState.SENT:
        return BatchFinding(unknown=unknown, may_repeat=True)
    remark = f"{provider.title} is asked when the campaign has ended"
    return BatchFinding(unknown=unknown, remark=remark, is_early=True)


def _clock(publication: PublicationSettings, moment: datetime) -> str:
    """Write the next full minute by the publication's clock: `14:05 CET`."""
    return f"{(moment + MINUTE).astimezone(publication.config.publication.timezone):%H:%M %Z}"


def _search(
    publication: PublicationSettings,
    provider: Provider,
    lookup: Lookup,
    campaign: Campaign,
    unknown: Unknown,
    readers: _Readers,
) -> BatchFinding:
    """Look in the provider's search for the messages of one batch."""
    tag = f"{campaign.key}-{unknown.no}"
    search = Search(tag=tag, handed_at=unknown.handed_at, readers=readers.delivery_ids)
    try:
        shown = _shown(publication, provider, lookup, search)
    except _SearchError as error:
        return BatchFinding(unknown=unknown, remark=f"{provider.title}'s search did not answer: {error}")
    return BatchFinding(unknown=unknown, sent=frozenset(id for id in unknown.ids if f"{campaign.id}.{id}" in shown))


def _absent(
    publication: PublicationSettings,
    finding: BatchFinding,
    readers: _Readers,
    findings: Sequence[BatchFinding],
    control: Search | None,
) -> BatchFinding:
    """Find what it means that the search does not show everyone: nothing, unless it is proved to be up to date."""
    provider = find_provider(publication, finding.unknown.provider)
    if provider.lookup is None:
        return finding
    try:
        is_shown = control is not None and bool(_shown(publication, provider, provider.lookup, control))
    except _SearchError as error:
        return replace(finding, remark=f"{provider.title}'s search did not answer: {error}")
    lag = provider.lookup.settle
    if is_shown or (control is None and any(_vouches(other, finding, lag) for other in findings)):
        absent = frozenset(finding.unknown.ids) - finding.sent
        if not provider.lookup.knows_addresses_alone:
            return replace(finding, unsent=absent)
        moved = f"{provider.title}'s search shows addresses, and some readers have another one, or none"
        return replace(finding, unsent=absent & readers.settled, remark="" if absent <= readers.settled else moved)
    if control:
        return replace(finding, remark=f"{provider.title}'s search does not show this campaign yet")
    what = "too little" if any(other.sent for other in findings) else "nothing"
    return replace(finding, remark=f"{provider.title}'s search shows {what} of this campaign: a person has to decide")


def _vouches(witness: BatchFinding, finding: BatchFinding, lag: timedelta) -> bool:
    """Tell whether a batch that the search shows whole proves that it is up to date about `finding` as well.

    The witness has to be handed over at the same time, or later: an old one says nothing of what came after it.
    """
    is_shown = witness.unknown.provider == finding.unknown.provider and bool(witness.sent) and witness.is_whole
    return is_shown and witness.unknown.handed_at > finding.unknown.handed_at - lag


def _shown(publication: PublicationSettings, provider: Provider, lookup: Lookup, search: Search) -> frozenset[str]:
    """Return the delivery ids that the search shows. Raises _SearchError when it does not answer whole."""
    settings = read_settings(publication, provider)
    return frozenset(id for page in _pages(lookup, settings, search) for id in page)


def _pages(lookup: Lookup, settings: Settings, search: Search) -> Iterator[frozenset[str]]:
    from newsletter.providers.transport import TransportError, exchange  # imports requests, which only this needs

    for _ in range(MOST_PAGES):
        try:
            response = exchange(lookup.request(search, settings))
        except TransportError as error:
            raise _SearchError(error.reason) from error
        sight = lookup.sight(response, search)
        if sight is None:
            raise _SearchError(_words(response))
        yield sight.delivery_ids
        if not sight.more:
            return
        search = replace(search, page=sight.more)
    raise _SearchError(f"it has more than {MOST_PAGES} pages")


def _words(response: Response) -> str:
    """Return the status and the first words of an answer that is no page: `503: down`."""
    text = response.body[:MOST_WORDS].decode("utf-8", "replace")
    message = re.search(r'"message"\s*:\s*"([^"]*)"', text, re.IGNORECASE)
    words = " ".join((message[1] if message else text.partition("<")[0]).split())
    return f"{response.status}: {words}" if words else f"{response.status} without words of its own"


def _control(connection: Connection, campaign: Campaign, provider: str) -> Search | None:
    """Return a search for the last batch that the provider certainly has: one that is up to date shows it."""
    latest = (
        select(batch.c.no, batch.c.handed_at)
        .where(batch.c.campaign_id == campaign.id, batch.c.provider == provider)
        .where(batch.c.state == BatchState.SETTLED, batch.c.provider_ids.is_not(None))
        .order_by(batch.c.handed_at.desc(), batch.c.no.desc())
        .limit(1)
    )
    row = connection.execute(latest).one_or_none()
    return Search(tag=f"{campaign.key}-{row.no}", handed_at=datetime.fromisoformat(row.handed_at)) if row else None


def record(connection: Connection, findings: list[BatchFinding], now: datetime) -> None:
    """Write what was learned; calls to be repeated are queued as they were."""
    for finding in findings:
        if finding.may_repeat:
            resolution.repeat_call(connection, finding.unknown)
        if finding.sent:
            resolution.accept(connection, finding.unknown, finding.sent, "found in the provider's search", now)
        if finding.unsent:
            why = "not in the provider's search: never sent"
            resolution.refuse(connection, finding.unknown, finding.unsent, why, now)
