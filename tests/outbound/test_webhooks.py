"""Outbound webhooks: other programs are told what happened, signed, in order, and again when they did not answer."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import Popen

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook

from newsletter.campaigns.campaign import change_state
from newsletter.cli.main import cli
from newsletter.config import EventKind, PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.program_tables import outbound_message
from newsletter.errors import ConfigError
from newsletter.network import NetworkAccess
from newsletter.outbound import queue
from newsletter.outbound.queue import Happening
from newsletter.outbound.sender import WebhookSender
from newsletter.outbound.signature import signing_key
from newsletter.subscribers import suppressions
from newsletter.subscribers.consent import record_source
from newsletter.subscribers.erasure import ErasureRequest, forget
from newsletter.subscribers.subscriber import set_status
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.writes import Status
from tests.support.sending import add_readers, settings, start_campaign

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
NOW = datetime(2025, 1, 17, 12, tzinfo=UTC)
LOOPBACK = NetworkAccess(private=True)


class Receiver:
    """A server that keeps what it is sent, and answers with the next of `answers`, at last with 200."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.accepted: list[bytes] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.refused: set[str] = set()
        """The addresses for which it answers 500."""
        self.delay = 0.0
        """Seconds before each answer."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers.items()), body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                if json.loads(body)["data"].get("email") in receiver.refused:
                    status = 500
                time.sleep(receiver.delay)
                if status == 200:
                    receiver.accepted.append(body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Print nothing."""

        return Handler

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/told"

    def has(self, number: int) -> bool:
        return len(self.accepted) >= number

    @property
    def emails(self) -> set[str]:
        return {json.loads(body)["data"]["email"] for body in self.accepted}

    @property
    def told(self) -> list[tuple[str, object]]:
        """The kind of each message, and the first fact in it."""
        bodies = [json.loads(body) for _, body in self.requests]
        return [(body["type"], next(iter(body["data"].values()))) for body in bodies]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    receiver = Receiver()
    receiver.thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    receiver.thread.join()


@pytest.fixture
def publication(receiver: Receiver, tmp_path: Path) -> PublicationSettings:
    return with_webhook(tmp_path, receiver.url)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    database = open_database(publication)
    yield database
    database.close()


def with_webhook(folder: Path, url: str, more: str = "") -> PublicationSettings:
    return settings(folder, f'[[webhooks]]\nurl = "{url}"\nsecret = "env:HOOK_SECRET"\n{more}')


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def deliver(publication: PublicationSettings, database: Database, until: Callable[[], object]) -> list[str]:
    said: list[str] = []
    with WebhookSender(publication, database, said.append, network=LOOPBACK):
        wait_until(until)
    return said


def left(database: Database) -> list[queue.OutboundMessage]:
    with database.read() as connection:
        return queue.messages(connection)


def tell(database: Database, *subjects: str, at: datetime = NOW) -> None:
    with database.begin() as connection:
        queue.tell(connection, [Happening(EventKind.CONFIRMED, each, {"email": each}) for each in subjects], at)


def move(database: Database, status: Status, kind: str = "form") -> None:
    with database.begin() as connection:
        source = record_source(connection, kind, {}, NOW)
        set_status(connection, 1, {"weekly": status}, source, NOW)


def test_a_reader_who_confirms_leaves_is_suppressed_and_erased_is_told_in_that_order(
    publication: PublicationSettings, database: Database, receiver: Receiver
) -> None:
    add_readers(database, 1)
    move(database, Status.ACTIVE)
    move(database, Status.UNSUBSCRIBED)
    with database.begin() as connection:
        suppressions.suppress(connection, "r1@example.com", Reason.COMPLAINED, "postmark", NOW)
    with database.begin() as connection:
        forget(connection, [ErasureRequest(subscriber_id=1, at=NOW)])

    deliver(publication, database, lambda: not left(database))

    kinds = [EventKind.CONFIRMED, EventKind.UNSUBSCRIBED, EventKind.SUPPRESSED, EventKind.UNSUBSCRIBED]
    assert receiver.told == [(kind, "r1@example.com") for kind in kinds]
    last = json.loads(receiver.requests[-1][1])["data"]
    assert last == {"email": "r1@example.com", "status": "unsubscribed", "source": "erased", "list": "daily"}


def test_a_campaign_that_starts_is_paused_and_cancelled_is_told(
    publication: PublicationSettings, database: Database, receiver: Receiver
) -> None:
    with database.begin() as connection:
        start_campaign(connection, provider="outbox")
        change_state(connection, 1, "pause", now=NOW, reason="by hand")
        change_state(connection, 1, "resume", now=NOW)
        change_state(connection, 1, "cancel", now=NOW)

    deliver(publication, database, lambda: not left(database))

    assert receiver.told == [("campaign.started", 1), ("campaign.paused", 1), ("campaign.finished", 1)]
    assert json.loads(receiver.requests[1][1])["data"]["reason"] == "by hand"
    assert json.loads(receiver.requests[2][1])["data"]["state"] == "cancelled"


def test_the_library_of_standard_webhooks_accepts_each_message(
    publication: PublicationSettings, database: Database, receiver: Receiver
) -> None:
    tell(database, "ada@example.com")

    deliver(publication, database, lambda: not left(database))

    headers, body = receiver.requests[0]
    verified = Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
    assert verified == {
        "type": "subscriber.confirmed",
        "timestamp": "2025-01-17T12:00:00.000Z",
        "data": {"email": "ada@example.com"},
    }


def test_a_change_that_is_rolled_back_is_told_to_nobody(database: Database) -> None:
    with suppress(ZeroDivisionError), database.begin() as connection:
        queue.tell(connection, [Happening(EventKind.CONFIRMED, "a", {})], NOW)
        raise ZeroDivisionError

    assert left(database) == []


def test_only_the_events_that_an_address_asks_for_are_told(receiver: Receiver, tmp_path: Path) -> None:
    database = open_database(with_webhook(tmp_path, receiver.url, 'events = ["campaign.paused"]\n'))
    tell(database, "ada@example.com")

    assert left(database) == []
    database.close()


def test_an_import_tells_nobody(database: Database) -> None:
    add_readers(database, 1)
    move(database, Status.ACTIVE, kind="import")

    assert left(database) == []


def test_a_message_that_fails_waits_and_those_about_the_same_reader_wait_behind_it(
    publication: PublicationSettings, database: Database, receiver: Receiver
) -> None:
    tell(database, "ada", "ada", "bob", at=datetime.now(UTC))
    receiver.refused = {"ada"}

    said = deliver(publication, database, lambda: any(each.problem for each in left(database)))

    assert [(each.subject, each.attempts, each.problem) for each in left(database)] == [
        ("ada", 1, "it answered 500"),
        ("ada", 0, ""),
    ]
    assert said == [
        f"The webhook {receiver.url} does not take messages: it answered 500. They are kept and tried again."
    ]


def test_messages_about_one_reader_keep_their_order_whatever_fails(
    publication: PublicationSettings, database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.outbound.sender.WAITS", (0.05,))
    monkeypatch.setattr("newsletter.outbound.sender.TICK", 0.01)
    names = ("ada", "bob", "cy")
    with database.begin() as connection:
        told = [Happening(EventKind.CONFIRMED, name, {"name": name, "no": n}) for n in range(8) for name in names]
        queue.tell(connection, told, datetime.now(UTC))
    receiver.answers = [(500 if n % 3 else 200, {}) for n in range(30)]

    deliver(publication, database, lambda: not left(database))

    facts = [json.loads(body)["data"] for body in receiver.accepted]
    assert [[fact["no"] for fact in facts if fact["name"] == name] for name in names] == [list(range(8))] * 3


def test_a_message_is_given_up_after_a_day_and_listed_and_tried_again_by_hand(
    publication: PublicationSettings, database: Database, receiver: Receiver, tmp_path: Path
) -> None:
    tell(database, "ada@example.com", at=datetime.now(UTC) - timedelta(hours=25))
    receiver.answers = [(404, {})]

    deliver(publication, database, lambda: any(each.failed_at for each in left(database)))

    config = ["--config", str(tmp_path / "newsletter.toml")]
    listed = CliRunner().invoke(cli, [*config, "webhooks", "list", "--json"])
    (shown,) = json.loads(listed.stdout)
    assert (shown["kind"], shown["problem"], shown["attempts"]) == ("subscriber.confirmed", "it answered 404", 1)
    assert "ada@example.com" not in listed.stdout
    assert "given up" in CliRunner().invoke(cli, [*config, "webhooks", "list"]).output
    assert CliRunner().invoke(cli, [*config, "webhooks", "retry", "99"]).exit_code == 1
    assert "1 message is due now" in CliRunner().invoke(cli, [*config, "webhooks", "retry"]).output
    deliver(publication, database, lambda: not left(database))
    assert len(receiver.requests) == 2
    assert receiver.requests[0][0]["webhook-id"] == receiver.requests[1][0]["webhook-id"]


def test_a_message_whose_sender_was_killed_is_sent_again_after_its_lease(
    database: Database, receiver: Receiver
) -> None:
    tell(database, "ada")
    with database.begin() as connection:
        (claimed,) = queue.claim(connection, receiver.url, 8, NOW)
    with database.begin() as connection:
        assert queue.claim(connection, receiver.url, 8, NOW + timedelta(seconds=59)) == []
        (again,) = queue.claim(connection, receiver.url, 8, NOW + timedelta(seconds=61))
        queue.failed(connection, claimed, "too late", timedelta(hours=1), NOW)

    assert (again.key, again.attempts) == (claimed.key, 2)
    assert left(database)[0].problem == ""  # the first sender lost it


_DELIVER = """
import sys, time
from datetime import timedelta
from pathlib import Path
from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.network import NetworkAccess
from newsletter.outbound import queue, sender
queue.LEASE, sender.TICK = timedelta(seconds=0.3), 0.02
publication = load_publication(Path(sys.argv[1]))
with sender.WebhookSender(publication, open_database(publication), print, network=NetworkAccess(private=True)):
    time.sleep(600)
"""
"""Delivers until it is killed, with a short lease, so that the next one need not wait a minute."""


@pytest.mark.process
def test_a_program_that_is_killed_again_and_again_loses_no_message(
    publication: PublicationSettings, database: Database, receiver: Receiver
) -> None:
    tell(database, *[f"r{n}" for n in range(150)], at=datetime.now(UTC))
    receiver.delay = 0.02
    for kill in range(1, 6):
        with Popen([sys.executable, "-c", _DELIVER, str(publication.path)]) as process:
            wait_until(partial(receiver.has, 25 * kill))
            process.kill()
    deliver(publication, database, lambda: len(receiver.emails) == 150)

    assert receiver.emails == {f"r{n}" for n in range(150)}


def test_a_redirect_is_a_failure_and_is_not_followed(
    publication: PublicationSettings, database: Database, receiver: Receiver
) -> None:
    tell(database, "ada", at=datetime.now(UTC))
    receiver.answers = [(307, {"Location": receiver.url})]

    deliver(publication, database, lambda: any(each.problem for each in left(database)))

    assert len(receiver.requests) == 1


def test_a_private_address_is_not_asked(
    publication: PublicationSettings, database: Database, receiver: Receiver
) -> None:
    tell(database, "ada", at=datetime.now(UTC))

    with WebhookSender(publication, database, lambda _: None, network=NetworkAccess()):
        wait_until(lambda: any(each.problem for each in left(database)))

    assert "private address" in left(database)[0].problem
    assert receiver.requests == []


def test_an_erased_reader_is_not_listed_any_more(database: Database) -> None:
    add_readers(database, 1)
    tell(database, "r1@example.com")
    with database.begin() as connection:
        connection.execute(outbound_message.update().values(failed_at="2025-01-17T12:00:00.000Z"))
        forget(connection, [ErasureRequest(subscriber_id=1, at=NOW)])

    with database.read() as connection:
        kinds = connection.scalars(select(outbound_message.c.kind)).all()
    assert kinds == ["subscriber.unsubscribed"]  # the news that they left; what was given up is gone


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64", "c2hvcnQ="])
def test_a_secret_that_no_receiver_could_check_is_refused(
    publication: PublicationSettings, database: Database, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    with pytest.raises(ConfigError, match="is not a secret of Standard Webhooks"):
        signing_key(secret, "[[webhooks]] secret")
    monkeypatch.setenv("HOOK_SECRET", secret or "x")
    with pytest.raises(ConfigError) as refused:
        WebhookSender(publication, database, lambda _: None)
    assert secret in ("", "whsec_") or secret not in str(refused.value)


@pytest.mark.parametrize(
    ("toml", "line", "message"),
    [
        ('url = "http://crm.example.com/x"', 15, '"http://crm.example.com/x" is not an https:// address'),
        ('events = ["reader.left"]\nurl = "https://crm.example.com/x"', 15, "[[webhooks]] events = 'reader.left'"),
        ('url = "https://crm.example.com/x"\nfor = "x"', 16, '[[webhooks]] no setting is named "for"'),
        ("# no address", 13, '[[webhooks]] "url" is missing'),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, toml: str, line: int, message: str) -> None:
    good = '[[webhooks]]\nurl = "https://crm.example.com/"\nsecret = "env:A"\n'
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, f'{good}[[webhooks]]\nsecret = "env:B"\n{toml}\n')
    assert message in str(refused.value)
    assert f"newsletter.toml:{line}" in str(refused.value)


def test_one_address_is_named_once(tmp_path: Path) -> None:
    entry = '[[webhooks]]\nurl = "https://crm.example.com/"\nsecret = "env:A"\n'
    with pytest.raises(ConfigError, match=r"has https://crm\.example\.com twice"):
        settings(tmp_path, entry * 2)
