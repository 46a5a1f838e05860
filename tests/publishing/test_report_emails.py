"""The editors get a campaign's figures by email, once, a day after it started."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from newsletter.campaigns import events
from newsletter.campaigns.events import Event, EventKind
from newsletter.config import PublicationSettings
from newsletter.counters.mailboxes import register
from newsletter.database.connection import Database, open_database
from newsletter.figures.campaigns import campaign_details
from newsletter.publishing import report_emails
from newsletter.publishing.scheduler import Runner
from tests.publishing.test_scheduler import RecordingListener
from tests.support.sending import NOW, add_readers, settings
from tests.support.sent_campaigns import send_campaign

pytestmark = pytest.mark.usefixtures("each_database")
REPORTS = '[reports]\nto = ["Ed <ed@example.com>", "news@example.org"]\n'
HOUR = timedelta(hours=1)


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path, REPORTS)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    database = open_database(publication)
    ids = add_readers(database, 4)
    with database.begin() as connection:
        register(connection, ["example.com"])  # as whoever adds readers does
    campaign_id = send_campaign(database, "hello", ids, NOW, rejected=[4])
    told = [
        Event(kind=kind, campaign_id=campaign_id, subscriber_id=reader, at=NOW + HOUR, key=f"{kind}{reader}")
        for kind, reader in ((EventKind.DELIVERED, 1), (EventKind.DELIVERED, 2), (EventKind.CLICKED, 1))
    ]
    with database.begin() as connection:
        events.record(connection, told)
    yield database
    database.close()


def mails(publication: PublicationSettings) -> list[EmailMessage]:
    files = sorted((publication.root / "outbox").rglob("*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]


def run_at(publication: PublicationSettings, database: Database, hours: float) -> None:
    for report in report_emails.due(publication, database, NOW + hours * HOUR):
        assert report_emails.send(publication, database, report, NOW + hours * HOUR) == ""


def test_each_editor_gets_the_figures_once(publication: PublicationSettings, database: Database) -> None:
    run_at(publication, database, 23.9)
    assert mails(publication) == []

    for hours in (24, 24.1, 48, 24 * 6, 24 * 9):
        run_at(publication, database, hours)

    sent = mails(publication)
    assert sorted(str(mail["To"]) for mail in sent) == ["ed@example.com", "news@example.org"]
    body = sent[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "Accepted by the provider: 3 (75.0 %)" in text
    assert "Delivered: 2 (66.7 %)" in text
    assert "Clicked: 1 (50.0 %)" in text
    assert "example.com: Accepted by the provider 3, Delivered 2, Bounced 0" in text


def test_the_report_does_not_say_that_nothing_arrived_where_nobody_reports_it(
    publication: PublicationSettings, database: Database
) -> None:
    campaign_id = send_campaign(database, "later", [1, 2, 3], NOW)
    with database.read() as connection:
        text = report_emails.compile_report(publication, campaign_details(connection, publication, campaign_id)).text

    assert "Delivered: not reported\n" in text
    assert "example.com: Accepted by the provider 3, Delivered not reported, Bounced 0" in text


def test_a_report_that_may_have_left_is_not_sent_again(publication: PublicationSettings, database: Database) -> None:
    (first, *_others) = report_emails.due(publication, database, NOW + 24 * HOUR)
    report_emails.send(publication, database, first, NOW + 24 * HOUR)

    assert report_emails.send(publication, database, first, NOW + 25 * HOUR) == ""  # two runners at once
    assert len(mails(publication)) == 1


def test_old_news_is_not_told(publication: PublicationSettings, database: Database) -> None:
    assert report_emails.due(publication, database, NOW + timedelta(days=20)) == []


def test_the_report_is_in_the_publications_language(tmp_path: Path, database: Database) -> None:
    toml = tmp_path / "newsletter.toml"
    toml.write_text(toml.read_text().replace('name = "News"', 'name = "News"\nlanguage = "de"'))

    from newsletter.config import load_publication

    german = load_publication(toml)
    run_at(german, database, 24)

    subject = str(mails(german)[0]["Subject"])
    assert subject.startswith("Zahlen zu „Hello")
    assert subject.endswith("1 haben geklickt")


@pytest.mark.sqlite
def test_the_runner_sends_it(publication: PublicationSettings, database: Database) -> None:
    Runner(publication, database, RecordingListener(), clock=lambda: NOW + 25 * HOUR).run(once=True)

    assert len(mails(publication)) == 2
