"""Act on bounces and complaints: suppress the address, and take the reader off the campaign's list.

A hard bounce suppresses; a complaint and an unsubscription at the provider also end the list. A policy's refusal
says nothing about the mailbox, and suppresses nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from newsletter.database.bulk import among
from newsletter.database.tables import subscription
from newsletter.events.bounces import MAIL
from newsletter.providers.webhooks import Report, ReportKind
from newsletter.subscribers import preferences, suppressions
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.suppressions import Reason, ReportedSuppression
from newsletter.times import stamp

REASONS = {
    ReportKind.HARD_BOUNCE: Reason.BOUNCED,
    ReportKind.COMPLAINED: Reason.COMPLAINED,
    ReportKind.UNSUBSCRIBED: Reason.UNSUBSCRIBED,
}
_LEAVING = (ReportKind.COMPLAINED, ReportKind.UNSUBSCRIBED)


@dataclass(frozen=True, kw_only=True)
class OurReport:
    """A report about one of our deliveries."""

    report: Report
    campaign_id: int
    subscriber_id: int
    list: str
    """The campaign's list."""
    email: str
    """The reader's address today."""
    address: str
    """The address that the report is about; the reader may have another one by now."""


def act(connection: Connection, provider: str, new: Sequence[OurReport], now: datetime) -> None:
    """Suppress and unsubscribe as these reports ask, each of which is new."""
    asking = [our for our in new if our.report.kind in REASONS]
    if not asking:
        return
    joined = _joined_at(connection, asking)
    due = [our for our in asking if not _came_back(our, joined)]
    suppressions.suppress_reported(connection, [_suppression(provider, our) for our in due], now)
    leaving = [
        PreferenceChange(
            subscriber_id=our.subscriber_id,
            action=PreferenceAction.LEAVE,
            lists=(our.list,),
            source="returned mail" if provider == MAIL else f"{provider} webhook",
            campaign_id=our.campaign_id,
            at=now,
        )
        for our in due
        if our.report.kind in _LEAVING
    ]
    if leaving:
        preferences.change_preferences(connection, leaving)


def _suppression(provider: str, our: OurReport) -> ReportedSuppression:
    words = our.report.detail.strip()
    return ReportedSuppression(
        address=our.address,
        reason=REASONS[our.report.kind],
        detail=f"{provider}: {words}"[:500] if words else provider,
        at=our.report.at,
    )


def _joined_at(connection: Connection, asking: Sequence[OurReport]) -> dict[tuple[int, str], str]:
    """Return since when these readers are active, by reader and list."""
    leaving = {our.subscriber_id for our in asking if our.report.kind is ReportKind.UNSUBSCRIBED}
    if not leaving:
        return {}
    columns = subscription.c
    rows = select(columns.subscriber_id, columns.list, columns.changed_at)
    active = rows.where(columns.status == "active", among(connection, columns.subscriber_id, [*leaving]))
    return {(id, name): at for id, name, at in connection.execute(active)}


def _came_back(our: OurReport, joined: dict[tuple[int, str], str]) -> bool:
    """Tell whether the reader joined the list again after unsubscribing: an old report must not undo that."""
    if our.report.kind is not ReportKind.UNSUBSCRIBED:
        return False
    return joined.get((our.subscriber_id, our.list), "") > stamp(our.report.at)
