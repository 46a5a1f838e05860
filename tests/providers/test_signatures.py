"""Calls of providers that sign: what is forged, stale, of another topic or from another host is not believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as AwsCredentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from newsletter.providers import mailersend, sendgrid, sns
from newsletter.providers.aws_signature import Credentials, signed_headers
from newsletter.providers.webhooks import UnverifiedError, WebhookCall

NOW = datetime(2025, 1, 17, 13, 0, tzinfo=UTC)
HOST = "https://sns.eu-central-1.amazonaws.com"
PEM_URL = f"{HOST}/SimpleNotificationService-1.pem"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:news"


def call(body: bytes, headers: Mapping[str, str] | None = None, at: datetime = NOW) -> WebhookCall:
    return WebhookCall(headers=headers or {}, body=body, at=at)


def no_certificate(url: str) -> bytes:
    raise AssertionError(f"asked for {url}")


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: rsa.RSAPrivateKey, start: datetime = NOW - timedelta(days=1)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=30))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def notification(key: rsa.RSAPrivateKey, version: str = "2", **changes: str) -> dict[str, str]:
    """Return a notification, signed as Amazon's page tells; `changes` are made after that."""
    fields = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": '{"eventType": "Send"}',
        "Timestamp": "2025-01-17T13:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": PEM_URL,
    }
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{fields[name]}\n" for name in names)
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = key.sign(text.encode(), padding.PKCS1v15(), digest)
    return {**fields, "Signature": base64.b64encode(signature).decode(), **changes}


def confirmation(key: rsa.RSAPrivateKey) -> dict[str, str]:
    """Return the call by which a topic asks for its subscription to be confirmed, signed."""
    fields = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "t",
        "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe to the topic.",
        "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
        "Timestamp": "2025-01-17T13:00:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": PEM_URL,
    }
    names = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{fields[name]}\n" for name in names)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {**fields, "Signature": base64.b64encode(signature).decode()}


def check(fields: Mapping[str, str], fetch: Callable[[str], bytes], *, topic: str = "", at: datetime = NOW) -> None:
    sns.verify(call(json.dumps(fields).encode(), at=at), {"topic_arn": topic}, fetch)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notification_that_amazon_signed_is_believed(rsa_key: rsa.RSAPrivateKey, version: str) -> None:
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return certificate(rsa_key)

    check(notification(rsa_key, version), fetch, topic=TOPIC)

    assert asked == [PEM_URL]


@pytest.mark.parametrize(
    "changes",
    [
        {"Message": '{"eventType": "Bounce"}'},
        {"Subject": "another"},
        {"Timestamp": "2025-01-17T12:59:59.000Z"},
        {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:other"},
        {"Signature": "AAAA"},
        {"Signature": "no base64"},
        {"SignatureVersion": "3"},
    ],
)
def test_a_changed_notification_is_not_believed(rsa_key: rsa.RSAPrivateKey, changes: dict[str, str]) -> None:
    with pytest.raises(UnverifiedError):
        check(notification(rsa_key, **changes), lambda _url: certificate(rsa_key))


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com.example.com/a.pem",
        "https://example.com/sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com@example.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com:444/a.pem",
        "https://bucket.s3.amazonaws.com/a.pem",
        "https://[",
        "",
    ],
)
def test_a_certificate_from_another_host_is_not_even_asked_for(rsa_key: rsa.RSAPrivateKey, url: str) -> None:
    with pytest.raises(UnverifiedError):
        check(notification(rsa_key, SigningCertURL=url), no_certificate)


def test_a_certificate_that_is_over_or_not_one_is_not_believed(rsa_key: rsa.RSAPrivateKey) -> None:
    for pem in (certificate(rsa_key, NOW - timedelta(days=40)), b"no certificate"):
        with pytest.raises(UnverifiedError):
            check(notification(rsa_key), lambda _url, pem=pem: pem)  # type: ignore[misc]


def test_another_topic_and_a_time_to_come_are_not_believed(rsa_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(UnverifiedError, match="another topic"):
        check(notification(rsa_key), no_certificate, topic=f"{TOPIC}2")
    with pytest.raises(UnverifiedError, match="five minutes"):
        check(notification(rsa_key), no_certificate, at=NOW - timedelta(minutes=6))


def test_a_subscription_is_confirmed_at_amazon_alone() -> None:
    asks = {"Type": "SubscriptionConfirmation", "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&Token=t"}

    assert sns.confirmation(json.dumps(asks).encode()) == asks["SubscribeURL"]
    for url in ("https://example.com/", "http://sns.eu-central-1.amazonaws.com/", "https://169.254.169.254/"):
        assert sns.confirmation(json.dumps({**asks, "SubscribeURL": url}).encode()) == ""
    assert sns.confirmation(json.dumps({**asks, "Type": "Notification"}).encode()) == ""


@pytest.fixture(scope="module")
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def sendgrid_call(key: ec.EllipticCurvePrivateKey, body: bytes, at: str) -> dict[str, str]:
    signature = key.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))
    prefix = "x-twilio-email-event-webhook"
    return {f"{prefix}-signature": base64.b64encode(signature).decode(), f"{prefix}-timestamp": at}


def test_sendgrid_s_signature_is_over_the_time_and_the_raw_body(ec_key: ec.EllipticCurvePrivateKey) -> None:
    public = ec_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    keys = {"webhook_secret": base64.b64encode(public).decode()}
    body, at = b'[{"event":"open"}]\r\n', str(int(NOW.timestamp()))
    signed = sendgrid_call(ec_key, body, at)

    sendgrid.verify(call(body, signed), keys, no_certificate)

    old = str(int(NOW.timestamp()) - 301)
    other = ec.generate_private_key(ec.SECP256R1())
    for refused in (
        call(body.strip(), signed),
        call(body, {**signed, "x-twilio-email-event-webhook-timestamp": str(int(at) + 1)}),
        call(body, {}),
        call(body, sendgrid_call(ec_key, body, old)),
        call(body, sendgrid_call(other, body, at)),
    ):
        with pytest.raises(UnverifiedError):
            sendgrid.verify(refused, keys, no_certificate)
    with pytest.raises(UnverifiedError):
        sendgrid.verify(call(body, signed), {"webhook_secret": "no key"}, no_certificate)


def test_mailersend_s_signature_is_over_the_raw_body() -> None:
    body, keys = b'{"type": "webhook.test"}', {"webhook_secret": "s3cret"}
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()

    mailersend.verify(call(body, {"signature": signature}), keys, no_certificate)

    for headers in ({}, {"signature": signature.upper()}, {"signature": "0" * 64}, {"signature": "é"}):
        with pytest.raises(UnverifiedError):
            mailersend.verify(call(body, headers), keys, no_certificate)


@given(
    secret=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=40),
    body=st.binary(max_size=200),
    token=st.sampled_from(["", "session"]),
    region=st.sampled_from(["eu-central-1", "us-east-1"]),
    path=st.sampled_from(["/v2/email/outbound-bulk-emails", "/a b/ü", "/"]),
    query=st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=9), max_size=4),
    seconds=st.integers(0, 4_000_000_000),
)
def test_a_request_is_signed_as_amazon_s_own_library_signs_it(
    secret: str, body: bytes, token: str, region: str, path: str, query: dict[str, str], seconds: int
) -> None:
    at, url = datetime.fromtimestamp(seconds, UTC), f"https://email.{region}.amazonaws.com{quote(path)}"
    if query:
        url += "?" + urlencode(query, quote_via=quote, safe="")
    own: dict[str, Any] = {"region": region, "service": "ses", "session_token": token}
    credentials = Credentials(access_key_id="AKIA", secret_access_key=secret, **own)
    digest = hashlib.sha256(body).hexdigest()
    ours = signed_headers(credentials, "POST", url, {"Content-Type": "application/json"}, digest, at)

    names = ("Content-Type", "X-Amz-Date", *(["X-Amz-Security-Token"] if token else []))
    request = AWSRequest(method="POST", url=url, data=body, headers={name: ours[name] for name in names})
    request.context["timestamp"] = ours["X-Amz-Date"]
    signer = SigV4Auth(AwsCredentials("AKIA", secret, token or None), "ses", region)
    theirs = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert ours["Authorization"].endswith(f"Signature={theirs}")
