"""Sign-ups: requested, confirmed, requested again; and strangers who type somebody else's address."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.database.tables import consent_source, form_use, signup, subscriber, transactional_message
from newsletter.subscribers import consent, suppressions, writes
from newsletter.subscribers.double_opt_in import ConfirmationRequest, Confirmations, Signup, SignupStep
from newsletter.subscribers.rate_limits import SignupLimits
from newsletter.subscribers.signups import ShownForm, SignupAnswer, SignupRequest, Signups, forget_unconfirmed
from newsletter.subscribers.subscriber import (
    Subscriber,
    find_subscriber,
    pause_subscriptions,
    remove_subscriber,
    set_status,
)
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.welcomes import Welcome
from newsletter.subscribers.writes import Status, SubscriberEntry

pytestmark = pytest.mark.usefixtures("each_database")

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOWN = ShownForm(form="1", text="Join our daily newsletter", text_sha256="ab" * 32, language="de")


def form(
    email: str = "ada@example.com",
    *,
    name: str = "",
    network: str = "192.0.2.1",
    at: datetime = NOW,
    lists: tuple[str, ...] = ("daily",),
    language: str = "de",
) -> SignupRequest:
    page, shown = "https://news.example.com/subscribe", replace(SHOWN, language=language)
    return SignupRequest(email=email, name=name, lists=lists, shown=shown, page=page, network=network, at=at)


def accept(db: Database, signups: Signups, *requests: SignupRequest) -> list[SignupAnswer]:
    with db.begin() as connection:
        return signups.accept(connection, requests)


@pytest.fixture
def confirmations(publication: PublicationSettings) -> Confirmations:
    welcome = Welcome(slug="welcome", list="daily", after=timedelta(days=2))
    return Confirmations(publication, SignupLimits(b"key"), [welcome])


def confirm(
    db: Database, confirmations: Confirmations, signup_id: int = 1, reader: int = 1, at: datetime = NOW
) -> Signup:
    with db.begin() as connection:
        press = ConfirmationRequest(signup_id=signup_id, subscriber_id=reader, network="192.0.2.7", at=at)
        return confirmations.confirm(connection, [press])[0]


def find(db: Database, email: str = "ada@example.com") -> Subscriber:
    with db.read() as connection:
        reader = find_subscriber(connection, email)
    assert reader
    return reader


def queued(db: Database) -> list[tuple[str, str]]:
    with db.read() as connection:
        return [
            (row.kind, row.due_at)
            for row in connection.execute(select(transactional_message).order_by(transactional_message.c.id))
        ]


def test_who_asks_is_pending_until_they_confirm(db: Database, signups: Signups, confirmations: Confirmations) -> None:
    accept(db, signups, form(name="Ada Lovelace"))
    before = find(db).lists

    step = confirm(db, confirmations).step

    assert before == {"daily": Status.PENDING}
    assert step is SignupStep.CONFIRMED
    assert find(db).lists == {"daily": Status.ACTIVE}
    assert find(db).fields == {"first_name": "Ada", "last_name": "Lovelace", "language": "de"}


def test_evidence_says_what_was_shown_when_and_from_where(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())
    confirm(db, confirmations, at=NOW + timedelta(hours=1))

    pending, active = find(db).consent

    shown: dict[str, Any] = {**vars(SHOWN), "page": "https://news.example.com/subscribe"}
    assert (pending.source, pending.status, pending.at) == ("form", "pending", "2026-11-23T12:00:00.000Z")
    assert pending.detail == {**shown, "network": "192.0.2.1"}
    assert (active.source, active.status, active.at) == ("form", "active", "2026-11-23T13:00:00.000Z")
    requested = {"asked_at": "2026-11-23T12:00:00.000Z", "asked_from": "192.0.2.1"}
    assert active.detail == {**shown, **requested, "network": "192.0.2.7"}


def test_a_thousand_who_saw_the_same_form_share_its_wording(db: Database, signups: Signups) -> None:
    people = [form(f"reader{n}@example.com", network=f"192.0.{n // 250}.{n % 250}") for n in range(1_000)]

    accept(db, signups, *people[:500])
    accept(db, signups, *people[500:])

    with db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(consent_source)) == 1
        assert connection.scalar(select(func.count()).select_from(signup)) == 1_000


def test_erasing_a_reader_erases_signups_letters_and_evidence(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())

    with db.begin() as connection:
        remove_subscriber(connection, "ada@example.com")

    with db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(signup)) == 0
        assert connection.scalar(select(func.count()).select_from(transactional_message)) == 0
        assert "192.0.2.1" not in str(connection.execute(select(consent_source)).all())
    assert confirm(db, confirmations).step is SignupStep.GONE


def test_a_second_press_changes_nothing(db: Database, signups: Signups, confirmations: Confirmations) -> None:
    accept(db, signups, form())
    confirm(db, confirmations)
    evidence = find(db).consent

    signup = confirm(db, confirmations)

    assert signup.step is SignupStep.CONFIRMED_BEFORE
    assert find(db).consent == evidence


def test_an_old_link_does_not_bring_back_who_left_since(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())
    confirm(db, confirmations)
    with db.begin() as connection:
        source = consent.record_source(connection, "link", {}, NOW)
        set_status(connection, 1, {"daily": Status.UNSUBSCRIBED}, source, NOW)

    confirm(db, confirmations)

    assert find(db).lists == {"daily": Status.UNSUBSCRIBED}


def test_who_left_comes_back_by_asking_and_confirming_and_not_by_asking_alone(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())
    with db.begin() as connection:
        source = consent.record_source(connection, "link", {}, NOW)
        set_status(connection, 1, {"daily": Status.UNSUBSCRIBED}, source, NOW)

    accept(db, signups, form())
    requested = find(db).lists
    confirm(db, confirmations, signup_id=2)

    assert requested == {"daily": Status.UNSUBSCRIBED}
    assert find(db).lists == {"daily": Status.ACTIVE}


def test_a_stranger_cannot_rename_a_reader(db: Database, signups: Signups, confirmations: Confirmations) -> None:
    accept(db, signups, form(name="Ada Lovelace"))
    confirm(db, confirmations)

    accept(db, signups, form(name="Buy Now"))

    assert find(db).fields["first_name"] == "Ada"


def test_who_has_joined_already_is_told_so_by_mail(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())
    confirm(db, confirmations)

    answers = accept(db, signups, form())

    assert answers == [SignupAnswer.ACCEPTED]
    assert [kind for kind, _ in queued(db)] == ["confirmation", "welcome", "already"]


def test_a_link_that_is_too_old_confirms_nothing_and_sends_another(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())
    late = NOW + timedelta(days=8)

    signup = confirm(db, confirmations, at=late)

    assert signup.step is SignupStep.SENT_AGAIN
    assert find(db).lists == {"daily": Status.PENDING}
    assert confirm(db, confirmations, signup_id=2, at=late).step is SignupStep.CONFIRMED


def test_a_welcome_is_due_after_its_time_and_comes_once(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form())
    confirm(db, confirmations)
    with db.begin() as connection:
        source = consent.record_source(connection, "link", {}, NOW)
        set_status(connection, 1, {"daily": Status.UNSUBSCRIBED}, source, NOW)
    accept(db, signups, form())
    confirm(db, confirmations, signup_id=2)

    welcomes = [due for kind, due in queued(db) if kind == "welcome"]

    assert welcomes == ["2026-11-25T12:00:00.000Z"]


def test_one_address_is_sent_three_confirmations_a_day_whoever_asks(db: Database, signups: Signups) -> None:
    later = [NOW + timedelta(minutes=2 * n) for n in range(10)]
    answers = [accept(db, signups, form(network=f"192.0.2.{n}", at=at))[0] for n, at in enumerate(later)]

    assert answers == [SignupAnswer.ACCEPTED] * 10
    assert len(queued(db)) == 3


def test_one_network_asks_thirty_times_an_hour_and_then_again(db: Database, signups: Signups) -> None:
    first = accept(db, signups, *(form(f"r{n}@example.com") for n in range(40)))
    later = accept(db, signups, form("late@example.com", at=NOW + timedelta(hours=2)))

    assert first == [SignupAnswer.ACCEPTED] * 30 + [SignupAnswer.TOO_MANY] * 10
    assert later == [SignupAnswer.ACCEPTED]


def test_limits_keep_no_address(db: Database, signups: Signups) -> None:
    accept(db, signups, form())

    with db.read() as connection:
        kept = str(connection.execute(select(form_use)).all())
    assert "ada" not in kept
    assert "192.0.2" not in kept


@pytest.mark.parametrize("reason", [Reason.BOUNCED, Reason.COMPLAINED, Reason.BY_HAND])
def test_an_address_that_must_not_be_mailed_is_not_and_nobody_learns_it(
    db: Database, signups: Signups, reason: Reason
) -> None:
    with db.begin() as connection:
        suppressions.suppress(connection, "ada@example.com", reason, "", NOW)

    assert accept(db, signups, form()) == [SignupAnswer.ACCEPTED]
    assert queued(db) == []


def test_who_asked_to_be_forgotten_may_join_again(db: Database, signups: Signups, confirmations: Confirmations) -> None:
    with db.begin() as connection:
        suppressions.suppress(connection, "ada@example.com", Reason.ERASED, "", NOW)

    accept(db, signups, form())
    confirm(db, confirmations)

    assert find(db).lists == {"daily": Status.ACTIVE}
    with db.read() as connection:
        assert not suppressions.suppressed(connection, ["ada@example.com"])


def test_who_never_confirmed_is_not_kept(
    db: Database, signups: Signups, confirmations: Confirmations, publication: PublicationSettings
) -> None:
    accept(db, signups, form("never@example.com"))
    accept(db, signups, form("joined@example.com"))
    confirm(db, confirmations, signup_id=2, reader=2)
    accept(db, signups, form("lately@example.com", at=NOW + timedelta(days=20)))
    with db.begin() as connection:
        source = consent.record_source(connection, "import", {}, NOW)
        writes.enter(
            connection, [SubscriberEntry(email="imported@example.com", statuses=(("daily", "pending"),))], source, NOW
        )
    accept(db, signups, form("imported@example.com"))

    with db.begin() as connection:
        early = forget_unconfirmed(connection, publication, NOW + timedelta(days=36))
        late = forget_unconfirmed(connection, publication, NOW + timedelta(days=38))

    with db.read() as connection:
        left = set(connection.scalars(select(subscriber.c.email)))
    assert (early, late) == (0, 1)
    assert left == {"joined@example.com", "lately@example.com", "imported@example.com"}


def test_a_name_that_a_stranger_typed_does_not_stay_when_the_owner_confirms(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form(name="Some Stranger", language="de"))
    accept(db, signups, form(name="", language="fr"))
    before = find(db).fields

    confirm(db, confirmations, signup_id=2)

    assert before == {}
    assert find(db).fields == {"language": "fr"}


def test_an_empty_name_replaces_one_that_another_form_brought(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form(name="Some Stranger"), form(name=""))

    confirm(db, confirmations, signup_id=1)
    confirm(db, confirmations, signup_id=2)

    assert "first_name" not in find(db).fields


def test_a_shorter_name_leaves_nothing_of_the_one_before(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form(name="Some Stranger"), form(name="Ada"))

    confirm(db, confirmations, signup_id=1)
    confirm(db, confirmations, signup_id=2)

    assert find(db).fields["first_name"] == "Ada"
    assert "last_name" not in find(db).fields


def test_a_name_from_an_import_stays_when_a_form_names_none(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    with db.begin() as connection:
        source = consent.record_source(connection, "import", {}, NOW)
        entry = SubscriberEntry("ada@example.com", (("weekly", "active"),), {"first_name": "Ada"})
        writes.enter(connection, [entry], source, NOW)
    accept(db, signups, form(name="Some Stranger"), form(name=""))

    confirm(db, confirmations, signup_id=2)

    assert find(db).fields["first_name"] == "Ada"


def test_lists_that_a_stranger_asked_for_are_not_joined_by_the_owner_s_confirmation(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form(lists=("daily", "weekly")), form(lists=("daily",)))

    confirm(db, confirmations, signup_id=2)

    assert find(db).lists == {"daily": Status.ACTIVE, "weekly": Status.PENDING}


def test_readers_are_told_in_their_own_language_that_they_have_joined(
    db: Database, signups: Signups, confirmations: Confirmations
) -> None:
    accept(db, signups, form(language="fr"))
    confirm(db, confirmations)

    accept(db, signups, form(language="de"))

    with db.read() as connection:
        spoken = select(transactional_message.c.language).where(transactional_message.c.kind == "already")
        assert connection.scalars(spoken).all() == ["fr"]


@pytest.mark.parametrize("left", ["pause", "provider"])
def test_whoever_takes_a_break_or_left_at_the_provider_is_asked_to_confirm_again(
    db: Database, signups: Signups, confirmations: Confirmations, left: str
) -> None:
    accept(db, signups, form())
    confirm(db, confirmations)
    with db.begin() as connection:
        if left == "pause":
            pause_subscriptions(connection, {(1, "daily"): "2026-12-24T00:00:00.000Z"})
        else:
            suppressions.suppress(connection, "ada@example.com", Reason.UNSUBSCRIBED, "", NOW)
    later = NOW + timedelta(hours=1)

    accept(db, signups, form(at=later))
    step = confirm(db, confirmations, signup_id=2, at=later).step

    assert [kind for kind, _due in queued(db)].count("confirmation") == 2
    assert step is SignupStep.CONFIRMED
    assert find(db).paused(later) == {}
    with db.read() as connection:
        assert suppressions.suppressed(connection, ["ada@example.com"]) == {}
