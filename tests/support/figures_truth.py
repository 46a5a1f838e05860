"""A newsletter whose history is made up, with the right answer for every figure, reckoned without the program."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from newsletter.campaigns import events
from newsletter.campaigns.campaign import get_campaign
from newsletter.campaigns.events import Event, EventKind
from newsletter.campaigns.unsubscribes import change_preferences
from newsletter.database.connection import Database
from newsletter.events.apply import apply_reports
from newsletter.providers.webhooks import Report, ReportKind
from newsletter.subscribers import consent
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.writes import SubscriberEntry, enter
from tests.support.sending import MESSAGE, NOW
from tests.support.sent_campaigns import send_campaign

DOMAINS = {
    "gmail.com": "gmail",
    "googlemail.com": "gmail",
    "hotmail.fr": "microsoft",
    "web.de": "gmx",
    "example.com": "example.com",
    "example.org": "example.org",
}
"""Domains of addresses, and what each is counted as."""
LINKS = ("https://news.example.org/a", "https://news.example.org/b?x=1", "https://news.example.org/c")
LETTER = replace(MESSAGE, links=LINKS)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHUNK = 400


@dataclass
class FiguresTruth:
    """The answers, as `stats --json` names them; `make` writes the history."""

    database: Database
    random: random.Random
    domain: dict[int, str] = field(default_factory=dict)
    standing: dict[int, str] = field(default_factory=dict)
    joined: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    campaigns: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    links: dict[int, dict[int, Counter[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Counter)))
    hours: dict[int, dict[int, Counter[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Counter)))
    domains: dict[int, dict[str, Counter[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )

    def make(self, readers: int, campaigns: int) -> None:
        """Let readers join day by day, and send a campaign every day."""
        for number in range(campaigns):
            day = NOW + number * DAY
            self._join(range(number, readers, campaigns), day - HOUR)
            self._send(f"issue-{number}", day)

    def _join(self, numbers: Iterable[int], at: datetime) -> None:
        names = [*DOMAINS]
        added = [(number, names[self.random.randrange(len(names))]) for number in numbers]
        pending = {number for number, _domain in added if self.random.random() < 0.05}
        entries = [
            SubscriberEntry(f"r{number}@{name}", (("daily", "pending" if number in pending else "active"),))
            for number, name in added
        ]
        for start in range(0, len(entries), 2_000):
            with self.database.begin() as connection:
                source = consent.record_source(connection, "import", {}, at)
                enter(connection, entries[start : start + 2_000], source, at)
        for number, name in added:
            id = len(self.domain) + 1
            self.domain[id] = DOMAINS[name]
            self.standing[id] = "pending" if number in pending else "active"
            self.joined[day_of(at)] += number not in pending

    def _leave(self, id: int, standing: str, at: datetime) -> None:
        self.standing[id] = standing
        self.left[day_of(at)] += 1

    def _send(self, slug: str, at: datetime) -> None:
        audience = [id for id, standing in self.standing.items() if standing == "active"]
        rejected = {id for id in audience if self.random.random() < 0.02}
        campaign = send_campaign(self.database, slug, audience, at, rejected=[*rejected], message=LETTER)
        row = self.campaigns[campaign]
        row["audience"], row["accepted"] = len(audience), len(audience) - len(rejected)
        with self.database.read() as connection:
            key = get_campaign(connection, campaign).key
        reports: list[Report] = []
        told: list[Event] = []
        leaving: list[int] = []
        for id in audience:
            if id not in rejected:
                self.domains[campaign][self.domain[id]]["accepted"] += 1
                self._fate(campaign, key, id, at, reports, told, leaving)
        self._write(campaign, reports, told, leaving, at + 6 * HOUR)

    def _fate(
        self,
        campaign: int,
        key: str,
        id: int,
        at: datetime,
        reports: list[Report],
        told: list[Event],
        leaving: list[int],
    ) -> None:
        """Draw what becomes of one message, and write the answer down."""
        row, domain = self.campaigns[campaign], self.domains[campaign][self.domain[id]]

        def report(kind: ReportKind, when: datetime) -> None:
            name = f"{kind}.{campaign}.{id}"
            reports.append(
                Report(kind=kind, delivery_id=f"{campaign}.{id}", tag=f"{key}-1", address="", at=when, key=name)
            )

        if self.random.random() < 0.1:
            report(ReportKind.DEFERRED, at + HOUR)
            row["deferred"] += 1
        bounce = self.random.random()
        if bounce < 0.03:
            kind = ReportKind.HARD_BOUNCE if bounce < 0.01 else ReportKind.BLOCKED
            report(kind, at + HOUR)
            row["bounced"] += 1
            row["hard" if kind is ReportKind.HARD_BOUNCE else "blocked"] += 1
            domain["bounced"] += 1
            if kind is ReportKind.HARD_BOUNCE:
                self._leave(id, "suppressed", at)
                self.reasons["bounced"] += 1
            return
        delivered_at = at + self.random.randrange(90) * timedelta(minutes=1)
        report(ReportKind.DELIVERED, delivered_at)
        row["delivered"] += 1
        domain["delivered"] += 1
        self.hours[campaign][hours_after(at, delivered_at)]["delivered"] += 1
        self._engage(campaign, id, at, told)
        if (end := self.random.random()) < 0.01:
            report(ReportKind.COMPLAINED, at + 3 * HOUR)
            row["complained"] += 1
            domain["complained"] += 1
            self.reasons["complained"] += 1
            self._leave(id, "suppressed", at)
        elif end < 0.03:
            leaving.append(id)
            row["unsubscribed"] += 1
            self._leave(id, "unsubscribed", at)

    def _engage(self, campaign: int, id: int, at: datetime, told: list[Event]) -> None:
        row, hours = self.campaigns[campaign], self.hours[campaign]
        if self.random.random() < 0.3:
            first = at + self.random.randrange(300) * HOUR
            times = self.random.randint(1, 3)
            told += [_event(EventKind.OPENED, campaign, id, first)] * times
            row["opened"] += 1
            row["opens"] += times
            hours[hours_after(at, first)]["opened"] += 1
        if self.random.random() < 0.2:
            told.append(_event(EventKind.OPENED, campaign, id, at, machine="proxy apple"))
            row["machine_opens"] += 1
        if self.random.random() < 0.15:
            followed = self.random.sample(range(len(LINKS)), self.random.randint(1, len(LINKS)))
            moments = [at + self.random.randrange(40) * HOUR for _link in followed]
            for link, moment in zip(followed, moments, strict=True):
                told.append(_event(EventKind.CLICKED, campaign, id, moment, link=link))
                self.links[campaign][link].update(clicks=1, readers=1)
            row["clicked"] += 1
            row["clicks"] += len(followed)
            hours[hours_after(at, min(moments))]["clicked"] += 1
        if self.random.random() < 0.05:
            told.append(_event(EventKind.CLICKED, campaign, id, at, link=0, machine="burst"))
            self.links[campaign][0]["machine_clicks"] += 1
            row["machine_clicks"] += 1

    def _write(
        self, campaign: int, reports: list[Report], told: list[Event], leaving: Sequence[int], now: datetime
    ) -> None:
        """Write it as a server does: in groups, in no order, and some reports twice."""
        reports += self.random.sample(reports, len(reports) // 10)
        self.random.shuffle(reports)
        for group in _groups(reports):
            with self.database.begin() as connection:
                apply_reports(connection, "postmark", group, now=now, soft_limit=5)
        self.random.shuffle(told)
        for events_of in _groups(told):
            with self.database.begin() as connection:
                events.tally(connection, events_of)
        changes = [
            PreferenceChange(
                subscriber_id=id,
                action=PreferenceAction.LEAVE,
                lists=None,
                source="one click",
                campaign_id=campaign,
                at=now,
            )
            for id in leaving
        ]
        with self.database.begin() as connection:
            change_preferences(connection, changes)

    def number(self, standing: str) -> int:
        return sum(one == standing for one in self.standing.values())


def _groups(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


def _event(
    kind: EventKind, campaign: int, id: int, at: datetime, *, link: int | None = None, machine: str = ""
) -> Event:
    key = f"{kind}:{campaign}:r{id}:{link}:{machine}"
    return Event(kind=kind, campaign_id=campaign, subscriber_id=id, at=at, key=key, link=link, machine=machine)


def day_of(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def hours_after(start: datetime, at: datetime) -> int:
    return min(int((at - start).total_seconds()) // 3600, 168)
