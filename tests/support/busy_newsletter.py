"""A publication where everything happens at random, by the functions that the program itself uses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.campaigns import abandoned_batches, claims, events, resolution, unsubscribes
from newsletter.campaigns.audience import enqueue
from newsletter.campaigns.campaign import approve_issue, change_state
from newsletter.campaigns.events import Event, EventKind
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.database.tables import campaign, delivery_exception, subscriber
from newsletter.errors import NewsletterError
from newsletter.events.apply import apply_reports
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.providers.webhooks import Report, ReportKind
from newsletter.subscribers import consent, erasure, suppressions
from newsletter.subscribers.erasure import ErasureRequest
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.suppressions import Reason, ReportedSuppression
from newsletter.subscribers.writes import SubscriberEntry, enter
from tests.support.sending import MESSAGE, NOW, PAGE

DOMAINS = ("gmail.com", "googlemail.com", "hotmail.co.uk", "example.com", "example.org", "news.example.net")
HOUR = timedelta(hours=1)


class KilledError(Exception):
    """The program ends in the middle of a transaction."""


@dataclass
class BusyNewsletter:
    """Draws what happens next from a random generator; `act` does one thing in one transaction."""

    publication: PublicationSettings
    database: Database
    random: random.Random
    hours: int = 0
    told: list[Event] = field(default_factory=list)

    def act(self, name: str) -> None:
        """Do one of ACTIONS; at times the program is killed before it is committed."""
        self.hours += self.random.randint(0, 20)
        try:
            with self.database.begin() as connection:
                ACTIONS[name](self, connection)
                if self.random.random() < 0.1:
                    raise KilledError
        except (KilledError, NewsletterError):
            pass

    @property
    def now(self) -> datetime:
        return NOW + self.hours * HOUR

    def address(self) -> str:
        return f"r{self.random.randint(1, 12)}@{self.random.choice(DOMAINS)}"

    def ids(self, connection: Connection) -> list[int]:
        return [*connection.scalars(select(subscriber.c.id).order_by(subscriber.c.id))]

    def some(self, connection: Connection) -> list[int]:
        ids = self.ids(connection)
        return self.random.sample(ids, min(len(ids), self.random.randint(1, 4)))

    def campaigns(self, connection: Connection) -> list[int]:
        return [*connection.scalars(select(campaign.c.id).order_by(campaign.c.id))]


def _enter(busy: BusyNewsletter, connection: Connection) -> None:
    pick = busy.random.choice
    entries = [
        SubscriberEntry(
            email=busy.address(),
            statuses=((pick(("daily", "weekly")), pick(("active", "active", "pending", "unsubscribed"))),),
        )
        for _ in range(busy.random.randint(1, 8))
    ]
    addresses = [entry.email for entry in entries]
    source = consent.record_source(connection, "import", {}, busy.now)
    named, asked = (busy.random.sample(addresses, busy.random.randint(0, 1)) for _ in range(2))
    enter(connection, entries, source, busy.now, resubscribe=named, asked_by_owner=asked)


def _prefer(busy: BusyNewsletter, connection: Connection) -> None:
    campaigns = [0, *busy.campaigns(connection)]
    changes = [
        PreferenceChange(
            subscriber_id=id,
            action=busy.random.choice([*PreferenceAction]),
            lists=busy.random.choice((None, ("daily",), ("weekly",))),
            source="preferences page",
            campaign_id=busy.random.choice(campaigns),
            at=busy.now,
            until=busy.now + HOUR,
            is_confirmation=busy.random.random() < 0.5,
        )
        for id in busy.some(connection)
    ]
    unsubscribes.change_preferences(connection, changes)


def _suppress(busy: BusyNewsletter, connection: Connection) -> None:
    suppressions.suppress(connection, busy.address(), busy.random.choice([*Reason]), "", busy.now)
    reported = [
        ReportedSuppression(
            address=busy.address(),
            reason=busy.random.choice((Reason.BOUNCED, Reason.UNSUBSCRIBED, Reason.COMPLAINED)),
            detail="",
            at=busy.now - HOUR,
        )
    ]
    suppressions.suppress_reported(connection, reported, busy.now)


def _lift(busy: BusyNewsletter, connection: Connection) -> None:
    suppressions.lift(connection, [busy.address(), busy.address()], busy.now)
    suppressions.lift_by_owner(connection, [busy.address()], busy.now)


def _erase(busy: BusyNewsletter, connection: Connection) -> None:
    if busy.random.random() < 0.5:
        emails = connection.scalars(select(subscriber.c.email).order_by(subscriber.c.id)).all()
        erasure.erase(connection, busy.random.choice([*emails, busy.address()]), busy.now)
    else:
        erasure.forget(connection, [ErasureRequest(subscriber_id=id, at=busy.now) for id in busy.some(connection)[:1]])


def _start(busy: BusyNewsletter, connection: Connection) -> None:
    number = len(busy.campaigns(connection)) + 1
    made = approve_issue(
        connection,
        message=replace(MESSAGE, slug=f"issue-{number}"),
        page=PAGE,
        list="daily",
        segment="",
        provider="outbox",
        tracking="individual",
        now=busy.now,
    )
    change_state(connection, made.id, "start", now=busy.now)
    enqueue(connection, busy.publication, made.id, busy.random.randint(1, 4), now=busy.now)


def _send(busy: BusyNewsletter, connection: Connection) -> None:
    """Hand over batches, and settle them with whatever a provider may say; some senders die on the way."""
    for campaign_id in busy.campaigns(connection):
        claim = claims.claim(connection, campaign_id, owner="sender", now=busy.now)
        if claim is None:
            continue
        own = (delivery_exception.c.campaign_id == campaign_id, delivery_exception.c.batch_no == claim.no)
        settled = {*connection.scalars(select(delivery_exception.c.subscriber_id).where(*own))}
        ids = [id for id in claims.members(connection, campaign_id, claim.no) if id not in settled]
        if ids and busy.random.random() < 0.2:
            claims.skip(connection, claim, {ids[0]: "suppressed"}, busy.now)
            ids = ids[1:]
        if not ids:
            claims.close_empty(connection, claim, busy.now)
            continue
        claims.hand(connection, claim, provider="outbox", now=busy.now)
        if busy.random.random() < 0.8:
            outcomes = [busy.random.choice([*Outcome, Outcome.ACCEPTED, Outcome.ACCEPTED]) for _ in ids]
            results = tuple(Result(outcome=outcome, retryable=True) for outcome in outcomes)
            claims.settle(connection, claim, ids, Answer(results=results), now=busy.now)


def _recover(busy: BusyNewsletter, connection: Connection) -> None:
    abandoned_batches.recover(connection, lambda _provider, _at: busy.random.random() < 0.3)


def _resolve(busy: BusyNewsletter, connection: Connection) -> None:
    for campaign_id in busy.campaigns(connection):
        for unknown in resolution.find_unknown(connection, campaign_id):
            decide = busy.random.choice((resolution.accept, resolution.refuse))
            decide(connection, unknown, unknown.ids[:1], "asked", busy.now)
        policies: tuple[resolution.Policy, ...] = ("hold", "resend", "assume-sent")
        policy = busy.random.choice(policies)
        resolution.resolve_campaign(connection, campaign_id, policy, busy.now)
        resolution.retry(connection, campaign_id, 2, busy.now)


def _cancel(busy: BusyNewsletter, connection: Connection) -> None:
    for campaign_id in busy.campaigns(connection)[-1:]:
        abandoned_batches.cancel(connection, campaign_id, busy.now)


def _report(busy: BusyNewsletter, connection: Connection) -> None:
    """Apply reports of a provider, some of them known, in any order."""
    campaigns = connection.execute(select(campaign.c.id, campaign.c.key)).all()
    ids = busy.ids(connection)
    if not campaigns or not ids:
        return
    reports = []
    for _ in range(busy.random.randint(1, 6)):
        id, key = busy.random.choice(campaigns)
        reader, kind = busy.random.choice(ids), busy.random.choice([*ReportKind])
        at = busy.now - busy.random.randint(0, 300) * HOUR
        name = f"{kind}-{id}-{reader}-{busy.random.randint(0, 2)}"
        reports.append(Report(kind=kind, delivery_id=f"{id}.{reader}", tag=f"{key}-1", address="", at=at, key=name))
    apply_reports(connection, "postmark", reports, now=busy.now, soft_limit=2)


def _engage(busy: BusyNewsletter, connection: Connection) -> None:
    """Count opens and clicks as our own links report them, of readers and of nobody, by people and programs."""
    ids: list[int | None] = [None, *busy.ids(connection)]
    told = []
    for campaign_id in busy.campaigns(connection):
        kind = busy.random.choice((EventKind.OPENED, EventKind.CLICKED))
        reader, machine = busy.random.choice(ids), busy.random.choice(("", "", "burst"))
        link = busy.random.randint(0, 3) if kind is EventKind.CLICKED else None
        key = f"{kind}:{campaign_id}:{reader}:{link}:{machine}"
        told += [
            Event(
                kind=kind,
                campaign_id=campaign_id,
                subscriber_id=reader,
                at=busy.now,
                key=key,
                link=link,
                machine=machine,
                times=busy.random.randint(1, 3),
            )
        ] * busy.random.randint(1, 2)
    events.tally(connection, told)


ACTIONS: dict[str, Callable[[BusyNewsletter, Connection], None]] = {
    "enter": _enter,
    "prefer": _prefer,
    "suppress": _suppress,
    "lift": _lift,
    "erase": _erase,
    "start": _start,
    "send": _send,
    "recover": _recover,
    "resolve": _resolve,
    "cancel": _cancel,
    "report": _report,
    "engage": _engage,
}
