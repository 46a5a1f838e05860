"""A publication whose issue was sent to forty readers, with known figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newsletter.campaigns import events
from newsletter.campaigns.campaign import change_state
from newsletter.campaigns.events import Event, EventKind
from newsletter.config import load_publication
from newsletter.database.connection import Database
from newsletter.issues.issue import find_issue
from newsletter.rendering.build import build_issue
from tests.support.sent_campaigns import send_campaign
from tests.web.preview.readers_preview import open_publication_database, publish_with_readers

READERS = 40
ACCEPTED, DELIVERED, BOUNCED, CLICKED = 38, 35, 2, 7
"""Readers: the provider refuses two, one is still on the way."""
LINK = "https://example.com/read"
ISSUE = f"""---
subject: "Chip rules and a camera"
date: {{day}}
---
Good morning. [The whole story]({LINK}) is short.

:::button {LINK}
Read the full story
:::

[Another page](https://example.com/other) nobody wants.
"""


def sent_at() -> datetime:
    return datetime.now(UTC) - timedelta(hours=5)


def publish_sent(root: Path, *, level: str = "individual", more: str = "", delivered: int = DELIVERED) -> int:
    """Send the issue `chips`, which is dated today, and let its readers do something; return the campaign.

    The provider reports that it was `delivered` to so many readers.
    """
    issue = ISSUE.format(day=f"{datetime.now(UTC):%Y-%m-%d}")
    publish_with_readers(root, READERS, issue=issue, more=f'\n[tracking]\nlevel = "{level}"\n{more}')
    publication = load_publication(root / "newsletter.toml")
    message = build_issue(publication, find_issue(publication, "chips")).message
    start = sent_at()
    with open_publication_database(root) as database:
        ids = range(1, READERS + 1)
        rejected = [READERS - 1, READERS]
        campaign = send_campaign(database, "chips", [*ids], start, rejected=rejected, message=message, tracking=level)
        bounces = [
            event(EventKind.BOUNCED, campaign, DELIVERED + 1, start, bounce="hard"),
            event(EventKind.BOUNCED, campaign, DELIVERED + 2, start, bounce="blocked"),
        ]
        record(database, [event(EventKind.DELIVERED, campaign, id, start) for id in range(1, delivered + 1)] + bounces)
        click(database, campaign, message.links.index(LINK), range(1, CLICKED + 1), level=level)
        with database.begin() as connection:
            change_state(connection, campaign, "finish", now=start)
    return campaign


def click(database: Database, campaign: int, link: int, ids: Sequence[int], *, level: str = "individual") -> None:
    """Let readers follow a link; at `aggregate`, nobody knows which."""
    clicks = [event(EventKind.CLICKED, campaign, id, sent_at() + timedelta(hours=2), link=link) for id in ids]
    if level == "aggregate":
        clicks = [
            Event(kind=each.kind, campaign_id=campaign, subscriber_id=None, at=each.at, key=each.key, link=link)
            for each in clicks
        ]
    record(database, clicks)


def record(database: Database, told: Sequence[Event]) -> None:
    with database.begin() as connection:
        events.tally(connection, told)


def event(kind: EventKind, campaign: int, id: int, at: datetime, *, link: int | None = None, bounce: str = "") -> Event:
    key = f"{kind}:{campaign}:{id}:{link}"
    return Event(kind=kind, campaign_id=campaign, subscriber_id=id, at=at, key=key, link=link, bounce=bounce)
