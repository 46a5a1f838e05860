"""Record that readers left by the links in a campaign's email, in the transaction that changes their lists.

`subscribers/preferences.py` makes the changes and knows no campaigns.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from newsletter.campaigns import events
from newsletter.campaigns.events import Event, EventKind
from newsletter.database.tables import campaign
from newsletter.subscribers import preferences
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange


def change_preferences(connection: Connection, changes: Sequence[PreferenceChange]) -> list[tuple[str, ...]]:
    """Make changes as `preferences.change_preferences` does, and record an event for each campaign that lost a reader.

    Return for each change the lists on which something changed. A second click on a link records nothing.
    """
    changed = preferences.change_preferences(connection, changes)
    left = [
        change
        for change, lists in zip(changes, changed, strict=True)
        if lists and change.action is PreferenceAction.LEAVE
    ]
    _record(connection, [change for change in left if change.campaign_id])
    return changed


def _record(connection: Connection, left: Sequence[PreferenceChange]) -> None:
    """Write one event per campaign and reader; campaigns of another database are passed over."""
    if not left:
        return
    named = {change.campaign_id for change in left}
    known = set(connection.scalars(select(campaign.c.id).where(campaign.c.id.in_(named))))
    events.record(connection, [_event(change) for change in left if change.campaign_id in known])


def _event(change: PreferenceChange) -> Event:
    return Event(
        kind=EventKind.UNSUBSCRIBED,
        campaign_id=change.campaign_id,
        subscriber_id=change.subscriber_id,
        at=change.at,
        key=f"left:{change.campaign_id}.{change.subscriber_id}",
        source=change.source,
    )
