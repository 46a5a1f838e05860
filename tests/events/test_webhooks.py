"""`newsletter serve` takes providers' reports: only genuine ones, each on disk before its answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.program_tables import webhook_call
from newsletter.database.tables import campaign, event, suppression
from newsletter.subscribers import erasure
from newsletter.subscribers.erasure import ErasureRequest
from newsletter.times import utc_now
from tests.support.sending import add_readers, settings, start_campaign
from tests.web.public.serving import Served, serve

SVIX_KEY = b"0123456789abcdef0123456789abcdef"
ENVIRONMENT = {
    "PM_TOKEN": "server-token",
    "PM_HOOK": "t" * 32,
    "PM_PASSWORD": "pass word",
    "MG_HOOK": "m" * 32,
    "MG_KEY": "signing-key",
    "RE_HOOK": "r" * 32,
    "RE_SECRET": f"whsec_{base64.b64encode(SVIX_KEY).decode()}",
}
PROVIDERS = """
[send]
provider = "postmark"
[providers.postmark]
token = "env:PM_TOKEN"
webhook_token = "env:PM_HOOK"
webhook_user = "postmark"
webhook_password = "env:PM_PASSWORD"
[providers.mailgun]
api_key = "env:NOT_SET"
domain = "news.example.com"
webhook_token = "env:MG_HOOK"
webhook_secret = "env:MG_KEY"
[providers.resend]
api_key = "env:NOT_SET"
webhook_token = "env:RE_HOOK"
webhook_secret = "env:RE_SECRET"
"""
POSTMARK = f"/webhooks/postmark/{ENVIRONMENT['PM_HOOK']}"
MAILGUN = f"/webhooks/mailgun/{ENVIRONMENT['MG_HOOK']}"
RESEND = f"/webhooks/resend/{ENVIRONMENT['RE_HOOK']}"
BASIC = ("postmark", "pass word")


@pytest.fixture(scope="module")
def publication(tmp_path_factory: pytest.TempPathFactory) -> PublicationSettings:
    return settings(tmp_path_factory.mktemp("webhooks"), PROVIDERS)


@pytest.fixture(scope="module")
def database(publication: PublicationSettings) -> Iterator[Database]:
    opened = open_database(publication)
    add_readers(opened, 50)
    with opened.begin() as connection:
        start_campaign(connection, provider="postmark")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def served(publication: PublicationSettings, database: Database) -> Iterator[Served]:
    with serve(publication.root, environment=ENVIRONMENT) as running:
        yield running


@pytest.fixture
def key(database: Database) -> str:
    with database.read() as connection:
        return str(connection.execute(select(campaign.c.key)).scalar_one())


def bounce(key: str, reader: int) -> dict[str, object]:
    """Return a hard bounce as https://postmarkapp.com/developer/webhooks/bounce-webhook shows one."""
    return {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "TypeCode": 1,
        "MessageID": f"883953f4-6105-42a2-a16a-{reader:012}",
        "Metadata": {"delivery_id": f"1.{reader}", "batch": f"{key}-1"},
        "Email": f"r{reader}@example.com",
        "BouncedAt": "2025-01-17T13:00:00Z",
        "Details": "smtp;550 5.1.1 The email account does not exist.",
        "Description": "The server was unable to deliver your message.",
    }


def kept(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(webhook_call)).scalar_one())


def wait_for(database: Database, address: str, reason: str) -> float:
    """Wait until an address is suppressed; return how many seconds it took."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        with database.read() as connection:
            rows = connection.execute(select(suppression.c.reason).where(suppression.c.email_key == address))
            if rows.scalar() == reason:
                return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"{address} is not suppressed as {reason}")


def mailgun(key: str, reader: int, *, secret: str = "signing-key", age: float = 0) -> dict[str, object]:
    at, token = str(int(time.time() - age)), f"{reader:050}"
    signature = hmac.new(secret.encode(), f"{at}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": at, "token": token, "signature": signature},
        "event-data": {
            "event": "complained",
            "timestamp": 1737118800.0,
            "id": f"mailgun-{reader}",
            "recipient": f"r{reader}@example.com",
            "tags": [f"{key}-1"],
            "user-variables": {"delivery_id": f"1.{reader}"},
        },
    }


def svix(body: bytes, *, key: bytes = SVIX_KEY, age: float = 0) -> dict[str, str]:
    """Sign as https://docs.svix.com/receiving/verifying-payloads/how-manual describes."""
    at = str(int(time.time() - age))
    signature = base64.b64encode(hmac.new(key, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()).decode()
    return {"svix-id": "msg_1", "svix-timestamp": at, "svix-signature": f"v1,{'A' * 44} v1,{signature}"}


def resend(key: str, reader: int) -> bytes:
    data = {
        "email_id": f"resend-{reader}",
        "to": [f"r{reader}@example.com"],
        "tags": {"delivery_id": f"1-{reader}", "batch": f"{key}-1"},
        "bounce": {"type": "Permanent", "subType": "General", "message": "no such user"},
    }
    return json.dumps({"type": "email.bounced", "created_at": "2025-01-17T13:00:00.000Z", "data": data}).encode()


def test_a_bounce_is_on_disk_when_it_is_answered_and_suppresses_within_a_second(
    served: Served, database: Database, key: str
) -> None:
    before = kept(database)

    answer = requests.post(served.url + POSTMARK, json=bounce(key, 1), auth=BASIC)

    assert (answer.status_code, answer.content) == (200, b"")
    assert kept(database) == before + 1
    assert wait_for(database, "r1@example.com", "bounced") < 5


def test_a_signed_call_of_mailgun_and_one_of_resend_are_applied(served: Served, database: Database, key: str) -> None:
    body = resend(key, 3)

    assert requests.post(served.url + MAILGUN, json=mailgun(key, 2)).status_code == 200
    assert requests.post(served.url + RESEND, data=body, headers=svix(body)).status_code == 200

    wait_for(database, "r2@example.com", "complained")
    wait_for(database, "r3@example.com", "bounced")


def test_a_signature_of_mailgun_that_somebody_read_carries_no_other_event(
    served: Served, database: Database, key: str
) -> None:
    genuine = mailgun(key, 21)
    forged = {**genuine, "event-data": mailgun(key, 22)["event-data"]}
    before = kept(database)

    answers = [requests.post(served.url + MAILGUN, json=body).status_code for body in (genuine, forged, genuine)]

    assert answers == [200, 401, 200]
    assert kept(database) == before + 1
    wait_for(database, "r21@example.com", "complained")


@pytest.mark.parametrize(
    "path", ["/webhooks/postmark/wrong", "/webhooks/nobody/" + "t" * 32, "/webhooks/smtp/x", MAILGUN[:-1], RESEND + "r"]
)
def test_an_unknown_provider_or_token_is_not_there(served: Served, database: Database, path: str) -> None:
    before = kept(database)

    assert requests.post(served.url + path, json={}, auth=BASIC).status_code == 404
    assert kept(database) == before


def test_a_forged_a_stale_and_an_unsigned_call_are_refused_and_not_kept(
    served: Served, database: Database, key: str
) -> None:
    before, body = kept(database), resend(key, 9)
    calls = [
        requests.post(served.url + POSTMARK, json=bounce(key, 9)),
        requests.post(served.url + POSTMARK, json=bounce(key, 9), auth=("postmark", "wrong")),
        requests.post(served.url + MAILGUN, json=mailgun(key, 9, secret="another")),
        requests.post(served.url + MAILGUN, json=mailgun(key, 9, age=301)),
        requests.post(served.url + MAILGUN, json=mailgun(key, 9, age=-301)),
        requests.post(served.url + MAILGUN, json={"event-data": mailgun(key, 9)["event-data"]}),
        requests.post(served.url + RESEND, data=body, headers=svix(body, key=b"another key of some length")),
        requests.post(served.url + RESEND, data=body, headers=svix(body, age=301)),
        requests.post(served.url + RESEND, data=body),
        # Verified on the raw bytes: the same JSON, spelled otherwise, is another body.
        requests.post(served.url + RESEND, data=body.replace(b": ", b":"), headers=svix(body)),
    ]

    assert [call.status_code for call in calls] == [401] * len(calls)
    assert kept(database) == before


@pytest.mark.parametrize("body", [b"", b"not JSON", b'{"a": "\xff"}', b"[" * 100_000, b"[]", b'{"RecordType": 7}'])
def test_what_cannot_be_read_is_a_bad_request(served: Served, database: Database, body: bytes) -> None:
    before = kept(database)

    assert requests.post(served.url + POSTMARK, data=body, auth=BASIC).status_code == 400
    assert kept(database) == before


def test_a_call_of_six_megabytes_is_too_large(served: Served, database: Database) -> None:
    before = kept(database)

    assert requests.post(served.url + POSTMARK, data=b" " * 6 * 1024 * 1024, auth=BASIC).status_code == 413
    assert kept(database) == before


def test_a_kind_of_record_that_is_not_known_is_kept_and_changes_nothing(served: Served, database: Database) -> None:
    before = kept(database)

    answer = requests.post(served.url + POSTMARK, json={"RecordType": "Inbound", "From": "a@example.com"}, auth=BASIC)

    assert answer.status_code == 200
    assert kept(database) == before + 1


def test_a_reader_who_is_forgotten_is_taken_out_of_the_kept_calls(served: Served, database: Database, key: str) -> None:
    requests.post(served.url + POSTMARK, json=bounce(key, 31), auth=BASIC).raise_for_status()
    wait_for(database, "r31@example.com", "bounced")
    before = kept(database)

    with database.begin() as connection:
        erasure.forget(connection, [ErasureRequest(subscriber_id=31, at=utc_now())])

    deadline = time.monotonic() + 30
    while kept(database) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert kept(database) == before - 1


def test_calls_that_a_killed_server_answered_are_applied_by_the_next_one(tmp_path: Path) -> None:
    publication = settings(tmp_path, PROVIDERS)
    database = open_database(publication)
    add_readers(database, 50)
    with database.begin() as connection:
        start_campaign(connection, provider="postmark")
        key = connection.execute(select(campaign.c.key)).scalar_one()
    with serve(tmp_path, environment=ENVIRONMENT) as first:
        session = requests.Session()
        for reader in range(1, 51):
            assert session.post(first.url + POSTMARK, json=bounce(key, reader), auth=BASIC).status_code == 200
        first.kill()

    with serve(tmp_path, environment=ENVIRONMENT):
        for reader in range(1, 51):
            wait_for(database, f"r{reader}@example.com", "bounced")

    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(event)).scalar_one() == 50
    database.close()


def test_a_provider_that_signs_without_its_key_in_the_settings_gets_no_yes(tmp_path: Path) -> None:
    publication = settings(tmp_path, PROVIDERS.replace('webhook_secret = "env:MG_KEY"\n', ""))
    with serve(publication.root, environment=ENVIRONMENT) as running:
        assert requests.post(running.url + MAILGUN, json=mailgun("k", 1, secret="")).status_code == 401
        assert any("webhook_secret" in line for line in running.lines)
