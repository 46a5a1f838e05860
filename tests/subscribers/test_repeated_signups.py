"""A form that is sent twice within a minute is answered by one mail, and nothing that its sender wished is lost."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import signup, transactional_message
from newsletter.subscribers import consent
from newsletter.subscribers.double_opt_in import Confirmations, SignupStep
from newsletter.subscribers.rate_limits import SignupLimits
from newsletter.subscribers.signups import SignupAnswer, SignupRequest, Signups
from newsletter.subscribers.subscriber import set_status
from newsletter.subscribers.writes import Status
from tests.subscribers.test_signups import NOW, accept, confirm, form

pytestmark = pytest.mark.usefixtures("each_database")

SECOND = timedelta(seconds=1)


@pytest.fixture
def confirmations(publication: PublicationSettings) -> Confirmations:
    return Confirmations(publication, SignupLimits(b"key"))


def queued(db: Database) -> list[tuple[str, str]]:
    """The kind of each mail that is not left out as a repeat, and when it is due."""
    table = transactional_message
    mails = select(table).where(table.c.detail != "the form was sent twice").order_by(table.c.id)
    with db.read() as connection:
        return [(row.kind, row.due_at) for row in connection.execute(mails)]


def asked(db: Database) -> list[tuple[str, str]]:
    """The lists and the name of each sign-up that is recorded."""
    with db.read() as connection:
        mails = select(transactional_message.c.signup_id).where(transactional_message.c.state != "skipped")
        rows = connection.execute(select(signup).where(signup.c.id.in_(mails)).order_by(signup.c.id))
        return [(row.lists, row.name) for row in rows]


def weekly(request: SignupRequest) -> SignupRequest:
    return replace(request, lists=("weekly",))


def test_a_double_click_sends_one_confirmation(db: Database, signups: Signups) -> None:
    answers = accept(db, signups, form(), form("ADA@example.com"))
    answers += accept(db, signups, form(at=NOW + 50 * SECOND))

    assert answers == [SignupAnswer.ACCEPTED] * 3
    assert [kind for kind, _ in queued(db)] == ["confirmation"]


def test_whoever_asks_again_after_a_minute_gets_another_confirmation(db: Database, signups: Signups) -> None:
    accept(db, signups, form())
    accept(db, signups, form(at=NOW + 61 * SECOND))

    assert len(queued(db)) == 2


def test_repeats_do_not_use_up_the_limit_of_the_address(db: Database, signups: Signups) -> None:
    for seconds in range(10):
        accept(db, signups, form(at=NOW + seconds * SECOND))
    for hours in (1, 2, 3):
        accept(db, signups, form(at=NOW + timedelta(hours=hours)))

    assert len(queued(db)) == 3


def test_another_list_within_the_minute_gets_a_mail_of_its_own(db: Database, signups: Signups) -> None:
    accept(db, signups, form(), weekly(form()))
    accept(db, signups, replace(form(at=NOW + SECOND), lists=("daily", "weekly")))

    assert [lists for lists, _ in asked(db)] == ['["daily"]', '["weekly"]']
    assert len(queued(db)) == 2


@pytest.mark.parametrize("together", [True, False])
def test_the_name_of_the_second_form_counts_when_it_comes_from_the_same_place(
    db: Database, signups: Signups, together: bool
) -> None:
    first, second = form(name="Adq"), form(name="Ada", at=NOW + SECOND)
    for requests in [[first, second]] if together else [[first], [second]]:
        accept(db, signups, *requests)

    assert asked(db) == [('["daily"]', "Ada")]


def test_a_stranger_who_asks_at_the_same_time_gives_the_reader_no_name(db: Database, signups: Signups) -> None:
    accept(db, signups, form(name="Ada"))
    accept(db, signups, form(name="Mallory", network="198.51.100.7"))

    assert asked(db) == [('["daily"]', "Ada"), ('["daily"]', "Mallory")]


def test_a_clock_that_was_set_back_keeps_nobody_from_asking(db: Database, signups: Signups) -> None:
    accept(db, signups, form(at=NOW + timedelta(hours=1)))
    accept(db, signups, form())

    assert len(queued(db)) == 2


@pytest.mark.parametrize("state", ["unknown", "rejected", "skipped"])
def test_a_mail_that_did_not_arrive_answers_nobody(db: Database, signups: Signups, state: str) -> None:
    accept(db, signups, form())
    with db.begin() as connection:
        connection.execute(update(transactional_message).values(state=state))

    accept(db, signups, form(at=NOW + SECOND))

    assert len(queued(db)) == 2


def test_who_leaves_and_joins_within_the_minute_gets_a_link_that_works(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())
    with db.begin() as connection:
        source = consent.record_source(connection, "link", {}, NOW + SECOND)
        set_status(connection, 1, {"daily": Status.UNSUBSCRIBED}, source, NOW + SECOND)

    accept(db, signups, form(at=NOW + 2 * SECOND))

    assert len(asked(db)) == 2


def test_who_has_joined_already_is_told_so_once(db: Database, signups: Signups, confirmations: Confirmations) -> None:
    accept(db, signups, form())
    confirm(db, confirmations)

    accept(db, signups, form(at=NOW + SECOND), form(at=NOW + SECOND))

    assert [kind for kind, _ in queued(db)].count("already") == 1


def test_a_late_link_pressed_twice_sends_one_more_confirmation(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())
    later = NOW + timedelta(days=8)

    steps = [confirm(db, confirmations, at=later).step for _ in range(2)]

    assert steps == [SignupStep.SENT_AGAIN] * 2
    assert len(queued(db)) == 2


def test_two_servers_of_one_database_send_one_confirmation(publication: PublicationSettings, db: Database) -> None:
    barrier = threading.Barrier(4)

    def ask() -> None:
        database = open_database(publication)
        barrier.wait()
        accept(database, Signups(publication, SignupLimits(b"key")), form())
        database.close()

    servers = [threading.Thread(target=ask) for _ in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()

    assert len(queued(db)) == 1
