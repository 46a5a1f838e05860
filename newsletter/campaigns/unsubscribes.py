"""Record that readers left by the links in a campaign's email, in the transaction that changes their lists.

`subscribers.preferences` makes the choices and knows no campaigns.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from newsletter.campaigns import events
from newsletter.campaigns.events import Event, EventKind
from newsletter.database.tables import campaign
from newsletter.subscribers import preferences
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange


def choose(connection: Connection, choices: Sequence[PreferenceChange]) -> list[tuple[str, ...]]:
    """Make these choices as `preferences.choose` does, and record an event of each campaign whose email was left by.

    Returns, for each choice, the lists on which something changed. A second click on the same link records nothing.
    """
    changed = preferences.choose(connection, choices)
    left = [
        choice
        for choice, lists in zip(choices, changed, strict=True)
        if lists and choice.wish is PreferenceAction.LEAVE
    ]
    _record(connection, [choice for choice in left if choice.campaign_id])
    return changed


def _record(connection: Connection, left: Sequence[PreferenceChange]) -> None:
    """Write one event per campaign and reader; campaigns of another database are passed over."""
    if not left:
        return
    named = {choice.campaign_id for choice in left}
    known = set(connection.scalars(select(campaign.c.id).where(campaign.c.id.in_(named))))
    events.record(connection, [_event(choice) for choice in left if choice.campaign_id in known])


def _event(choice: PreferenceChange) -> Event:
    return Event(
        kind=EventKind.UNSUBSCRIBED,
        campaign_id=choice.campaign_id,
        subscriber_id=choice.subscriber_id,
        at=choice.at,
        key=f"left:{choice.campaign_id}.{choice.subscriber_id}",
        source=choice.source,
    )
