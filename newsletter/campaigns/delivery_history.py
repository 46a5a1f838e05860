"""What happened to one reader's copy of an issue, from the moment it was enqueued.

Reads the ledger and never writes it. Counting everybody's is `accounts`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from newsletter.campaigns import events
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import Campaign, frozen_message
from newsletter.campaigns.counts import OF_BATCH
from newsletter.database.tables import batch, delivery, delivery_exception, delivery_note
from newsletter.times import stamp

CANCELLED = "the campaign was cancelled"


@dataclass(frozen=True, kw_only=True)
class DeliveryHistory:
    """One delivery: where it stands, and how it came there."""

    state: str
    batch: int
    provider: str
    """Who was handed it, else the campaign's."""
    provider_id: str
    """Empty unless the provider named it."""
    history: tuple[tuple[str, str], ...]
    """When (UTC, ISO 8601) and what, the oldest first."""

    def as_json(self, email: str, campaign: Campaign) -> dict[str, Any]:
        """As `why --json` prints it."""
        told = {"state": self.state, "batch": self.batch, "provider": self.provider, "provider_id": self.provider_id}
        return {
            "email": email,
            "issue": campaign.issue,
            "campaign": campaign.id,
            "delivery": told,
            "history": [{"at": at, "what": what} for at, what in self.history],
        }


def story(connection: Connection, campaign: Campaign, subscriber_id: int) -> DeliveryHistory | None:
    """The reader's delivery of this campaign; None when the reader is not in its audience."""
    row = connection.execute(_delivery(campaign.id, subscriber_id)).one_or_none()
    if row is None:
        return None
    ids = json.loads(zlib.decompress(row.provider_ids)) if row.provider_ids else {}
    id = str(ids.get(str(subscriber_id), ""))
    happened = [*_notes(connection, campaign.id, subscriber_id), *_happened(row, campaign, id)]
    happened += _later(connection, campaign.id, subscriber_id)
    return DeliveryHistory(
        state=row.own_state or OF_BATCH[BatchState(row.state)],
        batch=row.batch_no,
        provider=row.provider or campaign.provider,
        provider_id=id,
        history=tuple(sorted(happened, key=lambda one: one[0])),
    )


def _delivery(campaign_id: int, subscriber_id: int) -> Any:
    of_batch = and_(batch.c.campaign_id == delivery.c.campaign_id, batch.c.no == delivery.c.batch_no)
    apart = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    own = (delivery_exception.c.state.label("own_state"), delivery_exception.c.detail, delivery_exception.c.at)
    return (
        select(delivery.c.batch_no, *(column for column in batch.c if column.name not in ("campaign_id", "no")), *own)
        .join_from(delivery, batch, of_batch)
        .outerjoin(delivery_exception, apart)
        .where(delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id == subscriber_id)
    )


def _notes(connection: Connection, campaign_id: int, subscriber_id: int) -> Iterator[tuple[str, str]]:
    this = (delivery_note.c.campaign_id == campaign_id) & (delivery_note.c.subscriber_id == subscriber_id)
    for row in connection.execute(select(delivery_note.c.at, delivery_note.c.what).where(this)):
        yield row.at, row.what


def _later(connection: Connection, campaign_id: int, subscriber_id: int) -> Iterator[tuple[str, str]]:
    """What readers and providers told of it afterwards."""
    found = events.of_reader(connection, campaign_id, subscriber_id)
    links = frozen_message(connection, campaign_id).links if any(one.link is not None for one in found) else ()
    for one in found:
        where = f" {links[one.link]}" if one.link is not None and one.link < len(links) else ""
        often = f", {one.times} times" if one.times > 1 else ""
        seen = f" (a program: {one.machine})" if one.machine else ""
        yield stamp(one.at), f"{one.kind}{where}{often}{seen}{': ' + one.detail if one.detail else ''}"


def _happened(row: Row[Any], campaign: Campaign, provider_id: str) -> Iterator[tuple[str, str]]:
    """What the batch and its exception say; steps of the same millisecond in their order."""
    yield row.enqueued_at or campaign.started_at or "", f"enqueued in batch {row.batch_no}"
    left_before = row.own_state == "skipped"
    if row.first_handed_at and not left_before:
        yield row.first_handed_at, f"handed to {row.provider}"
        if row.handed_at != row.first_handed_at:
            yield row.handed_at, f"handed to {row.provider} again, under the same key"
    if row.own_state:
        yield row.at, f"{row.own_state}: {row.detail}" if row.detail else row.own_state
    elif row.state == BatchState.SETTLED:
        named = f" as {provider_id}" if provider_id else ""
        yield row.settled_at, f"accepted by {row.provider}{named}"
    elif row.state == BatchState.UNKNOWN:
        yield row.settled_at or row.handed_at, f"unknown: {row.doubt or 'no answer came back'}"
    elif row.state == BatchState.CANCELLED:
        yield row.settled_at, f"skipped: {CANCELLED}"
