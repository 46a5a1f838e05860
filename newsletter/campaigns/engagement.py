"""Count opens and clicks as a server sees them, and tell people from programs.

A redirect never waits for the database: events are held for some seconds, judged together, and written in groups.
Some programs show only by what they do next. A server that is killed loses those seconds' events, nothing else.
A program is known by its request's headers, by how soon after the hand-over it comes, and by how many links it
follows at once; what is left counts as a person, and nobody can know.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from newsletter.campaigns import events
from newsletter.campaigns.delivery_states import DELIVERIES
from newsletter.campaigns.events import Event, EventKind
from newsletter.database.bulk import among
from newsletter.database.connection import Database
from newsletter.database.tables import batch, campaign, delivery
from newsletter.errors import NewsletterError
from newsletter.subscribers.subscriber import link_keys
from newsletter.times import Clock, Duration, utc_now

logger = logging.getLogger(__name__)

IMMEDIATE = timedelta(seconds=10)
"""A link that is followed sooner after the hand-over is followed by a scanner: the reader has not seen it yet."""
BURST = timedelta(seconds=5)
"""The time in which a person follows one link, perhaps two."""
BURST_LINKS = 3
_PROXIES = (
    ("gmail", re.compile(r"GoogleImageProxy|\(via ggpht\.com|Edge/12\.246 Mozilla/5\.0$")),
    ("yahoo", re.compile(r"YahooMailProxy")),
    ("apple", re.compile(r"^Mozilla/5\.0$")),  # Mail Privacy Protection says that and no more
)
"""Privacy proxies, which load the images of every message, whether it is read or not."""
_PROGRAM = re.compile(
    r"(?<!cu)bot\b|crawl|spider|scan|preview|prefetch|monitor|checker|validator|headless|phantom|selenium|puppeteer|"
    r"curl|wget|python|java/|okhttp|go-http-client|libwww|perl|ruby|axios|node-fetch|httpclient|facebookexternalhit|"
    r"whatsapp|slack|skypeuri|embedly|barracuda|mimecast|proofpoint|forcepoint|symantec|sophos|trendmicro|fireeye|"
    r"ironport|safelinks|urldefense|cloudmark|messagelabs",
    re.IGNORECASE,
)
_AHEAD = re.compile(r"prefetch|preview|prerender", re.IGNORECASE)
_PURPOSES = ("purpose", "sec-purpose", "x-purpose", "x-moz")
HOLD = BURST + timedelta(seconds=1)
"""How long an event is held: until a program that follows every link has done so."""
TICK = 1.0
"""Seconds between two looks at the events that are held."""
MOST_HELD = 50_000
"""Events that are held at most; more are not counted, since the server's work goes first."""
FORGET = timedelta(hours=1)
"""The time between two runs of `events.forget_readers`."""


@dataclass(frozen=True, kw_only=True)
class EngagementEvent:
    """An open or a click, just now."""

    kind: EventKind
    campaign_id: int
    subscriber_id: int | None
    """The reader; None when it is counted by the hour and for nobody."""
    campaign_key: str = ""
    """What the link holds of the campaign's key; empty in links of earlier versions."""
    reader_key: str | None = None
    """The key in the reader's link, which must be the reader's; None: no link names a reader."""
    at: datetime
    link: int | None = None
    of_links: int = 0
    """The number of tracked links of the message."""
    who: Hashable = None
    """Tells readers apart while the event is held: the reader, or the network address. Never written."""
    machine: str = ""


def judged(seen: Sequence[EngagementEvent]) -> list[EngagementEvent]:
    """Return the events in their order, those marked as a program's that follow many links of a message at once."""
    clicks: dict[Hashable, list[int]] = defaultdict(list)
    for index, event in enumerate(seen):
        if event.kind is EventKind.CLICKED:
            clicks[event.campaign_id, event.who].append(index)
    hasty = {index for indexes in clicks.values() for index in _burst(seen, indexes)}
    return [
        replace(event, machine="burst") if index in hasty and not event.machine else event
        for index, event in enumerate(seen)
    ]


def _burst(seen: Sequence[EngagementEvent], indexes: Sequence[int]) -> set[int]:
    """Return those of one reader's clicks on a message, given in their order, that come too fast.

    Looks at each twice, however many there are: a client that sends a million must not keep the others waiting.
    """
    hasty: set[int] = set()
    first, marked = 0, 0
    within: Counter[int | None] = Counter()
    for last, index in enumerate(indexes):
        within[seen[index].link] += 1
        while seen[indexes[first]].at < seen[index].at - BURST:
            link = seen[indexes[first]].link
            within[link] -= 1
            if not within[link]:
                del within[link]
            first += 1
        if is_burst(within, seen[index].of_links):
            hasty.update(indexes[max(first, marked) : last + 1])
            marked = last + 1
    return hasty


def write(connection: Connection, seen: Sequence[EngagementEvent]) -> None:
    """Count events; those of a reader that come right after the hand-over are a program's.

    Left out are those by the link of another reader or campaign, which had the number before.
    """
    readers = link_keys(connection, {event.subscriber_id for event in seen if event.subscriber_id is not None})
    rows = select(campaign.c.id, campaign.c.key).where(campaign.c.id.in_({event.campaign_id for event in seen}))
    campaigns = {row.id: row.key for row in connection.execute(rows)}
    seen = [
        event
        for event in seen
        if event.reader_key in (None, readers.get(event.subscriber_id or 0))
        and campaigns.get(event.campaign_id, "").startswith(event.campaign_key)
    ]
    handed = _handed(connection, seen)
    events.tally(connection, [_event(event, handed) for event in seen])


def _handed(connection: Connection, seen: Sequence[EngagementEvent]) -> dict[tuple[int, int], datetime]:
    """Return when each reader's message was handed over, by campaign and reader."""
    readers: dict[int, set[int]] = defaultdict(set)
    for event in seen:
        if event.subscriber_id is not None and not event.machine:
            readers[event.campaign_id].add(event.subscriber_id)
    handed: dict[tuple[int, int], datetime] = {}
    for campaign_id, ids in readers.items():
        rows = select(delivery.c.subscriber_id, batch.c.handed_at).select_from(DELIVERIES)
        rows = rows.where(delivery.c.campaign_id == campaign_id, batch.c.handed_at.is_not(None))
        for id, at in connection.execute(rows.where(among(connection, delivery.c.subscriber_id, [*ids]))):
            handed[campaign_id, id] = datetime.fromisoformat(at)
    return handed


def _event(seen: EngagementEvent, handed: dict[tuple[int, int], datetime]) -> Event:
    machine, at = seen.machine, seen.at
    if seen.subscriber_id is None:
        at = at.replace(minute=0, second=0, microsecond=0)
    elif not machine and (left := handed.get((seen.campaign_id, seen.subscriber_id))) is not None:
        machine = "immediate" if is_immediate(at - left) else ""
    counted_for = f"r{seen.subscriber_id}" if seen.subscriber_id is not None else f"h{at:%Y%m%d%H}"
    link = "" if seen.link is None else str(seen.link)
    return Event(
        kind=seen.kind,
        campaign_id=seen.campaign_id,
        subscriber_id=seen.subscriber_id,
        at=at,
        key=":".join((seen.kind, str(seen.campaign_id), counted_for, link, machine)),
        link=seen.link,
        machine=machine,
    )


class EngagementRecorder:
    """Holds the events that a server sees, and writes them; a context manager, which writes the rest at its end."""

    def __init__(self, database: Database, keep: Duration, clock: Clock = utc_now) -> None:
        """Keep events by reader for `keep`; for ever when it is `off`."""
        self._database = database
        self._keep = keep.delta
        self._clock = clock
        self._held: list[EngagementEvent] = []
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._some = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engagement", daemon=True)

    def __enter__(self) -> EngagementRecorder:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end.set()
        self._some.set()
        self._thread.join()

    def note(self, event: EngagementEvent) -> None:
        """Take an event; returns at once."""
        with self._lock:
            if len(self._held) < MOST_HELD:
                self._held.append(event)
        self._some.set()

    def _run(self) -> None:
        forgot = self._clock() - FORGET
        while not self._end.is_set():
            now = self._clock()
            self._write(now - HOLD)
            if self._keep and now - forgot >= FORGET:
                self._forget(now - self._keep)
                forgot = now
            self._some.clear()  # first: what is seen or asked after this line wakes the wait
            if not self._held and not self._end.is_set():
                self._some.wait(timeout=FORGET.total_seconds())
            self._end.wait(TICK)
        self._write(None)

    def _write(self, until: datetime | None) -> None:
        """Write the events up to that time; None for all."""
        with self._lock:
            self._held = judged(self._held)
            due = [event for event in self._held if until is None or event.at <= until]
            self._held = [event for event in self._held if until is not None and event.at > until]
        if not due:
            return
        try:
            with self._database.begin() as connection:
                write(connection, due)
        except (NewsletterError, IntegrityError):  # locked for very long, or a reader erased just now: again in a tick
            logger.warning("%d events could not be written; they are tried again", len(due))
            with self._lock:
                self._held = [*due, *self._held][:MOST_HELD]

    def _forget(self, before: datetime) -> None:
        try:
            forgotten = 1
            while forgotten and not self._end.is_set():
                with self._database.begin() as connection:
                    forgotten = events.forget_readers(connection, before)
        except NewsletterError:
            logger.warning("old events could not be made nobody's; they are tried again within the hour")


def betrayed(headers: Mapping[str, str]) -> str:
    """Name the program that a request's headers (names in lower case) betray; empty when they look like a person's."""
    if any(_AHEAD.search(headers.get(name, "")) for name in _PURPOSES):
        return "prefetch"
    agent = headers.get("user-agent", "").strip()
    if not agent:
        return "nameless"
    proxy = next((name for name, pattern in _PROXIES if pattern.search(agent)), "")
    return f"proxy {proxy}" if proxy else "program" if _PROGRAM.search(agent) else ""


def is_immediate(waited: timedelta) -> bool:
    """Tell whether an event came so soon after the hand-over that nobody can have read the message."""
    return waited < IMMEDIATE


def is_burst(links: Collection[object], there_are: int) -> bool:
    """Tell whether one reader's links within BURST are too many for a person: three, or all of several."""
    return len(links) >= min(BURST_LINKS, max(there_are, 2))
