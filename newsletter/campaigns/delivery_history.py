"""Tell what happened to one reader's copy of an issue, from the moment it was enqueued. Read only.

How many readers are in which state is counts.py.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from newsletter.campaigns import events
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import Campaign, frozen_message
from newsletter.campaigns.delivery_states import DELIVERIES, STATE
from newsletter.database.tables import batch, delivery, delivery_exception, delivery_note
from newsletter.times import stamp

CANCELLED = "the campaign was cancelled"


@dataclass(frozen=True, kw_only=True)
class DeliveryHistory:
    """A delivery's state, and every step to it."""

    state: str
    batch: int
    provider: str
    """The provider that was handed it, or else the campaign's."""
    provider_id: str
    """The provider's id of the message; empty when it gave none."""
    history: tuple[tuple[str, str], ...]
    """Pairs of a time (UTC, ISO 8601) and what happened then, the oldest first."""

    def as_json(self, email: str, campaign: Campaign) -> dict[str, Any]:
        """Return the fields that `why --json` prints."""
        delivery = {
            "state": self.state,
            "batch": self.batch,
            "provider": self.provider,
            "provider_id": self.provider_id,
        }
        return {
            "email": email,
            "issue": campaign.issue,
            "campaign": campaign.id,
            "delivery": delivery,
            "history": [{"at": at, "what": what} for at, what in self.history],
        }


def read_history(connection: Connection, campaign: Campaign, subscriber_id: int) -> DeliveryHistory | None:
    """Return the reader's delivery of this campaign; None when the reader is not in its audience."""
    row = connection.execute(_delivery(campaign.id, subscriber_id)).one_or_none()
    if row is None:
        return None
    ids = json.loads(zlib.decompress(row.provider_ids)) if row.provider_ids else {}
    provider_id = str(ids.get(str(subscriber_id), ""))
    history = [*_notes(connection, campaign.id, subscriber_id), *_steps(row, campaign, provider_id)]
    history += _events(connection, campaign.id, subscriber_id)
    return DeliveryHistory(
        state=row.delivery_state,
        batch=row.batch_no,
        provider=row.provider or campaign.provider,
        provider_id=provider_id,
        history=tuple(sorted(history, key=lambda entry: entry[0])),
    )


def _delivery(campaign_id: int, subscriber_id: int) -> Select[Any]:
    own = (delivery_exception.c.state.label("own_state"), delivery_exception.c.detail, delivery_exception.c.at)
    of_batch = (column for column in batch.c if column.name not in ("campaign_id", "no"))
    return (
        select(delivery.c.batch_no, *of_batch, *own, STATE.label("delivery_state"))
        .select_from(DELIVERIES)
        .where(delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id == subscriber_id)
    )


def _notes(connection: Connection, campaign_id: int, subscriber_id: int) -> Iterator[tuple[str, str]]:
    this = (delivery_note.c.campaign_id == campaign_id) & (delivery_note.c.subscriber_id == subscriber_id)
    for row in connection.execute(select(delivery_note.c.at, delivery_note.c.what).where(this)):
        yield row.at, row.what


def _events(connection: Connection, campaign_id: int, subscriber_id: int) -> Iterator[tuple[str, str]]:
    """Yield what readers did and providers reported after the message was handed over."""
    reported = events.of_reader(connection, campaign_id, subscriber_id)
    has_links = any(event.link is not None for event in reported)
    links = frozen_message(connection, campaign_id).links if has_links else ()
    for event in reported:
        url = f" {links[event.link]}" if event.link is not None and event.link < len(links) else ""
        times = f", {event.times} times" if event.times > 1 else ""
        program = f" (a program: {event.machine})" if event.machine else ""
        kind = f"{event.kind} ({event.bounce})" if event.bounce else str(event.kind)
        yield stamp(event.at), f"{kind}{url}{times}{program}{': ' + event.detail if event.detail else ''}"


def _steps(row: Row[Any], campaign: Campaign, provider_id: str) -> Iterator[tuple[str, str]]:
    """Yield what the batch and the exception say; steps of one millisecond in their order."""
    yield row.enqueued_at or campaign.started_at or "", f"enqueued in batch {row.batch_no}"
    was_left_out = row.own_state == "skipped"
    if row.first_handed_at and not was_left_out:
        yield row.first_handed_at, f"handed to {row.provider}"
        if row.handed_at != row.first_handed_at:
            yield row.handed_at, f"handed to {row.provider} again, under the same key"
    if row.own_state:
        yield row.at, f"{row.own_state}: {row.detail}" if row.detail else row.own_state
    elif row.state == BatchState.SETTLED:
        name = f" as {provider_id}" if provider_id else ""
        yield row.settled_at, f"accepted by {row.provider}{name}"
    elif row.state == BatchState.UNKNOWN:
        yield row.settled_at or row.handed_at, f"unknown: {row.unknown_reason or 'no answer came back'}"
    elif row.state == BatchState.CANCELLED:
        yield row.settled_at, f"skipped: {CANCELLED}"
