"""Tell open pages when figures change: another process sends, and a server hears of deliveries and clicks."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection, func, select
from starlette.concurrency import run_in_threadpool

from newsletter.campaigns.campaign_queries import all_campaigns, campaigns_of_slug
from newsletter.campaigns.events import EventKind
from newsletter.counters import table
from newsletter.database.process_tables import runner
from newsletter.database.tables import counter
from newsletter.errors import NewsletterError
from newsletter.preview.workspace import Workspace
from newsletter.web.error_log import masked
from newsletter.web.preview.database import PreviewDatabase
from newsletter.web.preview.open_pages import ISSUELESS, OpenPages

logger = logging.getLogger(__name__)

SECONDS = 1.0
"""Time between two looks at the database, while a page is open."""
_KINDS = (
    *(table.AUDIENCE, table.ACCEPTED, table.READERS),
    *(str(kind) for kind in EventKind),
    *(count(kind) for kind in (EventKind.OPENED, EventKind.CLICKED) for count in (table.times, table.machines)),
)
"""The counters that change with every figure that a page shows."""


async def watch(workspace: Workspace, database: PreviewDatabase, open_pages: OpenPages) -> None:
    """Publish the update `figures` to each open page whose figures changed; runs until cancelled."""
    known: dict[str, object] = {}
    while True:
        await asyncio.sleep(SECONDS)
        topics = open_pages.topics
        states = await run_in_threadpool(_states, workspace, database, topics) if topics else {}
        for topic, state in states.items():
            # A topic that is new may have changed since its page was made.
            if topic not in known or known[topic] != state:
                open_pages.publish(topic, "figures", {})
        known = states


def _states(workspace: Workspace, database: PreviewDatabase, topics: frozenset[str]) -> dict[str, object]:
    """Return a value for each topic that changes with its figures; none while there is no database to read."""
    try:
        opened = database.open(workspace.publication)
        if opened is None:
            return dict.fromkeys(topics, None)
        with opened.read() as connection:
            return {topic: _state(connection, topic) for topic in topics}
    except NewsletterError as error:
        # The pages say so, too; a database that is locked for a moment is asked again.
        logger.debug("the figures cannot be watched", exc_info=masked(error))
        return {}


def _state(connection: Connection, topic: str) -> object:
    sums = select(counter.c.kind, func.sum(counter.c.number)).where(counter.c.kind.in_(_KINDS))
    grouped = sums.group_by(counter.c.kind).order_by(counter.c.kind)
    if topic in ISSUELESS:
        campaigns = all_campaigns(connection)
        runners = connection.execute(select(func.count()).select_from(runner)).scalar_one()
        return (
            _rows(connection, grouped),
            [(campaign.id, campaign.state, campaign.send_at) for campaign in campaigns],
            runners,
        )
    campaigns = campaigns_of_slug(connection, topic)
    ids = [campaign.id for campaign in campaigns]
    counted = _rows(connection, grouped.where(counter.c.campaign_id.in_(ids))) if ids else []
    return counted, [(campaign.id, campaign.state) for campaign in campaigns]


def _rows(connection: Connection, statement: object) -> list[tuple[str, int]]:
    return [(kind, int(number)) for kind, number in connection.execute(statement)]  # type: ignore[call-overload]
