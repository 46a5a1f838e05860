"""Sightings: opens and clicks as a server sees them, held a moment, judged together, written in groups.

A redirect never waits for the database. What a program does shows only beside what it does next, so a
sighting is held for some seconds first. A server that is killed loses those seconds' figures, nothing else.

Who asks: a person's mail program, or a program that looks at every message by itself.

Pure. Tells by what a request says of itself, by how soon after the hand-over it comes, and by how
many links are followed at once. What is left counts as a person's; nobody can know.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, select
from sqlalchemy.exc import IntegrityError

from newsletter.campaigns import events
from newsletter.campaigns.events import Event, EventKind
from newsletter.database.bulk import among
from newsletter.database.connection import Database
from newsletter.database.tables import batch, delivery
from newsletter.errors import NewsletterError
from newsletter.times import Clock, Duration, utc_now

IMMEDIATE = timedelta(seconds=10)
"""Who follows a link sooner after the hand-over is a scanner at the door: the reader has not seen it yet."""
BURST = timedelta(seconds=5)
"""Within which a person follows one link, perhaps two."""
BURST_LINKS = 3
_PROXIES = (
    ("gmail", re.compile(r"GoogleImageProxy|\(via ggpht\.com|Edge/12\.246 Mozilla/5\.0$")),
    ("yahoo", re.compile(r"YahooMailProxy")),
    ("apple", re.compile(r"^Mozilla/5\.0$")),  # Mail Privacy Protection says that and no more
)
"""Privacy proxies, which load pictures for everybody, looked at or not."""
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
"""How long one is held: until whoever follows every link has done so."""
TICK = 1.0
"""Seconds between two looks at what is held."""
MOST_HELD = 50_000
"""With more than that, what comes is not counted: the server's work goes first."""
FORGET = timedelta(hours=1)
"""Between two times that old sightings are made nobody's."""


@dataclass(frozen=True, kw_only=True)
class EngagementEvent:
    """An open or a click, just now."""

    kind: EventKind
    campaign_id: int
    subscriber_id: int | None
    """None: nobody's; what is written is counted by the hour, then."""
    at: datetime
    link: int | None = None
    of_links: int = 0
    """How many links the message has that are counted."""
    who: Hashable = None
    """Tells readers apart while it is held: the reader, or the address that asks. Never written."""
    machine: str = ""


def judged(sightings: Sequence[EngagementEvent]) -> list[EngagementEvent]:
    """The same in their order; what only shows in company is marked: many links of one message at once."""
    clicks: dict[Hashable, list[int]] = defaultdict(list)
    for index, one in enumerate(sightings):
        if one.kind is EventKind.CLICKED:
            clicks[one.campaign_id, one.who].append(index)
    hasty = {index for indexes in clicks.values() for index in _burst(sightings, indexes)}
    return [replace(one, machine="burst") if n in hasty and not one.machine else one for n, one in enumerate(sightings)]


def _burst(sightings: Sequence[EngagementEvent], indexes: Sequence[int]) -> set[int]:
    """Those of one reader's clicks on a message, in their order, that come too fast.

    Each is looked at twice, however many there are: whoever sends a million must not keep the others waiting.
    """
    found: set[int] = set()
    first, marked = 0, 0
    within: Counter[int | None] = Counter()
    for last, index in enumerate(indexes):
        within[sightings[index].link] += 1
        while sightings[indexes[first]].at < sightings[index].at - BURST:
            link = sightings[indexes[first]].link
            within[link] -= 1
            if not within[link]:
                del within[link]
            first += 1
        if is_burst(within, sightings[index].of_links):
            found.update(indexes[max(first, marked) : last + 1])
            marked = last + 1
    return found


def write(connection: Connection, sightings: Sequence[EngagementEvent]) -> None:
    """Count them. A reader's that come right after the hand-over are a program's."""
    handed = _handed(connection, sightings)
    events.tally(connection, [_event(one, handed) for one in sightings])


def _handed(connection: Connection, sightings: Sequence[EngagementEvent]) -> dict[tuple[int, int], datetime]:
    """When each reader's message was handed over, by campaign and reader."""
    readers: dict[int, set[int]] = defaultdict(set)
    for one in sightings:
        if one.subscriber_id is not None and not one.machine:
            readers[one.campaign_id].add(one.subscriber_id)
    found: dict[tuple[int, int], datetime] = {}
    for campaign_id, ids in readers.items():
        of_batch = and_(batch.c.campaign_id == delivery.c.campaign_id, batch.c.no == delivery.c.batch_no)
        asked = select(delivery.c.subscriber_id, batch.c.handed_at).join_from(delivery, batch, of_batch)
        asked = asked.where(delivery.c.campaign_id == campaign_id, batch.c.handed_at.is_not(None))
        for id, at in connection.execute(asked.where(among(connection, delivery.c.subscriber_id, [*ids]))):
            found[campaign_id, id] = datetime.fromisoformat(at)
    return found


def _event(one: EngagementEvent, handed: dict[tuple[int, int], datetime]) -> Event:
    machine, at = one.machine, one.at
    if one.subscriber_id is None:
        at = at.replace(minute=0, second=0, microsecond=0)
    elif not machine and (left := handed.get((one.campaign_id, one.subscriber_id))) is not None:
        machine = "immediate" if is_immediate(at - left) else ""
    whose = f"r{one.subscriber_id}" if one.subscriber_id is not None else f"h{at:%Y%m%d%H}"
    key = ":".join((one.kind, str(one.campaign_id), whose, "" if one.link is None else str(one.link), machine))
    return Event(
        kind=one.kind,
        campaign_id=one.campaign_id,
        subscriber_id=one.subscriber_id,
        at=at,
        key=key,
        link=one.link,
        machine=machine,
    )


class EngagementRecorder:
    """What a server sees; a context manager, at whose end all that is held is written."""

    def __init__(self, database: Database, keep: Duration, clock: Clock = utc_now) -> None:
        """`keep`: how long sightings are known by reader; nothing (`off`): for ever."""
        self._database = database
        self._keep = keep.delta
        self._clock = clock
        self._held: list[EngagementEvent] = []
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._some = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sightings", daemon=True)

    def __enter__(self) -> EngagementRecorder:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end.set()
        self._some.set()
        self._thread.join()

    def note(self, one: EngagementEvent) -> None:
        """Something was seen; returns at once."""
        with self._lock:
            if len(self._held) < MOST_HELD:
                self._held.append(one)
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
        """Write down what was seen up to then; None: everything."""
        with self._lock:
            self._held = judged(self._held)
            due = [one for one in self._held if until is None or one.at <= until]
            self._held = [one for one in self._held if until is not None and one.at > until]
        if not due:
            return
        try:
            with self._database.begin() as connection:
                write(connection, due)
        except (NewsletterError, IntegrityError):  # locked for very long, or a reader erased just now: a tick later
            with self._lock:
                self._held = [*due, *self._held][:MOST_HELD]

    def _forget(self, before: datetime) -> None:
        try:
            forgotten = 1
            while forgotten and not self._end.is_set():
                with self._database.begin() as connection:
                    forgotten = events.forget_readers(connection, before)
        except NewsletterError:
            return


def betrayed(headers: Mapping[str, str]) -> str:
    """What the headers of a request (names in lower case) say of a program; empty when they look like a person's."""
    if any(_AHEAD.search(headers.get(name, "")) for name in _PURPOSES):
        return "prefetch"
    agent = headers.get("user-agent", "").strip()
    if not agent:
        return "nameless"
    proxy = next((name for name, pattern in _PROXIES if pattern.search(agent)), "")
    return f"proxy {proxy}" if proxy else "program" if _PROGRAM.search(agent) else ""


def is_immediate(waited: timedelta) -> bool:
    """So soon after the hand-over that nobody can have read it."""
    return waited < IMMEDIATE


def is_burst(links: Collection[object], there_are: int) -> bool:
    """Whether one reader's links, all followed within BURST, are too many for a person: three, or all of several."""
    return len(links) >= min(BURST_LINKS, max(there_are, 2))
