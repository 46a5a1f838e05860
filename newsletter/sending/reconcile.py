"""Reconcile: ask the providers what became of unknown deliveries.

Where a provider knows our keys the same call is queued again; where it has a search, that is asked.
What is absent from a search counts as unsent only when the search shows what was sent later, or at the same
time where nothing of the campaign was ever answered; an answer that shows nothing changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.campaigns import resolution
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.resolution import Unknown
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.database.tables import batch
from newsletter.providers import PROVIDERS, find_provider, read_settings
from newsletter.providers.base import Lookup, Provider, Response, Search, Settings
from newsletter.sending.recovery import may_repeat

MOST_PAGES = 100
"""Of one answer: a batch of 1,000 has four at 300 each."""
MOST_WORDS = 200
"""Bytes of an answer that is none."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class BatchFinding:
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
    is_early: bool = False
    """Asking again later can tell; else only a person can, or whoever puts right what the remark says."""

    @property
    def is_whole(self) -> bool:
        """The provider has all of them."""
        return len(self.sent) == len(self.unknown.ids)

    @property
    def is_decided(self) -> bool:
        """Nothing of it stays unknown."""
        return len(self.sent) + len(self.unsent) == len(self.unknown.ids)

    @property
    def is_open(self) -> bool:
        """The search answered and does not show everyone; whether that says anything is to be seen."""
        return not (self.remark or self.may_repeat or self.is_whole)


class _NoAnswer(Exception):  # noqa: N818 - no mistake of ours
    """The search said nothing, in its own words or the network's."""


def ask(database: Database, publication: Publication, campaign: Campaign, now: datetime) -> list[BatchFinding]:
    """What the providers say of each batch with unknown deliveries. Changes nothing. Raises ConfigError."""
    with database.read() as connection:
        found = resolution.find_unknown(connection, campaign.id)
        controls = {name: _control(connection, campaign, name) for name in {one.provider for one in found}}
    last = {one.provider: max(other.handed_at for other in found if other.provider == one.provider) for one in found}
    findings = [_ask(publication, campaign, one, last[one.provider], now) for one in found]
    return [
        _missed(publication, one, findings, controls[one.unknown.provider]) if one.is_open else one for one in findings
    ]


def _ask(publication: Publication, campaign: Campaign, one: Unknown, last: datetime, now: datetime) -> BatchFinding:
    """What is found of one batch; `last`: when this provider was handed the last unknown one."""
    if one.provider not in PROVIDERS:
        return BatchFinding(unknown=one, remark=f'no provider is named "{one.provider}"')
    provider = find_provider(publication, one.provider)
    if one.is_whole and may_repeat(provider, one.handed_at.isoformat(), now):
        if campaign.state is CampaignState.CANCELLED:
            return BatchFinding(
                unknown=one, remark=f"{provider.title} is asked by a call, and a cancelled campaign makes none"
            )
        if one.provider == campaign.provider or campaign.state is CampaignState.SENT:
            return BatchFinding(unknown=one, may_repeat=True)
        return BatchFinding(unknown=one, remark=f"{provider.title} is asked when the campaign has ended", is_early=True)
    if provider.lookup is None:
        return BatchFinding(unknown=one, remark=f"{provider.title} cannot be asked any more")
    finding = _searched(publication, provider, campaign, one)
    if finding.is_open and now - one.handed_at < provider.lookup.settle:
        when = _clock(publication, last + provider.lookup.settle)
        remark = f"{provider.title}'s search may lag: ask again from {when} on"
        return replace(finding, remark=remark, is_early=True)
    return finding


def _clock(publication: Publication, moment: datetime) -> str:
    """`14:05 CET`: the next full minute, by the publication's clock."""
    return f"{(moment + MINUTE).astimezone(publication.config.publication.timezone):%H:%M %Z}"


def _searched(publication: Publication, provider: Provider, campaign: Campaign, one: Unknown) -> BatchFinding:
    search = Search(tag=f"{campaign.key}-{one.no}", handed_at=one.handed_at)
    try:
        seen = _seen(provider, read_settings(publication, provider), search)
    except _NoAnswer as failed:
        return BatchFinding(unknown=one, remark=f"{provider.title}'s search did not answer: {failed}")
    return BatchFinding(unknown=one, sent=frozenset(id for id in one.ids if f"{campaign.id}.{id}" in seen))


def _missed(
    publication: Publication, one: BatchFinding, findings: Sequence[BatchFinding], control: Search | None
) -> BatchFinding:
    """What it means that the search does not show everyone: nothing, unless it shows what it must show by now."""
    provider = find_provider(publication, one.unknown.provider)
    try:
        shown = control and _seen(provider, read_settings(publication, provider), control)
    except _NoAnswer as failed:
        return replace(one, remark=f"{provider.title}'s search did not answer: {failed}")
    if shown or (control is None and any(_vouches(other, one, provider) for other in findings)):
        return replace(one, unsent=frozenset(one.unknown.ids) - one.sent)
    if control:
        return replace(one, remark=f"{provider.title}'s search does not show this campaign yet")
    what = "too little" if any(other.sent for other in findings) else "nothing"
    return replace(one, remark=f"{provider.title}'s search shows {what} of this campaign: a person has to decide")


def _vouches(other: BatchFinding, one: BatchFinding, provider: Provider) -> bool:
    """Whether a batch that the search has just found whole shows that it is up to date about `one` as well.

    It has to be handed over at the time of `one`, or later: an old one says nothing of what came after it.
    """
    assert provider.lookup is not None
    same = other.unknown.provider == provider.name and bool(other.sent) and other.is_whole
    return same and other.unknown.handed_at > one.unknown.handed_at - provider.lookup.settle


def _seen(provider: Provider, settings: Settings, search: Search) -> frozenset[str]:
    """The delivery ids that the search shows. Raises _NoAnswer when it does not answer whole."""
    assert provider.lookup is not None
    return frozenset(id for page in _pages(provider.lookup, settings, search) for id in page)


def _pages(lookup: Lookup, settings: Settings, search: Search) -> Iterator[frozenset[str]]:
    from newsletter.providers.transport import TransportError, exchange  # requests: only who asks needs it

    for _ in range(MOST_PAGES):
        try:
            response = exchange(lookup.request(search, settings))
        except TransportError as error:
            raise _NoAnswer(error.reason) from error
        sight = lookup.sight(response)
        if sight is None:
            raise _NoAnswer(_words(response))
        yield sight.delivery_ids
        if not sight.more:
            return
        search = Search(tag=search.tag, handed_at=search.handed_at, page=sight.more)
    raise _NoAnswer(f"it has more than {MOST_PAGES} pages")


def _words(response: Response) -> str:
    """`503: down`: the status, and the first words of what came with it, if they are no page."""
    text = response.body[:MOST_WORDS].decode("utf-8", "replace")
    said = re.search(r'"message"\s*:\s*"([^"]*)"', text, re.IGNORECASE)
    words = " ".join((said[1] if said else text.partition("<")[0]).split())
    return f"{response.status}: {words}" if words else f"{response.status} without words of its own"


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


def record(connection: Connection, findings: list[BatchFinding], now: datetime) -> None:
    """Write down what was learned; calls to be repeated are queued as they were."""
    for one in findings:
        if one.may_repeat:
            resolution.repeat_call(connection, one.unknown)
        if one.sent:
            resolution.accept(connection, one.unknown, one.sent, "found in the provider's search", now)
        if one.unsent:
            resolution.refuse(connection, one.unknown, one.unsent, "not in the provider's search: never sent", now)
