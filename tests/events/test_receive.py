"""Who may call a webhook address, and what is asked for before a call is believed."""

from __future__ import annotations

import json
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from newsletter.database.connection import open_database
from newsletter.errors import ConfigError
from newsletter.events.receive import CertificateNeededError, WebhookGate
from newsletter.providers.webhooks import WebhookCall
from tests.conftest import Run
from tests.providers.test_signatures import HOST, NOW, PEM_URL, TOPIC, certificate, confirmation, notification
from tests.support.sending import add_readers, settings

pytestmark = pytest.mark.usefixtures("each_database")

SES = """
[providers.ses]
access_key_id = "env:NOT_SET"
secret_access_key = "env:NOT_SET"
region = "eu-central-1"
webhook_token = "env:HOOK"
"""


def call(body: object, headers: dict[str, str] | None = None, at: datetime = NOW) -> WebhookCall:
    return WebhookCall(headers=headers or {}, body=json.dumps(body).encode(), at=at)


def test_a_certificate_is_asked_for_once_and_then_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "t" * 32)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    gate = WebhookGate(settings(tmp_path, SES))
    genuine = call(notification(key))

    with pytest.raises(CertificateNeededError) as needed:
        gate.judge("ses", "t" * 32, genuine)
    assert needed.value.url == PEM_URL
    gate.learn_certificate(PEM_URL, certificate(key))

    assert gate.judge("ses", "t" * 32, genuine).status is HTTPStatus.OK
    forged = call({**notification(key), "Message": "{}"})
    assert gate.judge("ses", "t" * 32, forged).status is HTTPStatus.UNAUTHORIZED
    assert gate.judge("ses", "u" * 32, genuine).status is HTTPStatus.NOT_FOUND


def test_a_subscription_that_amazon_signed_names_where_to_confirm_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "t" * 32)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    gate = WebhookGate(settings(tmp_path, SES))
    gate.learn_certificate(PEM_URL, certificate(key))

    judgement = gate.judge("ses", "t" * 32, call(confirmation(key)))

    assert judgement.status is HTTPStatus.OK
    assert judgement.confirmation == f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"


def test_without_a_token_a_provider_has_no_address(tmp_path: Path) -> None:
    gate = WebhookGate(settings(tmp_path, SES.replace('webhook_token = "env:HOOK"\n', "")))

    assert gate.names == []
    assert gate.judge("ses", "", call({})).status is HTTPStatus.NOT_FOUND


def test_a_token_that_is_not_set_is_an_error_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK", raising=False)

    with pytest.raises(ConfigError, match="HOOK is not set"):
        WebhookGate(settings(tmp_path, SES))


def test_a_provider_that_replaces_our_unsubscribe_link_is_refused_until_its_webhook_is_set(
    newsletter: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "news"
    keys = '[send]\nprovider = "mailjet"\n[providers.mailjet]\napi_key = "env:A"\napi_secret = "env:A"\n'
    database = open_database(settings(folder, keys, issue=True))
    add_readers(database, 3)
    database.close()

    refused = newsletter("send", "hello", "--dry-run", cwd=folder)
    settings(folder, f'{keys}webhook_token = "env:A"\n')
    planned = newsletter("send", "hello", "--dry-run", cwd=folder)

    assert refused.returncode == 2
    assert "Mailjet puts its own unsubscribe link in place of ours" in refused.stderr
    assert "webhook_token" in refused.stderr
    assert planned.returncode == 0, planned.stderr
    assert "its webhook tells who used it" in planned.stderr


def test_a_dry_run_says_whose_unsubscribe_header_readers_get(newsletter: Run, tmp_path: Path) -> None:
    database = open_database(settings(tmp_path / "news", issue=True))
    add_readers(database, 3)
    database.close()

    planned = newsletter("send", "hello", "--dry-run", cwd=tmp_path / "news")

    assert "by our own unsubscribe header" in planned.stderr
