"""Fault points around the calls: the database, a second sender, a copy, readers who leave, a machine that was off."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from sqlite3 import Cursor, OperationalError

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError as DatabaseFailed

from newsletter.campaigns import resolution
from newsletter.campaigns.campaign import CampaignState, approve_issue, change_state, get_campaign, schedule_campaign
from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.database.tables import batch, subscription
from newsletter.errors import NewsletterError
from newsletter.publishing.scheduler import Runner
from newsletter.sending.sender import Sender, job_of
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.suppressions import suppress as suppress_address
from newsletter.times import stamp, utc_now
from tests.faults.case import EVERYONE, Case
from tests.publishing.test_scheduler import RecordingListener
from tests.support.provider_server import SERVERS, ProviderServer
from tests.support.sending import MESSAGE, NOW, PAGE, Quiet, add_readers, settings


@pytest.mark.slow
@pytest.mark.parametrize("server", [*SERVERS], indirect=True)
def test_f12_a_database_locked_by_another_program_when_the_answer_comes_loses_nothing(
    case: Case, server: ProviderServer
) -> None:
    server.answers.clear()
    given_up = threading.Event()
    lock = threading.Thread(target=_lock, args=(case, server, given_up))
    lock.start()
    with pytest.raises(Exception, match="locked"):
        case.send()
    given_up.set()
    lock.join()

    case.send()

    assert case.counts().get("queued", 0) == case.counts().get("handed", 0) == 0
    case.check(server)


def _lock(case: Case, server: ProviderServer, given_up: threading.Event) -> None:
    """Hold the database from before the answer comes until the sender has given up."""
    server.wait_for_calls(1)
    with case.database.begin():
        server.answers.set()
        given_up.wait(60)


def test_f12_a_disk_that_is_full_when_the_answer_comes_loses_nothing(case: Case, server: ProviderServer) -> None:
    def fill(_connection: object, cursor: Cursor, *_rest: object) -> None:
        if server.calls:
            cursor.execute("PRAGMA max_page_count = 1")  # no page more than there are now

    event.listen(case.database.engine, "before_cursor_execute", fill)
    with suppress(NewsletterError):  # whether what is written needs a new page is SQLite's affair
        case.send()
    event.remove(case.database.engine, "before_cursor_execute", fill)
    case.database.close()

    case.send()

    assert case.counts().get("queued", 0) == case.counts().get("handed", 0) == 0
    case.check(server)


def test_f13_two_senders_at_once_share_one_database_without_a_double(case: Case, server: ProviderServer) -> None:
    server.delay = 0.1
    second = threading.Thread(target=case.send)
    second.start()
    case.send()
    second.join()

    assert case.counts() == EVERYONE
    case.check(server)


def test_f20_who_leaves_before_their_batch_does_is_skipped(case: Case, server: ProviderServer) -> None:
    with case.database.begin() as connection:
        gone = update(subscription).where(subscription.c.subscriber_id.in_([3, 70])).values(status="unsubscribed")
        connection.execute(gone)

    case.send()

    assert case.counts() == {"accepted": 98, "skipped": 2}
    case.check(server)


def test_f20_who_leaves_between_two_batches_is_skipped_and_what_was_sent_stays_sent(
    case: Case, server: ProviderServer
) -> None:
    when = {"not_before": stamp(utc_now() + timedelta(days=1))}
    with case.database.begin() as connection:
        connection.execute(update(batch).where(batch.c.no == 2).values(when))
    Sender(job_of(case.publication, case.database, case.campaign), Quiet()).work()
    assert case.counts() == {"accepted": 50, "queued": 50}
    with case.database.begin() as connection:
        for address in ("r3@example.com", "r70@example.com"):
            suppress_address(connection, address, Reason.COMPLAINED, "", utc_now())
        connection.execute(update(batch).where(batch.c.no == 2).values(not_before=None))

    case.send()

    assert case.counts() == {"accepted": 99, "skipped": 1}
    assert case.states()["1.70"] == "skipped"
    case.check(server)


def test_f14_a_copied_database_hands_nothing_over_in_its_new_place(
    case: Case, server: ProviderServer, tmp_path: Path
) -> None:
    server.bad = {"r7@example.com"}
    case.send()
    case.database.close()
    copied = tmp_path / "copied"
    shutil.copytree(case.publication.root, copied)
    publication = load_publication(copied / "newsletter.toml")
    database = open_database(publication)
    with database.begin() as connection:
        change_state(connection, 1, "reopen", now=utc_now())
        resolution.retry(connection, 1, 50, utc_now())
    calls = len(server.calls)

    with pytest.raises(NewsletterError, match="this database is a copy"):
        Sender(job_of(publication, database, case.campaign), Quiet()).run()

    assert len(server.calls) == calls
    database.close()


def test_f24_a_schedule_that_is_overdue_after_a_downtime_is_held_and_hands_nothing_over(
    server: ProviderServer, tmp_path: Path
) -> None:
    publication = settings(tmp_path, server.toml)
    database = open_database(publication)
    add_readers(database, 3)
    with database.begin() as connection:
        made = approve_issue(
            connection, message=MESSAGE, page=PAGE, list="daily", segment="", provider=server.dialect, now=NOW
        )
        schedule_campaign(connection, made.id, send_at=NOW, wall=None, now=NOW)

    Runner(publication, database, RecordingListener(), lambda: NOW + timedelta(hours=2, seconds=1)).run(once=True)

    with database.read() as connection:
        assert get_campaign(connection, 1).state is CampaignState.PAUSED
    assert server.calls == []
    database.close()


def test_f12_a_disk_that_is_full_for_the_next_batch_takes_nothing_from_what_was_settled(
    case: Case, server: ProviderServer
) -> None:
    def fill(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if server.calls and "attempt=(batch.attempt" in statement:  # a batch is claimed
            full = OperationalError("database or disk is full")
            raise DatabaseFailed(statement, None, full)  # SQLAlchemy 2.0 does not wrap what this hook raises

    server.answers.clear()
    event.listen(case.database.engine, "before_cursor_execute", fill)
    sending = threading.Thread(target=_failing, args=(case,))
    sending.start()
    server.wait_for_calls(1)
    server.answers.set()
    sending.join()
    event.remove(case.database.engine, "before_cursor_execute", fill)

    assert case.counts()["accepted"] == sum(server.calls)
    case.send()
    assert case.counts() == EVERYONE
    case.check(server)


def _failing(case: Case) -> None:
    with pytest.raises(NewsletterError, match="the disk is full"):
        case.send()
