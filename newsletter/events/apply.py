"""Apply providers' reports to our readers and campaigns: each once, in any order, with the same result.

The state after a number of reports depends on which they are, not on when they came: an event is recorded once under
its key, a suppression only becomes a graver one, and soft bounces are counted anew from all events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from newsletter.addresses import address_key
from newsletter.campaigns import events, reported
from newsletter.campaigns.events import Event, EventKind
from newsletter.database.bulk import among
from newsletter.database.tables import campaign, subscriber
from newsletter.events import consequences, soft_bounces
from newsletter.events.consequences import OurReport
from newsletter.providers.webhooks import Report, ReportKind

_EVENTS: Mapping[ReportKind, tuple[EventKind, str]] = {
    ReportKind.DELIVERED: (EventKind.DELIVERED, ""),
    ReportKind.DEFERRED: (EventKind.DEFERRED, ""),
    ReportKind.HARD_BOUNCE: (EventKind.BOUNCED, soft_bounces.HARD),
    ReportKind.SOFT_BOUNCE: (EventKind.BOUNCED, soft_bounces.SOFT),
    ReportKind.BLOCKED: (EventKind.BOUNCED, soft_bounces.BLOCKED),
    ReportKind.COMPLAINED: (EventKind.COMPLAINED, ""),
    ReportKind.UNSUBSCRIBED: (EventKind.UNSUBSCRIBED, ""),
    ReportKind.OPENED: (EventKind.OPENED, ""),
    ReportKind.CLICKED: (EventKind.CLICKED, ""),
}
"""The event of each kind of report, and the kind of its bounce; TAKEN is no event."""
MAX_DETAIL = 500
"""Characters of a provider's words that are kept."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """The result of applying a number of reports."""

    new: int
    """Events that were not known before."""
    foreign: int
    """Reports of mail that is not ours, or of readers who are gone."""
    troubled: frozenset[int] = frozenset()
    """Campaigns with new complaints or hard bounces."""


def apply_reports(
    connection: Connection, provider: str, reports: Sequence[Report], *, now: datetime, soft_limit: int
) -> Applied:
    """Apply one provider's reports in the connection's transaction; a report that is known changes nothing."""
    ours = our_reports(connection, reports)
    addresses = {our.subscriber_id: our.email for our in ours}
    new_keys = events.record_new(connection, _events(connection, provider, ours), addresses)
    new = [our for our in ours if _key(provider, our.report) in new_keys]
    reported.accept_reported(connection, [(our.campaign_id, our.subscriber_id) for our in ours], now)
    consequences.act(connection, provider, new, now)
    soft_bounces.recount(connection, new, soft_limit, now)
    troubled = frozenset(
        our.campaign_id for our in new if our.report.kind in (ReportKind.COMPLAINED, ReportKind.HARD_BOUNCE)
    )
    return Applied(new=len(new_keys), foreign=len(reports) - len(ours), troubled=troubled)


def our_reports(connection: Connection, reports: Sequence[Report]) -> list[OurReport]:
    """Return the reports about our campaigns and readers, in their order.

    Our delivery id alone is no proof: another database on the same account has equal ones. The batch's tag begins
    with the campaign's random key; where a provider gives none back, the address must be the reader's.
    """
    places = [(report, place) for report in reports if (place := _place(report.delivery_id))]
    campaigns = _campaigns(connection, {campaign_id for _report, (campaign_id, _reader) in places})
    readers = _readers(connection, {reader for _report, (_campaign, reader) in places})
    ours = []
    for report, (campaign_id, subscriber_id) in places:
        if campaign_id not in campaigns or subscriber_id not in readers:
            continue
        key, list_name = campaigns[campaign_id]
        email = readers[subscriber_id]
        if _is_ours(report, key, email):
            our = OurReport(
                report=report,
                campaign_id=campaign_id,
                subscriber_id=subscriber_id,
                list=list_name,
                email=email,
                address=report.address if "@" in report.address else email,
            )
            ours.append(our)
    return ours


def _is_ours(report: Report, key: str, email: str) -> bool:
    """Tell whether a report is about our campaign with this key and this reader."""
    if report.is_ours:
        return True
    return report.tag.startswith(f"{key}-") if report.tag else address_key(report.address) == address_key(email)


def _place(delivery_id: str) -> tuple[int, int] | None:
    """Return campaign and subscriber of a delivery id, `<campaign>.<subscriber>`; None for any other text."""
    campaign_id, _, subscriber_id = delivery_id.partition(".")
    is_number = all(part.isascii() and part.isdigit() and len(part) < 16 for part in (campaign_id, subscriber_id))
    return (int(campaign_id), int(subscriber_id)) if is_number else None


def _campaigns(connection: Connection, ids: set[int]) -> dict[int, tuple[str, str]]:
    """Return key and list of these campaigns."""
    rows = select(campaign.c.id, campaign.c.key, campaign.c.list).where(among(connection, campaign.c.id, [*ids]))
    return {id: (key, list_name) for id, key, list_name in connection.execute(rows)}


def _readers(connection: Connection, ids: set[int]) -> dict[int, str]:
    rows = select(subscriber.c.id, subscriber.c.email).where(among(connection, subscriber.c.id, [*ids]))
    return {row.id: row.email for row in connection.execute(rows)}


def _key(provider: str, report: Report) -> str:
    return f"{provider}:{report.key}"


def _events(connection: Connection, provider: str, ours: Sequence[OurReport]) -> list[Event]:
    """Return the events of reports; the number of a clicked link is its place in the frozen message."""
    clicked = {our.campaign_id for our in ours if our.report.link}
    links = {id: reported.link_numbers(connection, id) for id in clicked}
    return [
        Event(
            kind=_EVENTS[our.report.kind][0],
            campaign_id=our.campaign_id,
            subscriber_id=our.subscriber_id,
            at=our.report.at,
            key=_key(provider, our.report),
            link=links[our.campaign_id].get(our.report.link) if our.report.link else None,
            machine=our.report.machine,
            source=provider,
            detail=our.report.detail[:MAX_DETAIL],
            bounce=_EVENTS[our.report.kind][1],
        )
        for our in ours
        if our.report.kind in _EVENTS
    ]
