"""Fault points between us and a provider's API, for each kind of provider: with keys, with a search, substituting."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Cursor

import pytest
from sqlalchemy import event, update

from newsletter import deliveries, handover, retries
from newsletter.campaigns import State
from newsletter.clock import utc_now
from newsletter.errors import NewsletterError
from newsletter.providers.record import Outcome, Request
from newsletter.providers.transport import TransportError, exchange
from newsletter.sender import THREADS, Sender, job_of
from newsletter.tables import subscriber, subscription
from tests.faults.case import ENVIRONMENT, Case
from tests.provider_server import SERVERS, Mailgun, Postmark, ProviderServer, Resend
from tests.sending import Quiet

EVERYONE = {"accepted": 100}
DOUBTFUL = {"accepted": 50, "unknown": 50}


@pytest.fixture(params=[*SERVERS])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with SERVERS[request.param]() as found:
        yield found


@pytest.fixture
def case(server: ProviderServer, tmp_path: Path) -> Iterator[Case]:
    found = Case(tmp_path, server.toml, server.dialect)
    yield found
    found.database.close()


def in_the_end(server: ProviderServer) -> dict[str, int]:
    """What becomes of one batch of two whose answer got lost: the same call tells, or nobody."""
    return EVERYONE if isinstance(server, Resend) else DOUBTFUL


def test_f01_killed_before_anything_was_claimed_everyone_gets_it(case: Case, server: ProviderServer) -> None:
    assert case.send().deliveries["accepted"] == 100
    case.check(server)


def test_f02_killed_after_a_claim_the_batch_is_sent_as_if_nothing_was(case: Case, server: ProviderServer) -> None:
    with case.database.begin() as connection:
        deliveries.claim(connection, 1, owner="dead", now=utc_now())

    case.send()

    assert case.counts() == EVERYONE
    case.check(server)


def handed_over(case: Case, *, call: bool) -> None:
    """A sender that dies after it wrote `handed`, before or after the call."""
    sender = Sender(job_of(case.publication, case.database, case.campaign), Quiet())
    with case.database.begin() as connection:
        taken = sender._take(connection)
    assert taken
    held, roll = taken
    parts = handover.prepare(sender._job.provider, sender._batch(held, roll), sender._job.settings)
    with case.database.begin() as connection:
        name = sender._job.provider.name
        deliveries.hand(connection, held, provider=name, now=utc_now(), payload_hash=handover.payload_hash(parts))
    if call:
        handover.hand_over(parts)


@pytest.mark.parametrize("call", [False, True], ids=["before the call", "after the answer"])
def test_f03_f11_killed_around_the_call_nobody_gets_it_twice(case: Case, server: ProviderServer, call: bool) -> None:
    handed_over(case, call=call)

    case.send()

    assert case.counts() == in_the_end(server)
    case.check(server)


def test_f04_nobody_answering_is_busy_and_nothing_is_unknown(server: ProviderServer, tmp_path: Path) -> None:
    toml = server.toml.replace(server.url, "http://127.0.0.1:1").replace('patience = "3s"', 'patience = "0s"')
    case = Case(tmp_path, toml, server.dialect)

    case.send()

    assert (case.campaign.state, case.counts()) == (State.PAUSED, {"queued": 100})
    assert "no connection" in case.campaign.reason
    case.database.close()


LOST = ["half a request", "dropped", "cut", "a page", "502", "504", "not accepted: dropped", "not accepted: 500"]


@pytest.mark.parametrize("fault", LOST)
def test_f05_f06_f07_f08_f10_an_answer_that_got_lost_sends_nobody_two(
    case: Case, server: ProviderServer, fault: str
) -> None:
    server.faults = [fault]

    case.send()

    assert case.counts() == in_the_end(server)
    assert case.campaign.state is State.SENT
    case.check(server)


def test_f09_an_answer_that_comes_too_late_is_unknown_and_one_in_time_is_not() -> None:
    with Mailgun() as server:
        request = Request(method="POST", url=server.url, headers={"Authorization": ""}, body=b"x")
        in_time = exchange(request)
        server.answers.clear()
        with pytest.raises(TransportError) as late:
            exchange(request, read=0.2)

    assert in_time.status == 401
    assert late.value.outcome is Outcome.UNKNOWN


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


def test_f16_a_busy_provider_is_tried_again_until_everyone_has_it(case: Case, server: ProviderServer) -> None:
    server.faults = ["not accepted: busy", "not accepted: busy"]

    case.send()

    assert case.counts() == EVERYONE
    case.check(server)


def test_f17_f18_one_bad_address_in_a_batch_costs_nobody_else_the_message(case: Case, server: ProviderServer) -> None:
    server.bad = {"r7@example.com", "r90@example.com"}

    case.send()

    assert case.counts() == {"accepted": 98, "rejected": 2}
    assert {id for id, state in case.states().items() if state == "rejected"} == {"1.7", "1.90"}
    case.check(server)


def test_f18_an_answer_lost_between_the_halves_leaves_no_double(case: Case, server: ProviderServer) -> None:
    server.bad = {"r7@example.com"}
    server.faults = ["", "", "", "dropped", "", "dropped"]

    case.send()

    case.check(server)
    assert case.counts().get("queued", 0) == 0


def test_f20_who_leaves_before_their_batch_does_is_skipped(case: Case, server: ProviderServer) -> None:
    with case.database.begin() as connection:
        gone = update(subscription).where(subscription.c.subscriber_id.in_([3, 70])).values(status="unsubscribed")
        connection.execute(gone)

    case.send()

    assert case.counts() == {"accepted": 98, "skipped": 2}
    case.check(server)


def test_f21_a_wrong_key_stops_everything_and_nobody_is_unknown(
    case: Case, server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "wrong")

    case.send()

    assert (case.campaign.state, case.counts(), server.accepted) == (State.PAUSED, {"queued": 100}, [])
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    case.move("resume")
    case.send()
    assert case.counts() == EVERYONE
    case.check(server)


def test_f26_a_kept_connection_that_the_server_closed_is_opened_again(case: Case, server: ProviderServer) -> None:
    server.faults = ["then away"] * 2

    case.send()

    assert case.counts() == EVERYONE
    case.check(server)


def test_f21_after_the_first_stop_no_batch_is_handed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with Resend() as server:
        server.quota = 100
        case = Case(tmp_path, server.toml, "resend", readers=1000, size=20)
        case.send()

        assert case.campaign.state is State.PAUSED
        assert case.counts() == {"accepted": 100, "queued": 900}
        assert 5 < len(server.calls) <= 5 + THREADS
        case.check(server)
        case.database.close()


@pytest.mark.parametrize("seed", range(3))
def test_any_row_of_faults_leaves_nobody_twice_or_out(server: ProviderServer, tmp_path: Path, seed: int) -> None:
    randomly = random.Random(seed)
    server.bad = {f"r{number}@example.com" for number in randomly.sample(range(1, 201), 3)}
    # Where the call is made again the wait doubles with every fault in a row: few of those.
    server.faults = randomly.choices([*LOST, "then away", *[""] * 20], k=10 if isinstance(server, Resend) else 30)
    case = Case(tmp_path, server.toml.replace('"3s"', '"1m"'), server.dialect, readers=200, size=10)

    case.send()

    assert case.campaign.state is State.SENT
    assert {id for id, state in case.states().items() if state == "rejected"} <= {
        f"1.{address[1:].partition('@')[0]}" for address in server.bad
    }
    assert case.counts().keys() <= {"accepted", "rejected", *([] if isinstance(server, Resend) else ["unknown"])}
    case.check(server)
    case.database.close()


@pytest.mark.parametrize(("policy", "calls"), [("resend", [50, 50]), ("assume-sent", [50])])
def test_what_a_dead_sender_left_follows_the_policy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: str, calls: list[int]
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with Postmark() as server:
        toml = server.toml.replace("[send]\n", f'[send]\non_unknown = "{policy}"\n')
        case = Case(tmp_path, toml, "postmark")
        handed_over(case, call=False)

        case.send()

        assert (case.counts(), server.calls) == (EVERYONE, calls)
        assert server.most_often == 1
        case.database.close()


@pytest.fixture
def resend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Case, Resend]]:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with Resend() as server:
        case = Case(tmp_path, server.toml, "resend")
        yield case, server
        case.database.close()


def test_f15_a_key_that_the_provider_may_have_forgotten_is_not_used(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    handed_over(case, call=True)

    case.send(lambda: utc_now() + timedelta(hours=20))

    assert case.counts() == DOUBTFUL
    case.check(server)


def test_f15_a_clock_that_went_back_changes_nothing(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    handed_over(case, call=True)

    case.send(lambda: utc_now() - timedelta(hours=1))

    assert case.counts() == EVERYONE
    case.check(server)


def test_f23_what_is_not_what_was_sent_under_its_key_does_not_leave(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    handed_over(case, call=True)
    with case.database.begin() as connection:
        connection.execute(update(subscriber).where(subscriber.c.id == 5).values(first_name="Another"))

    case.send()

    assert case.counts() == DOUBTFUL
    assert server.calls == [50, 50]
    case.check(server)


def test_f23_a_busy_provider_does_not_make_a_doubtful_batch_a_new_one(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    server.faults = ["dropped", "not accepted: busy"]

    case.send()

    assert case.counts() == EVERYONE
    assert len(server.keys) == 2
    case.check(server)


def test_a_cancelled_campaign_makes_no_call_to_ask(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    server.faults = ["dropped"] * 2 + ["not accepted: busy"] * 20
    case.send()
    case.move("cancel")
    with case.database.begin() as connection:
        deliveries.cancel(connection, 1, utc_now())

    findings = case.ask()

    assert {one.remark for one in findings} == {"Resend is asked by a call, and a cancelled campaign makes none"}
    assert case.counts() == {"unknown": 100}
    case.check(server)


def test_f23_what_is_in_doubt_when_patience_ends_is_not_called_queued(resend: tuple[Case, Resend]) -> None:
    case, server = resend
    server.faults = ["dropped"] * 2 + ["not accepted: busy"] * 20

    case.send()

    assert (case.campaign.state, case.counts()) == (State.PAUSED, {"handed": 100})
    server.faults = []
    case.move("resume")
    case.send()
    assert case.counts() == EVERYONE
    case.check(server)


@pytest.fixture(params=[Postmark, Mailgun])
def searchable(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[Case, ProviderServer]]:
    """One batch is unknown, of which the provider has taken all or nothing."""
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with request.param() as server:
        case = Case(tmp_path, server.toml, server.dialect)
        yield case, server
        case.database.close()


def later() -> datetime:
    return utc_now() + timedelta(hours=1)


def test_f22_a_search_that_shows_the_messages_ends_the_doubt(searchable: tuple[Case, ProviderServer]) -> None:
    case, server = searchable
    server.faults = ["dropped"]
    case.send()

    case.ask()

    assert case.counts() == EVERYONE
    case.check(server)


def test_f22_absence_counts_when_the_search_shows_what_was_sent_later(searchable: tuple[Case, ProviderServer]) -> None:
    case, server = searchable
    server.faults = ["not accepted: dropped"]
    case.send()

    (early,) = case.ask()
    (late,) = case.ask(later())

    assert "may lag" in early.remark
    assert len(late.unsent) == 50
    assert case.counts() == {"accepted": 50, "rejected": 50}
    with case.database.begin() as connection:
        assert retries.retryable(connection, 1) == 50
    case.check(server)


@pytest.mark.parametrize("fault", ["dropped", "not accepted: dropped"])
def test_f22_a_search_that_is_down_or_lags_changes_nothing(searchable: tuple[Case, ProviderServer], fault: str) -> None:
    case, server = searchable
    server.faults = [fault]
    case.send()

    server.down = True
    assert "did not answer" in case.ask(later())[0].remark
    server.down = False
    server.hidden = {id for _, id, _ in server.accepted}
    assert "does not show this campaign yet" in case.ask(later())[0].remark

    assert case.counts() == DOUBTFUL
    case.check(server)


def test_f22_another_campaign_s_message_to_the_same_address_is_not_ours(
    searchable: tuple[Case, ProviderServer],
) -> None:
    case, server = searchable
    server.faults = ["not accepted: dropped"]
    case.send()
    tag = f"{case.campaign.key}-1"
    server.accepted += [(f"r{number}@example.com", f"9.{number}", tag) for number in range(1, 101)]

    case.ask()

    assert case.counts() == DOUBTFUL
