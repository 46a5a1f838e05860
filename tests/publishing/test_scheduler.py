"""The runner: what is due is sent, side by side, wave by wave; today's issue is not forgotten."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from newsletter.campaigns.abandoned_batches import Recovered
from newsletter.campaigns.campaign import (
    Campaign,
    CampaignState,
    approve_issue,
    change_state,
    get_campaign,
    resume_campaign,
    schedule_campaign,
)
from newsletter.campaigns.campaign_queries import all_campaigns
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.run_log import RunnerLog
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import batch, rate_spent, subscriber
from newsletter.errors import ConfigError, NewsletterError
from newsletter.publishing import heartbeat
from newsletter.publishing.daily import ScheduleProblem
from newsletter.publishing.scheduler import Runner
from newsletter.sending.lock import SenderLock
from newsletter.sending.sender import THREADS, SendResult
from tests.support.provider_server import KEY, Postmark
from tests.support.sending import ISSUE, MESSAGE, NOW, PAGE, add_readers, settings

HOUR = timedelta(hours=1)
POSTMARK = '[send]\nprovider = "postmark"\n[providers.postmark]\ntoken = "env:POSTMARK_TOKEN"\nbase_url = "{url}"\n'
DAILY = '[schedule]\ndaily = "07:00"\n'


class RecordingListener:
    """A `RunnerListener` that keeps what it is given."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.begun: list[Campaign] = []
        self.results: list[SendResult] = []
        self.failures: list[tuple[int, BaseException]] = []
        self.problems: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        pass

    def began(self, campaign: Campaign) -> None:
        self.begun.append(campaign)

    def ended(self, result: SendResult) -> None:
        self.results.append(result)

    def failed(self, campaign: Campaign, error: BaseException) -> None:
        self.failures.append((campaign.id, error))

    def recovered(self, recovered: Recovered) -> None:
        pass

    def schedule_problem(self, problem: ScheduleProblem) -> None:
        self.problems.append(problem.sentence)


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path / "news")


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    found = open_database(publication)
    yield found
    found.close()


def scheduled(
    database: Database, slug: str, at: datetime, wall: datetime | None = None, provider: str = "outbox"
) -> int:
    with database.begin() as connection:
        message = replace(MESSAGE, slug=slug)
        made = approve_issue(
            connection, message=message, page=PAGE, list="daily", segment="", provider=provider, now=NOW
        )
        schedule_campaign(connection, made.id, send_at=at, wall=wall, now=NOW)
    return made.id


def once(publication: PublicationSettings, database: Database, now: datetime = NOW) -> RecordingListener:
    told = RecordingListener()
    Runner(publication, database, told, lambda: now).run(once=True)
    return told


def state(database: Database, campaign_id: int) -> tuple[CampaignState, dict[str, int]]:
    with database.read() as connection:
        counted = delivery_counts(connection, campaign_id)
        return get_campaign(connection, campaign_id).state, {name: n for name, n in counted.items() if n}


def is_enqueued(database: Database, campaign_id: int) -> bool:
    with database.read() as connection:
        return get_campaign(connection, campaign_id).enqueued


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_due_is_sent_and_the_rest_waits(publication: PublicationSettings, database: Database) -> None:
    add_readers(database, 3)
    due, later = scheduled(database, "due", NOW), scheduled(database, "later", NOW + HOUR)

    told = once(publication, database)

    assert state(database, due) == (CampaignState.SENT, {"accepted": 3})
    assert state(database, later) == (CampaignState.SCHEDULED, {})
    assert [one.id for one in told.begun] == [due]


def test_campaigns_due_at_once_are_sent_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    with Postmark() as server:
        server.delay = 0.1
        publication = settings(tmp_path / "both", POSTMARK.format(url=server.url))
        database = open_database(publication)
        add_readers(database, 6000)
        for slug in ("first", "second"):
            scheduled(database, slug, NOW, provider="postmark")

        once(publication, database)

        of_campaign = [message["Metadata"]["delivery_id"].partition(".")[0] for message in server.messages]
        assert [state(database, id) for id in (1, 2)] == [(CampaignState.SENT, {"accepted": 6000})] * 2
        assert of_campaign.index("2") < len(of_campaign) - 1 - of_campaign[::-1].index("1")
        database.close()


def test_each_wave_is_sent_at_its_readers_own_time(publication: PublicationSettings, database: Database) -> None:
    add_readers(database, 5)
    with database.begin() as connection:
        connection.execute(update(subscriber).where(subscriber.c.id <= 2).values(timezone="Asia/Tokyo"))
    tokyo = datetime(2025, 1, 19, 22, tzinfo=UTC)
    id = scheduled(database, "waves", tokyo, wall=datetime(2025, 1, 20, 7))

    first = once(publication, database, tokyo)
    between = once(publication, database, tokyo + HOUR)
    assert state(database, id) == (CampaignState.SENDING, {"accepted": 2, "queued": 3})
    once(publication, database, tokyo + 9 * HOUR)

    assert state(database, id) == (CampaignState.SENT, {"accepted": 5})
    assert (len(first.results), len(between.results)) == (1, 0)


def test_one_that_is_too_late_is_held_and_the_others_go(publication: PublicationSettings, database: Database) -> None:
    add_readers(database, 1)
    late, due = scheduled(database, "late", NOW - 3 * HOUR), scheduled(database, "due", NOW)

    told = once(publication, database)

    assert [(one.id, one.state) for one in told.begun] == [(late, CampaignState.PAUSED), (due, CampaignState.SENDING)]
    assert state(database, late) == (CampaignState.PAUSED, {})
    assert state(database, due) == (CampaignState.SENT, {"accepted": 1})


def test_a_campaign_that_cannot_be_sent_at_all_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTMARK_TOKEN", raising=False)
    publication = settings(tmp_path / "mixed", POSTMARK.format(url="http://127.0.0.1:9"))
    database = open_database(publication)
    add_readers(database, 1)
    broken, fine = scheduled(database, "broken", NOW, provider="postmark"), scheduled(database, "fine", NOW)

    told = once(publication, database)

    ((failed, error),) = told.failures
    assert (failed, type(error)) == (broken, ConfigError)
    assert state(database, broken) == (CampaignState.SENDING, {})
    assert state(database, fine) == (CampaignState.SENT, {"accepted": 1})
    database.close()


def test_a_running_one_picks_up_what_becomes_due_and_what_is_resumed(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 2)
    times = [NOW]
    told = RecordingListener()
    runner = Runner(publication, database, told, lambda: times[0])
    thread = threading.Thread(target=runner.run)
    thread.start()
    id = scheduled(database, "soon", NOW + HOUR)
    with database.begin() as connection:
        change_state(connection, id, "pause", now=NOW, reason="asked")
    times[0] = NOW + HOUR
    with database.begin() as connection:
        assert resume_campaign(connection, id, now=times[0]).state is CampaignState.SENDING

    wait_until(lambda: bool(told.results))
    with database.read() as connection:
        assert heartbeat.is_runner_alive(connection, NOW)
    runner.stop()
    thread.join()

    assert state(database, id) == (CampaignState.SENT, {"accepted": 2})
    with database.read() as connection:
        assert not heartbeat.is_runner_alive(connection, NOW)


def test_a_second_runner_is_told_who_has_the_database_on_which_machine_and_since_when(
    publication: PublicationSettings, database: Database
) -> None:
    told = RecordingListener()
    with SenderLock(database.name) as lock:
        assert lock.acquire()

        with pytest.raises(NewsletterError, match=r"process \d+ on \S+ \(since [-\d]+ [:\d]+ UTC\) is sending from"):
            once(publication, database)
        with pytest.raises(NewsletterError, match="is sending from"):
            Runner(publication, database, told, lambda: NOW).run(greeting="Waiting")
    assert told.said == []


def test_a_copied_database_sends_nothing_until_it_is_adopted(
    publication: PublicationSettings, database: Database, tmp_path: Path
) -> None:
    add_readers(database, 1)
    once(publication, database)
    scheduled(database, "due", NOW)
    database.close()
    shutil.copytree(publication.root, tmp_path / "copy")
    copy = load_publication(tmp_path / "copy" / "newsletter.toml")
    copied = open_database(copy)

    with pytest.raises(NewsletterError, match="this database is a copy"):
        once(copy, copied)

    assert state(copied, 1) == (CampaignState.SCHEDULED, {})
    assert not (tmp_path / "copy" / "outbox").exists()
    copied.close()


def daily(folder: Path, issue: str | None = "2025-01-17-hello.md") -> tuple[PublicationSettings, Database]:
    publication = settings(folder / "daily", DAILY)
    publication.issues.mkdir()
    if issue:
        (publication.issues / issue).write_text(ISSUE, encoding="utf-8")
    database = open_database(publication)
    add_readers(database, 2)
    return publication, database


SEVEN = datetime(2025, 1, 17, 7, tzinfo=UTC)


def mail(publication: PublicationSettings) -> list[str]:
    """What the editors got, by subject."""
    folder = publication.root / "outbox" / "other"
    files = sorted(folder.iterdir()) if folder.exists() else []
    messages = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    return [f"{message['To']}: {message['Subject']}" for message in messages]


def test_today_s_issue_is_sent_at_its_time_without_being_told(tmp_path: Path) -> None:
    publication, database = daily(tmp_path)

    early = once(publication, database, SEVEN - timedelta(seconds=1))
    assert early.problems == []
    assert not (publication.root / "outbox").exists()
    once(publication, database, SEVEN)

    assert state(database, 1) == (CampaignState.SENT, {"accepted": 2})
    again = once(publication, database, SEVEN + HOUR)
    assert (again.results, again.problems, mail(publication)) == ([], [], [])
    database.close()


def test_the_front_matter_s_date_counts_more_than_the_file_name_s(tmp_path: Path) -> None:
    publication, database = daily(tmp_path, "2025-01-10-hello.md")

    once(publication, database, SEVEN)

    assert state(database, 1) == (CampaignState.SENT, {"accepted": 2})
    database.close()


def test_a_missing_issue_is_missed_an_hour_before_and_the_editors_are_told_once(tmp_path: Path) -> None:
    publication, database = daily(tmp_path, None)

    assert once(publication, database, SEVEN - HOUR - timedelta(seconds=1)).problems == []
    first, second = (once(publication, database, SEVEN - HOUR + timedelta(minutes=n)) for n in (0, 5))

    assert first.problems == ["There is no issue dated 2025-01-17; it would be sent at 2025-01-17 07:00 UTC."]
    assert second.problems == first.problems
    assert mail(publication) == ["news@example.com: News: no issue today"]
    (publication.issues / "late.md").write_text(ISSUE, encoding="utf-8")
    once(publication, database, SEVEN + timedelta(minutes=30))
    assert state(database, 1) == (CampaignState.SENT, {"accepted": 2})
    database.close()


def test_a_broken_issue_is_found_an_hour_before(tmp_path: Path) -> None:
    publication, database = daily(tmp_path)
    (publication.issues / "2025-01-17-hello.md").write_text(f"{ISSUE}\n:::qoute\n:::\n", encoding="utf-8")

    told = once(publication, database, SEVEN - HOUR / 2)

    assert "2025-01-17-hello.md cannot be sent." in told.problems[0]
    assert ":8:" in told.problems[0]
    assert len(mail(publication)) == 1
    database.close()


def test_two_issues_of_one_day_are_a_person_s_choice(tmp_path: Path) -> None:
    publication, database = daily(tmp_path)
    (publication.issues / "2025-01-17-other.md").write_text(ISSUE, encoding="utf-8")

    told = once(publication, database, SEVEN)

    assert told.problems[0].startswith("2 issues are dated 2025-01-17 (2025-01-17-hello.md, 2025-01-17-other.md)")
    assert mail(publication) == ["news@example.com: News: 2 issues are dated 2025-01-17"]
    with database.read() as connection:
        assert all_campaigns(connection) == []
    database.close()


def with_time(publication: PublicationSettings, send_at: str) -> None:
    text = ISSUE.replace("date: 2025-01-17", f"date: 2025-01-17\nsend_at: {send_at}")
    (publication.issues / "2025-01-17-hello.md").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("send_at", "hours"), [("2025-01-17 05:00", -2), ("2025-01-16 20:00", -11), ("2025-01-17 09:00", 2)]
)
def test_an_issue_s_own_time_counts_more_than_daily(tmp_path: Path, send_at: str, hours: int) -> None:
    publication, database = daily(tmp_path)
    with_time(publication, send_at)

    early = once(publication, database, SEVEN + hours * HOUR - timedelta(seconds=1))
    assert early.begun == []
    assert "hello" not in "".join(early.problems)
    once(publication, database, SEVEN + hours * HOUR)

    assert state(database, 1) == (CampaignState.SENT, {"accepted": 2})
    database.close()


def test_today_s_issue_by_each_reader_s_own_clock_is_there_for_the_first_of_them(tmp_path: Path) -> None:
    publication, database = daily(tmp_path)
    with_time(publication, "2025-01-17 07:00 local")
    with database.begin() as connection:
        connection.execute(update(subscriber).where(subscriber.c.id == 1).values(timezone="Asia/Tokyo"))
    tokyo = SEVEN - 9 * HOUR

    assert once(publication, database, tokyo - timedelta(seconds=1)).begun == []
    once(publication, database, tokyo)
    assert state(database, 1) == (CampaignState.SENDING, {"accepted": 1, "queued": 1})
    once(publication, database, SEVEN)

    assert state(database, 1) == (CampaignState.SENT, {"accepted": 2})
    database.close()


def test_a_mistake_in_an_issue_with_a_time_of_its_own_is_told_an_hour_before_that(tmp_path: Path) -> None:
    publication, database = daily(tmp_path)
    with_time(publication, "2025-01-17 05:00")
    issue = publication.issues / "2025-01-17-hello.md"
    issue.write_text(f"{issue.read_text()}\n:::qoute\n:::\n", encoding="utf-8")

    before, then = (once(publication, database, SEVEN - hours * HOUR).problems for hours in (3.1, 3))

    assert (before, len(then)) == ([], 1)
    assert "2025-01-17-hello.md cannot be sent." in then[0]
    database.close()


@pytest.mark.parametrize("hours", [2.1, 12, 22])
def test_an_issue_that_would_be_too_late_is_left_to_a_person_and_the_editors_are_told_once(
    tmp_path: Path, hours: float
) -> None:
    publication, database = daily(tmp_path)

    first, second = (once(publication, database, SEVEN + (hours + more) * HOUR) for more in (0, 0.1))

    (told,) = first.problems
    assert told.startswith("2025-01-17-hello.md is not sent by itself: it was to start at 2025-01-17 07:00 UTC, ")
    assert told.endswith("ago; max_lateness is 2h. Send it nevertheless with: newsletter send hello")
    assert len(second.problems) == 1
    assert len(mail(publication)) == 1
    with database.read() as connection:
        assert all_campaigns(connection) == []
    database.close()


def test_an_own_time_that_would_be_too_late_is_told_before_daily_is_due(tmp_path: Path) -> None:
    publication, database = daily(tmp_path)
    with_time(publication, "2025-01-17 01:00")

    (told,) = once(publication, database, SEVEN - 3 * HOUR).problems

    assert "it was to start at 2025-01-17 01:00 UTC, 3 h 0 min ago; max_lateness is 2h" in told
    database.close()


def test_a_missing_issue_is_told_for_all_of_its_day(tmp_path: Path) -> None:
    publication, database = daily(tmp_path, None)

    day, next_day = (once(publication, database, SEVEN + hours * HOUR).problems for hours in (16, 18))

    assert day == ["There is no issue dated 2025-01-17; it was to be sent at 2025-01-17 07:00 UTC."]
    assert next_day == []
    database.close()


@pytest.mark.parametrize("send_at", ["9999-12-31 23:59", "0001-01-01 00:00 local", "2025-02-30 07:00"])
def test_an_issue_with_a_time_that_is_none_keeps_no_other_campaign_waiting(tmp_path: Path, send_at: str) -> None:
    publication, database = daily(tmp_path)
    with_time(publication, send_at)
    other = scheduled(database, "other", SEVEN)

    told = once(publication, database, SEVEN)

    assert f'send_at: "{send_at}" is not a time' in told.problems[0]
    assert "2025-01-17-hello.md:4:" in told.problems[0]
    assert state(database, other) == (CampaignState.SENT, {"accepted": 2})
    database.close()


def test_a_mistake_of_the_program_with_today_s_issue_keeps_no_other_campaign_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publication, database = daily(tmp_path)
    other = scheduled(database, "other", SEVEN)
    monkeypatch.setattr("newsletter.publishing.plan.build_issue", lambda *_: 1 // 0)

    told = once(publication, database, SEVEN)

    assert told.problems == [
        "2025-01-17-hello.md cannot be sent. ZeroDivisionError: integer division or modulo by zero"
    ]
    assert "Traceback" in caplog.text
    assert "@" not in caplog.text
    assert state(database, other) == (CampaignState.SENT, {"accepted": 2})
    database.close()


WARMUP = '[send]\nprovider = "postmark"\nwarmup = "100, x2 daily"\n' + POSTMARK.partition("\n")[2].partition("\n")[2]


def test_once_ends_when_a_quota_is_used_up_and_says_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    with Postmark() as server:
        publication = settings(tmp_path / "warm", WARMUP.format(url=server.url))
        database = open_database(publication)
        add_readers(database, 250)
        scheduled(database, "warm", NOW, provider="postmark")

        first, again = (once(publication, database, NOW + hours * HOUR) for hours in (0, 1))

        assert state(database, 1) == (CampaignState.SENDING, {"accepted": 100, "queued": 150})
        used_up = (
            "100 today, by the warm-up plan: that is used up; the first `newsletter run` after 2025-01-18 00:00 UTC"
        )
        assert first.said == again.said == [f"{used_up} goes on."]
        assert [ending.goes_on for ending in first.results] == [datetime(2025, 1, 18, tzinfo=UTC)]
        log = RunnerLog(UTC)
        log.ended(first.results[0])
        assert log.exit_code == 0
        with database.read() as connection:  # nothing is in a hand that has let go
            assert {*connection.execute(select(batch.c.state)).scalars()} == {"settled", "queued"}
            assert connection.execute(select(func.sum(rate_spent.c.messages))).scalar_one() == 100
        once(publication, database, NOW + 12 * HOUR)
        assert state(database, 1) == (CampaignState.SENT, {"accepted": 250})
        assert len({*server.addresses}) == len(server.addresses) == 250
        database.close()


@pytest.mark.slow
def test_once_waits_for_a_quota_that_has_room_again_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    with Postmark() as server:
        more = WARMUP.format(url=server.url).replace('warmup = "100, x2 daily"', 'rate = "1000/s, 20/s"')
        publication = settings(tmp_path / "soon", more)
        database = open_database(publication)
        add_readers(database, 50)
        scheduled(database, "soon", datetime.now(UTC), provider="postmark")
        told = RecordingListener()

        Runner(publication, database, told).run(once=True)

        assert state(database, 1) == (CampaignState.SENT, {"accepted": 50})
        assert [ending.goes_on for ending in told.results] == [None]
        database.close()


@pytest.mark.slow
def test_a_service_waits_for_a_quota_that_is_used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    with Postmark() as server:
        publication = settings(tmp_path / "service", WARMUP.format(url=server.url))
        database = open_database(publication)
        add_readers(database, 250)
        scheduled(database, "service", NOW, provider="postmark")
        told, times = RecordingListener(), [NOW]
        runner = Runner(publication, database, told, lambda: times[0])
        thread = threading.Thread(target=runner.run)
        thread.start()

        wait_until(lambda: "100 today, by the warm-up plan: that is used up; it goes on by itself." in told.said)
        wait_until(lambda: state(database, 1)[1].get("accepted") == 100)
        assert told.results == []
        times[0] = NOW + 12 * HOUR
        wait_until(lambda: bool(told.results))
        runner.stop()
        thread.join()

        assert state(database, 1) == (CampaignState.SENT, {"accepted": 250})
        assert len({*server.addresses}) == len(server.addresses) == 250
        database.close()


def test_after_a_pause_no_call_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    with Postmark() as server:
        server.answers.clear()
        publication = settings(tmp_path / "paused", POSTMARK.format(url=server.url))
        database = open_database(publication)
        add_readers(database, 20_000)
        scheduled(database, "long", NOW, provider="postmark")
        told = RecordingListener()
        runner = Runner(publication, database, told, lambda: NOW)
        thread = threading.Thread(target=runner.run)
        thread.start()
        server.wait_for_calls(THREADS)
        wait_until(lambda: is_enqueued(database, 1))

        with database.begin() as connection:
            change_state(connection, 1, "pause", now=NOW, reason="asked")
            begun = select(func.count()).where(batch.c.first_handed_at.is_not(None))
            calls = connection.execute(begun).scalar_one()
        server.answers.set()
        wait_until(lambda: len(told.results) == 1)
        runner.stop()
        thread.join()

        assert len(server.calls) == calls
        assert state(database, 1) == (CampaignState.PAUSED, {"accepted": calls * 500, "queued": 20_000 - calls * 500})
        database.close()


@pytest.mark.parametrize(("daily_at", "now", "day"), [("00:30", 23.5, 18), ("23:30", 24.25, 17)])
def test_around_midnight_the_day_that_counts_is_that_of_the_issue(
    tmp_path: Path, daily_at: str, now: float, day: int
) -> None:
    publication = settings(tmp_path / "daily", DAILY.replace("07:00", daily_at))
    database = open_database(publication)

    told = once(publication, database, datetime(2025, 1, 17, tzinfo=UTC) + now * HOUR)

    assert told.problems == [
        f"There is no issue dated 2025-01-{day}; it would be sent at 2025-01-{day} {daily_at} UTC."
    ]
    database.close()


def test_yesterday_is_over_when_it_is_time_for_today(tmp_path: Path) -> None:
    publication = settings(tmp_path / "daily", DAILY + '[send]\nmax_lateness = "2d"\n')
    database = open_database(publication)

    yesterday, today = (once(publication, database, SEVEN - hours * HOUR).problems for hours in (2, 0.5))

    assert [trouble.split("; ")[0] for trouble in yesterday + today] == [
        "There is no issue dated 2025-01-16",
        "There is no issue dated 2025-01-17",
    ]
    database.close()


def test_a_notice_that_takes_long_keeps_no_issue_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    with Postmark() as server:
        server.answers.clear()
        publication = settings(tmp_path / "daily", DAILY + POSTMARK.format(url=server.url))
        database = open_database(publication)
        add_readers(database, 1)
        scheduled(database, "due", SEVEN - HOUR / 2, provider="postmark")
        thread = threading.Thread(target=once, args=(publication, database, SEVEN - HOUR / 2))
        thread.start()
        server.wait_for_calls(2)  # neither of them is answered yet
        server.answers.set()
        thread.join()
        assert sorted(server.addresses) == ["news@example.com", "r1@example.com"]
        assert state(database, 1) == (CampaignState.SENT, {"accepted": 1})
        database.close()
