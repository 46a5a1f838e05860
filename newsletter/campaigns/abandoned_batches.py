"""Takeovers: batches that move on without their sender. It died, its campaign was cancelled, another provider goes on.

Moves them in the ledger as `deliveries` moves those that are held; what is known of single messages
in between is `marks`. When that is right to do is the caller's affair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, select, update

from newsletter.campaigns.batch_states import IN_HAND, BatchState, after_cancelling, after_death
from newsletter.campaigns.campaign import CampaignState
from newsletter.database.tables import batch, campaign, delivery_exception, is_in
from newsletter.times import stamp

SILENCE = "the program ended before the answer came"


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What a sender that died in the middle had in its hands: messages, not batches."""

    replayed_of: Mapping[int, int]
    """By campaign, as the next."""
    unknown_of: Mapping[int, int]

    @property
    def replayed(self) -> int:
        """Of all campaigns."""
        return sum(self.replayed_of.values())

    @property
    def unknown(self) -> int:
        """Of all campaigns."""
        return sum(self.unknown_of.values())


def recover(
    connection: Connection, may_replay: Callable[[str, str], bool], *, expired: datetime | None = None
) -> Recovered:
    """Take over from dead senders, of any campaign: all that are held, or those whose lease ended before `expired`.

    Without `expired` only while holding the lock that proves every other sender dead. What one had
    claimed is queued again. What it had handed over is queued too when `may_replay(provider,
    first_handed_at)`: under the same key, to the same recipients. Else it is unknown.
    """
    apart = (delivery_exception.c.campaign_id == batch.c.campaign_id) & (delivery_exception.c.batch_no == batch.c.no)
    left = batch.c.size - select(func.count()).select_from(delivery_exception).where(apart).scalar_subquery()
    of_batch = (batch.c.campaign_id, batch.c.no, batch.c.state, batch.c.provider, batch.c.first_handed_at)
    held = select(*of_batch, left.label("left"), campaign.c.state.label("campaign_state")).join(
        campaign, campaign.c.id == batch.c.campaign_id
    )
    held = held.where(is_in(*IN_HAND), *([batch.c.lease_until < stamp(expired)] if expired else []))
    replayed_of, unknown_of = Counter[int](), Counter[int]()
    for row in connection.execute(held).all():
        found = BatchState(row.state)
        over = row.campaign_state == CampaignState.CANCELLED
        replayed = found is BatchState.HANDED and not over and may_replay(row.provider, row.first_handed_at)
        state = after_death(found, may_replay=replayed)
        this = (batch.c.campaign_id == row.campaign_id) & (batch.c.no == row.no)
        doubt = {"doubt": SILENCE} if found is BatchState.HANDED else {}
        connection.execute(update(batch).where(this).values(state=state, owner="", lease_until=None, **doubt))
        sizes = replayed_of if replayed else unknown_of
        sizes[row.campaign_id] += row.left if found is BatchState.HANDED else 0
    return Recovered(replayed_of=+replayed_of, unknown_of=+unknown_of)


def cancel(connection: Connection, campaign_id: int, now: datetime) -> None:
    """Whoever is not handed over never will be; of those handed over, what becomes of them is still written down."""
    waiting = and_(batch.c.campaign_id == campaign_id, batch.c.state.in_((BatchState.QUEUED, BatchState.CLAIMED)))
    for before in (False, True):
        these = and_(waiting, batch.c.first_handed_at.is_not(None) if before else batch.c.first_handed_at.is_(None))
        values = {"state": after_cancelling(handed_before=before), "settled_at": stamp(now), "owner": ""}
        connection.execute(update(batch).where(these).values(**values, lease_until=None))


def leave_behind(connection: Connection, campaign_id: int, provider: str, now: datetime) -> None:
    """What another than `provider` may have taken never crosses over to it: unknown."""
    may_be_taken = and_(batch.c.first_handed_at.is_not(None), batch.c.provider != provider)
    these = and_(batch.c.campaign_id == campaign_id, batch.c.state == BatchState.QUEUED, may_be_taken)
    connection.execute(update(batch).where(these).values(state=BatchState.UNKNOWN, settled_at=stamp(now)))
