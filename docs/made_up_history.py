"""Make up the history of a publication for the pictures of its results: a month of readers, issues and clicks.

Addresses are `example.com`'s and the like, subjects and numbers invented; the same at every run.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from newsletter.campaigns import events, tracking  # noqa: E402 - `tests` is found from here on
from newsletter.campaigns.campaign import change_state, get_campaign  # noqa: E402
from newsletter.campaigns.events import Event, EventKind  # noqa: E402
from newsletter.campaigns.unsubscribes import change_preferences  # noqa: E402
from newsletter.config import PublicationSettings, load_publication  # noqa: E402
from newsletter.database.connection import Database, open_database  # noqa: E402
from newsletter.issues.issue import find_issue  # noqa: E402
from newsletter.messages.types import CompiledMessage  # noqa: E402
from newsletter.rendering.build import build_issue  # noqa: E402
from newsletter.signed_links import Links  # noqa: E402
from newsletter.subscribers import consent  # noqa: E402
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange  # noqa: E402
from newsletter.subscribers.writes import SubscriberEntry, enter  # noqa: E402
from tests.support.sent_campaigns import send_campaign  # noqa: E402

DAYS = 30
DOMAINS = ("gmail.com",) * 9 + ("outlook.com",) * 4 + ("yahoo.com",) * 3 + ("icloud.com",) * 3 + ("example.com",)
SUBJECTS = (
    "Robots that fold laundry, at last",
    "Open weights, closed doors",
    "What a data center drinks",
    "The year of the small model",
    "A court reads the licence",
    "Translators and their machines",
    "Why benchmarks lie to us",
    "Chips from the desert",
    "A camera that explains itself",
    "Who owns a voice",
    "The agents’ first payday",
    "Letters to a chatbot",
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_history(folder: Path, last: str) -> None:
    """Let readers join, get an issue every weekday, click and leave; the last issue is `last`."""
    publication = load_publication(folder / "newsletter.toml")
    database = open_database(publication)
    chance = random.Random(7)
    message = build_issue(publication, find_issue(publication, last)).message
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - DAY * back for back in range(DAYS, 0, -1)]
    issues = [day for day in days if day.weekday() < 5]
    readers: list[int] = []
    for number, day in enumerate(days):
        _join(database, readers, day, 900 if not number else chance.randrange(14, 52))
        if day in issues:
            subject = SUBJECTS[number % len(SUBJECTS)] if day != issues[-1] else message.subject
            slug = f"issue-{number}" if day != issues[-1] else last
            sent = replace(message, slug=slug, subject=subject)
            _send(publication, database, sent, readers, day + 7 * HOUR, chance)
    database.close()


def _join(database: Database, readers: list[int], at: datetime, number: int) -> None:
    first = readers[-1] + 1 if readers else 1
    new = range(first, first + number)
    entries = [SubscriberEntry(f"reader{id}@{DOMAINS[id % len(DOMAINS)]}", (("daily", "active"),)) for id in new]
    with database.begin() as connection:
        enter(connection, entries, consent.record_source(connection, "import", {}, at), at)
    readers.extend(new)


def _send(
    publication: PublicationSettings,
    database: Database,
    message: CompiledMessage,
    readers: list[int],
    at: datetime,
    chance: random.Random,
) -> None:
    campaign = send_campaign(database, message.slug, readers, at, message=message)
    links = [*tracking.targets(message, Links(publication))]
    told = [event for id in readers for event in _events(campaign, id, at, links, chance)]
    with database.begin() as connection:
        get_campaign(connection, campaign)
        events.tally(connection, told)
        change_state(connection, campaign, "finish", now=at + HOUR / 4)
    leaving = chance.sample(readers, chance.randrange(2, 9))
    with database.begin() as connection:
        change_preferences(connection, [_leave(id, campaign, at + 2 * HOUR) for id in leaving])
    readers[:] = [id for id in readers if id not in leaving] or readers


def _events(campaign: int, id: int, at: datetime, links: list[int], chance: random.Random) -> Iterator[Event]:
    def event(kind: EventKind, when: datetime, link: int | None = None, bounce: str = "", machine: str = "") -> Event:
        key = f"{kind}:{campaign}:{id}:{link}:{machine}"
        return Event(
            kind=kind,
            campaign_id=campaign,
            subscriber_id=id,
            at=when,
            key=key,
            link=link,
            bounce=bounce,
            machine=machine,
        )

    if (luck := chance.random()) < 0.012:
        kind = "hard" if luck < 0.004 else "soft" if luck < 0.007 else "blocked"
        yield event(EventKind.BOUNCED, at, bounce=kind)
        return
    yield event(EventKind.DELIVERED, at + chance.expovariate(3) * HOUR)
    if chance.random() < 0.03:
        yield event(EventKind.CLICKED, at, link=links[0], machine="burst")
    if chance.random() < 0.0006:
        yield event(EventKind.COMPLAINED, at + HOUR)
    if chance.random() < 0.11:
        first = at + chance.expovariate(0.22) * HOUR
        yield event(EventKind.OPENED, first)
        for link in {min(int(chance.expovariate(0.5)), len(links) - 1) for _ in range(chance.randint(1, 2))}:
            yield event(EventKind.CLICKED, first, link=links[link])


def _leave(id: int, campaign: int, at: datetime) -> PreferenceChange:
    return PreferenceChange(
        subscriber_id=id, action=PreferenceAction.LEAVE, lists=None, source="one click", campaign_id=campaign, at=at
    )
