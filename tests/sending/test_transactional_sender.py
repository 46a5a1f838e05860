"""Single messages leave once, busy ones again, and those that a dead process had handed over never."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import rate_bucket, transactional_message
from newsletter.errors import NewsletterError
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Settings
from newsletter.providers.outbox import OUTBOX
from newsletter.publishing.signup_emails import SignupEmails, compile_signup_emails
from newsletter.sending import transactional_sender
from newsletter.sending.transactional_sender import TransactionalSender
from newsletter.subscribers import consent, suppressions, transactional_queue
from newsletter.subscribers.double_opt_in import ConfirmationRequest, Confirmations
from newsletter.subscribers.rate_limits import SignupLimits
from newsletter.subscribers.signups import ShownForm, SignupRequest, Signups
from newsletter.subscribers.subscriber import set_status
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.writes import Status
from tests.subscribers.test_signups import NOW, SHOWN
from tests.support.mail_server import Script

pytestmark = pytest.mark.usefixtures("each_database")

Send = Callable[[Batch, Settings], Answer]
WELCOMES = {
    "welcome": 'subject: "Welcome, {{ first_name | default("friend") }}"\nkind: welcome',
    "second": "subject: Two days later\nkind: welcome\nafter: 2d",
}


@pytest.fixture
def publication(publication_folder: Path) -> PublicationSettings:
    (publication_folder / "issues").mkdir()
    for slug, front in WELCOMES.items():
        text = f"---\n{front}\n---\nGood to have you.\n"
        (publication_folder / "issues" / f"2025-01-01-{slug}.md").write_text(text, encoding="utf-8")
    return load_publication(publication_folder / "newsletter.toml")


@pytest.fixture
def greetings(publication: PublicationSettings) -> SignupEmails:
    return compile_signup_emails(publication)


@pytest.fixture
def db(publication: PublicationSettings) -> Iterator[Database]:
    database = open_database(publication)
    yield database
    database.close()


class World:
    """A publication, its readers, a sender, and a clock that stands until it is moved."""

    def __init__(self, publication: PublicationSettings, db: Database, greetings: SignupEmails) -> None:
        self.now = NOW
        self.db = db
        self.folder = publication.root
        self.said: list[str] = []
        self.signups = Signups(publication, SignupLimits(b"key"))
        self.confirmations = Confirmations(publication, SignupLimits(b"key"), greetings.welcomes)
        self.sender = TransactionalSender(publication, db, greetings.messages, self.said.append, clock=lambda: self.now)

    def ask(self, email: str = "ada@example.com", shown: ShownForm = SHOWN) -> None:
        one = SignupRequest(
            email=email, name="Ada", lists=("daily",), shown=shown, page="", network="192.0.2.1", at=self.now
        )
        with self.db.begin() as connection:
            self.signups.accept(connection, [one])

    def confirm(self) -> None:
        with self.db.begin() as connection:
            one = ConfirmationRequest(signup_id=1, subscriber_id=1, network="192.0.2.1", at=self.now)
            self.confirmations.confirm(connection, [one])

    def deliver(self) -> None:
        while self.sender.deliver():
            pass

    @property
    def messages(self) -> list[tuple[str, str, str]]:
        with self.db.read() as connection:
            rows = connection.execute(select(transactional_message).order_by(transactional_message.c.id)).all()
        return [(row.message, row.state, row.detail) for row in rows]

    @property
    def outbox(self) -> list[str]:
        files = sorted(self.folder.glob("outbox/other/*.eml"), key=lambda file: int(file.name.split("-")[1]))
        return [file.read_text(encoding="utf-8") for file in files]


@pytest.fixture
def world(publication: PublicationSettings, db: Database, greetings: SignupEmails) -> World:
    return World(publication, db, greetings)


def provider(send: Send, monkeypatch: pytest.MonkeyPatch, name: str = "outbox") -> None:
    """Let messages go through a provider that answers as told."""
    told = Provider(name=name, title="Told", settings=OUTBOX.settings, batch_size=10, send=send)
    monkeypatch.setattr(transactional_sender, "find_provider", lambda _publication, _name="": told)


def test_a_confirmation_goes_out_in_its_language_with_a_link_of_its_own(world: World) -> None:
    world.ask()
    world.deliver()

    (mail,) = world.outbox

    assert world.messages == [("confirmation", "accepted", "")]
    assert "Content-Language: de" in mail
    assert "https://news.example.com/confirm/" in mail.replace("=\n", "")


def test_welcomes_come_in_their_time_and_stop_when_the_reader_leaves(world: World) -> None:
    world.ask()
    world.deliver()
    world.confirm()
    world.deliver()
    with world.db.begin() as connection:
        source = consent.record_source(connection, "link", {}, world.now)
        set_status(connection, 1, {"daily": Status.UNSUBSCRIBED}, source, world.now)
    world.now += timedelta(days=3)
    world.deliver()

    assert world.messages[1:] == [("welcome", "accepted", ""), ("second", "skipped", "unsubscribed")]
    assert "Subject: Welcome, Ada" in world.outbox[1]


def test_whoever_is_suppressed_meanwhile_is_not_mailed(world: World) -> None:
    world.ask()
    with world.db.begin() as connection:
        suppressions.suppress(connection, "ada@example.com", Reason.BOUNCED, "", NOW)

    world.deliver()

    assert world.messages == [("confirmation", "skipped", "suppressed: bounced")]
    assert world.outbox == []


def test_busy_is_tried_again_and_given_up_when_patience_ends(
    publication: PublicationSettings, db: Database, greetings: SignupEmails, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider(lambda batch, _settings: batch.everyone(Outcome.BUSY, "later", retry_after=1), monkeypatch)
    world = World(publication, db, greetings)
    world.ask()
    world.deliver()
    first = world.messages

    for _ in range(5):
        world.now += timedelta(minutes=10)
        world.deliver()

    assert first == [("confirmation", "queued", "later")]
    assert world.messages == [("confirmation", "rejected", "later")]


def test_a_provider_that_stopped_keeps_messages_waiting_however_long(
    publication: PublicationSettings, db: Database, greetings: SignupEmails, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider(lambda batch, _settings: batch.everyone(Outcome.BUSY, "bad key", stop=True), monkeypatch)
    world = World(publication, db, greetings)
    world.ask()

    for _ in range(5):
        world.now += timedelta(minutes=30)
        world.deliver()

    assert world.messages == [("confirmation", "queued", "bad key")]
    assert world.said == ["Told stopped: bad key. Confirmations and welcomes wait."]


@pytest.mark.parametrize(
    ("name", "state", "sent"), [("postmark", "unknown", 1), ("resend", "unknown", 1), ("outbox", "accepted", 2)]
)
def test_what_was_in_the_air_when_the_process_died_is_sent_again_only_into_its_own_place(
    publication: PublicationSettings,
    db: Database,
    greetings: SignupEmails,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    state: str,
    sent: int,
) -> None:
    def die(_batch: Batch, _settings: Settings) -> Answer:
        raise KeyboardInterrupt

    provider(die, monkeypatch, name)
    world = World(publication, db, greetings)
    world.ask()
    with pytest.raises(KeyboardInterrupt):
        world.sender.deliver()
    monkeypatch.undo()

    asked = threading.Event()
    with TransactionalSender(publication, db, greetings.messages, world.said.append, asked):
        world.ask("grace@example.com")
        deadline = time.monotonic() + 60
        while len(world.outbox) < sent and time.monotonic() < deadline:
            asked.wait(0.05)

    assert [became for _, became, _ in world.messages] == [state, "accepted"]
    assert len(world.outbox) == sent


def test_messages_of_many_readers_travel_together(
    publication: PublicationSettings, db: Database, greetings: SignupEmails, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def send(batch: Batch, _settings: Settings) -> Answer:
        sizes.append(len(batch.recipients))
        return batch.everyone(Outcome.ACCEPTED, "")

    provider(send, monkeypatch)
    world = World(publication, db, greetings)
    for number in range(25):
        world.ask(f"reader{number}@example.com")
    world.deliver()

    assert sizes == [10, 10, 5]


def test_a_database_that_is_locked_at_the_start_is_waited_for(
    world: World,
    publication: PublicationSettings,
    db: Database,
    greetings: SignupEmails,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[object] = []

    def locked(*given: object) -> None:
        tries.append(given)
        if len(tries) == 1:
            raise NewsletterError("the database is locked")

    monkeypatch.setattr(transactional_sender, "AGAIN", 0.1)
    monkeypatch.setattr(transactional_queue, "recover", locked)
    world.ask()

    with TransactionalSender(publication, db, greetings.messages, world.said.append):
        deadline = time.monotonic() + 60
        while not world.outbox and time.monotonic() < deadline:
            time.sleep(0.05)

    assert world.said == ["newsletter: error: the database is locked"]
    assert len(world.outbox) == 1


def test_a_mistake_in_the_program_is_logged_with_its_place_and_without_the_reader(
    publication: PublicationSettings,
    db: Database,
    greetings: SignupEmails,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(batch: Batch, _settings: Settings) -> Answer:
        raise ValueError(batch.recipients[0].email)

    provider(fail, monkeypatch)
    monkeypatch.setattr(transactional_sender, "AGAIN", 0.0)
    world = World(publication, db, greetings)
    world.ask()

    assert not world.sender._try(world.sender.deliver)

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("newsletter.sending.transactional_sender", "ERROR")
    assert "ValueError" in record.getMessage()
    assert "in fail" in record.getMessage()
    assert "ada@example.com" not in caplog.text


def test_single_messages_take_their_turn_and_slow_campaigns_down(
    publication: PublicationSettings, db: Database, greetings: SignupEmails, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider(lambda batch, _settings: batch.everyone(Outcome.BUSY, "later", retry_after=1), monkeypatch)
    world = World(publication, db, greetings)
    world.ask()

    world.deliver()

    with db.read() as connection:
        assert connection.execute(select(rate_bucket.c.key, rate_bucket.c.ceiling)).one() == ("outbox", 0.5)


def test_a_confirmation_of_a_list_that_left_newsletter_toml_keeps_nobody_waiting(
    publication: PublicationSettings, db: Database, greetings: SignupEmails
) -> None:
    path = publication.root / "newsletter.toml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + '[lists.weekly]\ntitle = "Weekly"\n', encoding="utf-8")
    world = World(load_publication(path), db, greetings)
    for email, lists in {"ada": ("weekly",), "bob": ("weekly", "daily"), "cy": ("daily",)}.items():
        asked = SignupRequest(
            email=f"{email}@example.com", name="", lists=lists, shown=SHOWN, page="", network="192.0.2.1", at=NOW
        )
        with db.begin() as connection:
            world.signups.accept(connection, [asked])
    path.write_text(before, encoding="utf-8")

    World(load_publication(path), db, greetings).deliver()

    with db.read() as connection:
        states = [*connection.scalars(select(transactional_message.c.state).order_by(transactional_message.c.id))]
    assert states == ["skipped", "accepted", "accepted"]


def test_a_stop_while_a_mail_server_stores_a_confirmation_leaves_only_that_one_unknown(
    publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactional_sender, "DRAIN", 0.5)
    silent = threading.Event()
    with Script({".": lambda delivered: (delivered == 1 and silent.wait(60), None)[1]}) as server:
        toml = publication.root / "newsletter.toml"
        smtp = f'[providers.smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        toml.write_text(toml.read_text(encoding="utf-8") + '[send]\nprovider = "smtp"\n' + smtp, encoding="utf-8")
        news = load_publication(toml)
        db = open_database(news)
        world = World(news, db, compile_signup_emails(news))
        for number in range(5):
            world.ask(f"r{number}@example.com")
        with world.sender:
            while len(server.messages) < 2:
                time.sleep(0.01)
        with db.read() as connection:
            states = sorted(connection.execute(select(transactional_message.c.state)).scalars())
        silent.set()
        db.close()

    assert states == ["accepted", "queued", "queued", "queued", "unknown"]
