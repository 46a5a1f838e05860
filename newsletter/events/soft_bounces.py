"""Give up addresses that bounce for now, campaign after campaign.

The rule looks at all events of a reader, so that their order of arrival does not matter: after the last delivered
message, so many campaigns bounced, and the first and the last of them lie a week apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.campaigns.events import EventKind
from newsletter.database.bulk import among
from newsletter.database.tables import event
from newsletter.events.consequences import OurReport
from newsletter.providers.webhooks import ReportKind
from newsletter.subscribers import suppressions
from newsletter.subscribers.suppressions import Reason, ReportedSuppression

HARD = "hard"
SOFT = "soft"
BLOCKED = "blocked"
SPAN = timedelta(days=7)
"""The least time between the first and the last bounce of a run."""


def recount(connection: Connection, new: Sequence[OurReport], limit: int, now: datetime | None = None) -> None:
    """Suppress readers whose `limit` last campaigns bounced; let those back to whom a message was delivered."""
    bounced = {our.subscriber_id: our.address for our in new if our.report.kind is ReportKind.SOFT_BOUNCE}
    delivered = {our.subscriber_id: our.address for our in new if our.report.kind is ReportKind.DELIVERED}
    given_up = suppressions.given_up(connection, delivered.values())
    affected = bounced | {id: address for id, address in delivered.items() if address in given_up}
    if not affected:
        return
    runs = _runs(connection, affected)
    over = {id: run for id, run in runs.items() if is_given_up(run, limit)}
    suppressions.lift_given_up(connection, [address for id, address in affected.items() if id not in over], now)
    suppressions.suppress_reported(
        connection,
        [
            ReportedSuppression(
                address=affected[id], reason=Reason.BOUNCED, detail=suppressions.GIVEN_UP, at=max(run.values())
            )
            for id, run in over.items()
        ],
        now,
    )


def is_given_up(run: dict[int, datetime], limit: int) -> bool:
    """Tell whether a run of soft bounces, the last of each campaign, is long enough in number and time."""
    return len(run) >= limit and max(run.values()) - min(run.values()) >= SPAN


def _runs(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, dict[int, datetime]]:
    """Return the soft bounces of each reader after the last delivered message: the time by campaign."""
    columns = (event.c.subscriber_id, event.c.campaign_id, event.c.kind, event.c.bounce, event.c.at)
    rows = select(*columns).where(
        among(connection, event.c.subscriber_id, list(subscriber_ids)),
        event.c.kind.in_((EventKind.BOUNCED, EventKind.DELIVERED)),
    )
    runs: dict[int, dict[int, datetime]] = defaultdict(dict)
    # Equal times: a delivered message ends the run, whichever came first.
    for row in sorted(connection.execute(rows), key=lambda row: (row.at, row.kind == EventKind.DELIVERED)):
        if row.kind == EventKind.DELIVERED:
            runs[row.subscriber_id].clear()
        elif row.bounce == SOFT:
            runs[row.subscriber_id][row.campaign_id] = datetime.fromisoformat(row.at)
    return runs
