"""Providers' reports change readers and campaigns once, in whatever order they come."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.campaigns import abandoned_batches, claims, reported
from newsletter.campaigns.audience import enqueue
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import campaign, consent, event, subscription, suppression
from newsletter.events.apply import Applied, apply_reports
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.providers.webhooks import Report, ReportKind
from newsletter.subscribers import suppressions
from newsletter.subscribers.erasure import erase
from newsletter.subscribers.suppressions import Reason
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

HOUR = timedelta(hours=1)


@dataclass
class Publisher:
    """A publication with five campaigns' worth of keys and three readers."""

    publication: PublicationSettings
    database: Database
    key: str

    def report(
        self, kind: ReportKind, reader: int = 1, *, campaign_id: int = 1, hours: float = 1, key: str = ""
    ) -> Report:
        return Report(
            kind=kind,
            delivery_id=f"{campaign_id}.{reader}",
            tag=f"{self.key}-1" if campaign_id == 1 else "",
            address=f"r{reader}@example.com",
            at=NOW + hours * HOUR,
            key=key or f"{kind}-{campaign_id}-{reader}-{hours}",
        )

    def apply(self, *reports: Report) -> Applied:
        with self.database.begin() as connection:
            return apply_reports(connection, "postmark", reports, now=NOW + 2 * HOUR, soft_limit=5)

    def suppressed(self) -> dict[str, tuple[str, str]]:
        with self.database.read() as connection:
            rows = connection.execute(select(suppression))
            return {row.email_key: (row.reason, row.at) for row in rows}

    def status(self, reader: int = 1) -> str:
        with self.database.read() as connection:
            mine = (subscription.c.subscriber_id == reader) & (subscription.c.list == "daily")
            return str(connection.execute(select(subscription.c.status).where(mine)).scalar_one())

    def state(self) -> object:
        """Everything that reports may change."""
        with self.database.read() as connection:
            events = select(event.c.key, event.c.kind, event.c.subscriber_id, event.c.at, event.c.bounce)
            changed = select(consent.c.subscriber_id, consent.c.list, consent.c.status)
            return (
                sorted(connection.execute(events).all()),
                sorted(connection.execute(changed).all()),
                sorted(connection.execute(select(suppression)).all()),
                [self.status(reader) for reader in (1, 2, 3)],
            )


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    with make_publisher(tmp_path) as made:
        yield made


@contextmanager
def make_publisher(folder: Path) -> Iterator[Publisher]:
    """Open a publication with three readers and one campaign that is sending."""
    database = open_database(settings(folder))
    add_readers(database, 3, ("daily", "weekly"))
    with database.begin() as connection:
        start_campaign(connection, provider="postmark")
    database.close()
    with opened(folder) as publisher:
        yield publisher


@contextmanager
def opened(folder: Path) -> Iterator[Publisher]:
    publication = settings(folder)
    database = open_database(publication)
    with database.read() as connection:
        key = connection.execute(select(campaign.c.key).where(campaign.c.id == 1)).scalar_one()
    yield Publisher(publication, database, key)
    database.close()


def test_a_hard_bounce_suppresses_at_once_and_leaves_the_list_alone(publisher: Publisher) -> None:
    publisher.apply(publisher.report(ReportKind.HARD_BOUNCE))

    assert publisher.suppressed() == {"r1@example.com": ("bounced", "2025-01-17T13:00:00.000Z")}
    assert publisher.status() == "active"


@pytest.mark.parametrize("kind", [ReportKind.COMPLAINED, ReportKind.UNSUBSCRIBED])
def test_a_complaint_or_an_unsubscription_also_ends_the_campaign_s_list(publisher: Publisher, kind: ReportKind) -> None:
    publisher.apply(publisher.report(kind))

    assert publisher.suppressed()["r1@example.com"][0] == str(kind)
    assert publisher.status() == "unsubscribed"
    with publisher.database.read() as connection:
        weekly = select(subscription.c.status).where(subscription.c.subscriber_id == 1, subscription.c.list == "weekly")
        assert connection.execute(weekly).scalar_one() == "active"


@pytest.mark.parametrize("kind", [ReportKind.BLOCKED, ReportKind.DEFERRED, ReportKind.SOFT_BOUNCE, ReportKind.OPENED])
def test_a_policy_s_refusal_a_delay_and_one_soft_bounce_suppress_nobody(publisher: Publisher, kind: ReportKind) -> None:
    publisher.apply(publisher.report(kind))

    assert publisher.suppressed() == {}
    assert publisher.status() == "active"


def test_a_report_that_comes_again_changes_nothing(publisher: Publisher) -> None:
    report = publisher.report(ReportKind.COMPLAINED)

    first = publisher.apply(report, report)
    before = publisher.state()

    assert first == Applied(new=1, foreign=0, troubled=frozenset({1}))
    assert publisher.apply(report) == Applied(new=0, foreign=0)
    assert publisher.state() == before


def test_mail_of_another_system_on_the_account_changes_nothing(publisher: Publisher) -> None:
    mine = publisher.report(ReportKind.COMPLAINED)
    foreign = [
        Report(kind=mine.kind, delivery_id="", address=mine.address, at=mine.at, key="a"),
        Report(kind=mine.kind, delivery_id="order-17", address=mine.address, at=mine.at, key="b"),
        # Another newsletter's database numbers its campaigns and readers from 1 as well.
        Report(kind=mine.kind, delivery_id="1.1", tag="0123456789abcdef-1", address=mine.address, at=mine.at, key="c"),
        Report(kind=mine.kind, delivery_id="1.1", address="somebody.else@example.com", at=mine.at, key="d"),
        Report(kind=mine.kind, delivery_id="99.1", address=mine.address, at=mine.at, key="e"),
        Report(kind=mine.kind, delivery_id=f"1.{'9' * 5000}", address=mine.address, at=mine.at, key="f"),
    ]
    before = publisher.state()

    assert publisher.apply(*foreign) == Applied(new=0, foreign=6)
    assert publisher.state() == before


def test_a_reader_who_is_gone_is_not_brought_back_by_a_report(publisher: Publisher) -> None:
    with publisher.database.begin() as connection:
        erase(connection, "r1@example.com")
    before = publisher.suppressed()

    assert publisher.apply(publisher.report(ReportKind.COMPLAINED)) == Applied(new=0, foreign=1)
    assert publisher.suppressed() == before


def test_an_unsubscription_from_before_the_reader_came_back_does_not_undo_that(publisher: Publisher) -> None:
    with publisher.database.begin() as connection:
        later = subscription.update().where(subscription.c.subscriber_id == 1)
        connection.execute(later.values(changed_at="2025-01-18T00:00:00.000Z"))

    publisher.apply(publisher.report(ReportKind.UNSUBSCRIBED))

    assert publisher.status() == "active"
    assert publisher.suppressed() == {}


def test_what_a_person_suppressed_stays_theirs(publisher: Publisher) -> None:
    with publisher.database.begin() as connection:
        suppressions.suppress(connection, "r1@example.com", Reason.BY_HAND, "asked by phone", NOW)

    publisher.apply(publisher.report(ReportKind.COMPLAINED))

    assert publisher.suppressed()["r1@example.com"][0] == "by-hand"


def test_five_campaigns_that_bounce_softly_over_a_week_give_the_address_up(publisher: Publisher) -> None:
    more_campaigns(publisher, 6)
    days = [24.0 * day for day in (0, 2, 4, 5, 6, 8)]
    for number, hours in enumerate(days[:5], start=1):
        publisher.apply(publisher.report(ReportKind.SOFT_BOUNCE, campaign_id=number, hours=hours))
    assert publisher.suppressed() == {}, "the five lie within less than a week"

    publisher.apply(publisher.report(ReportKind.SOFT_BOUNCE, campaign_id=6, hours=days[5]))
    assert publisher.suppressed()["r1@example.com"][0] == "bounced"


def test_a_delivered_message_starts_the_count_anew_even_when_its_report_comes_late(publisher: Publisher) -> None:
    more_campaigns(publisher, 6)
    for number in range(1, 6):
        publisher.apply(publisher.report(ReportKind.SOFT_BOUNCE, campaign_id=number, hours=48.0 * number))
    assert publisher.suppressed()["r1@example.com"][0] == "bounced"

    publisher.apply(publisher.report(ReportKind.DELIVERED, campaign_id=6, hours=200))
    assert publisher.suppressed() == {}


def more_campaigns(publisher: Publisher, number: int) -> None:
    """Make campaigns up to this number; their reports are known by the address."""
    with publisher.database.begin() as connection:
        row = connection.execute(select(campaign).where(campaign.c.id == 1)).one()._asdict()
        rows = [{**row, "id": id, "issue": f"issue-{id}", "key": f"key{id}"} for id in range(2, number + 1)]
        connection.execute(campaign.insert(), rows)


KINDS = st.sampled_from(list(ReportKind))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a publication whose database is copied: making one takes longer than an example."""
    folder = tmp_path_factory.mktemp("template")
    with make_publisher(folder) as publisher:
        more_campaigns(publisher, 6)
    return folder


@pytest.mark.sqlite  # copies a file for each example
@hypothesis_settings(max_examples=40)
@given(
    told=st.lists(st.tuples(KINDS, st.integers(1, 2), st.integers(1, 6), st.integers(0, 400)), max_size=14),
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.integers(0, 20), max_size=4),
)
def test_any_order_any_repeats_and_any_cuts_lead_to_the_same_state(
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    told: Sequence[tuple[ReportKind, int, int, int]],
    seed: int,
    cuts: list[int],
) -> None:
    states = []
    for shuffled in (False, True):
        folder = tmp_path_factory.mktemp("events")
        shutil.copy(template / "newsletter.db", folder)
        with opened(folder) as publisher:
            reports = [
                publisher.report(kind, reader, campaign_id=number, hours=hours) for kind, reader, number, hours in told
            ]
            if shuffled:
                reports = reports + reports[: len(reports) // 2]
                random.Random(seed).shuffle(reports)
            edges = sorted({0, len(reports), *(cut for cut in cuts if shuffled and cut < len(reports))})
            for start, end in itertools.pairwise(edges):
                publisher.apply(*reports[start:end])
            states.append(publisher.state())

    assert states[0] == states[1]


def handed(publisher: Publisher) -> claims.Claim:
    """Enqueue the campaign, claim its batch and hand it over."""
    with publisher.database.begin() as connection:
        enqueue(connection, publisher.publication, 1, 100, now=NOW)
        claim = claims.claim(connection, 1, owner="test", now=NOW)
        assert claim is not None
        claims.hand(connection, claim, provider="postmark", now=NOW)
    return claim


def test_a_report_settles_a_delivery_whose_answer_was_lost(publisher: Publisher) -> None:
    claim = handed(publisher)
    lost = Answer(results=(Result(outcome=Outcome.UNKNOWN, reason="cut"),) * 3)
    with publisher.database.begin() as connection:
        claims.settle(connection, claim, [1, 2, 3], lost, now=NOW)

    publisher.apply(publisher.report(ReportKind.TAKEN, 1), publisher.report(ReportKind.DEFERRED, 3))

    with publisher.database.read() as connection:
        counted = delivery_counts(connection, 1)
    assert (counted["accepted"], counted["unknown"]) == (2, 1)


def test_a_report_that_comes_before_the_lost_answer_settles_the_delivery_when_the_answer_does_not_come(
    publisher: Publisher,
) -> None:
    handed(publisher)
    publisher.apply(publisher.report(ReportKind.DELIVERED, 1), publisher.report(ReportKind.HARD_BOUNCE, 2))

    with publisher.database.begin() as connection:
        abandoned_batches.recover(connection, lambda _name, _at: False)
        assert reported.accept_campaign(connection, 1, NOW + HOUR) == 2

    with publisher.database.read() as connection:
        counted = delivery_counts(connection, 1)
    assert (counted["accepted"], counted["unknown"]) == (2, 1)
