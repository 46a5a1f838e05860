"""Amazon SNS, which carries the events of SES: verify a notification, and read the event inside.

Signature: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. Event:
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC
from urllib.parse import urlsplit

import msgspec

from newsletter.providers.base import Settings
from newsletter.providers.webhooks import (
    MAX_AGE,
    FetchCertificate,
    Report,
    ReportKind,
    UnverifiedError,
    WebhookCall,
    decode,
    event_key,
    moment,
)

HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
"""The hosts whose certificates and confirmations are believed; TLS proves the host."""
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
"""The signed fields, in their order; one that a message lacks is left out."""
KINDS = {
    "Send": ReportKind.TAKEN,
    "Delivery": ReportKind.DELIVERED,
    "Complaint": ReportKind.COMPLAINED,
    "DeliveryDelay": ReportKind.DEFERRED,
    "Reject": ReportKind.BLOCKED,
    "Rendering Failure": ReportKind.BLOCKED,
    "Subscription": ReportKind.UNSUBSCRIBED,
    "Open": ReportKind.OPENED,
    "Click": ReportKind.CLICKED,
}
POLICY = re.compile(r"\b5\.7\.\d|ContentRejected|AttachmentRejected")
"""Bounces that say nothing about the mailbox: RFC 3463 section 3.8, and SES's own subtypes."""


class _Recipient(msgspec.Struct, frozen=True):
    address: str = msgspec.field(name="emailAddress", default="")
    words: str = msgspec.field(name="diagnosticCode", default="")


class _Detail(msgspec.Struct, frozen=True):
    """The part of an event that its kind names."""

    timestamp: str = ""
    kind: str = msgspec.field(name="bounceType", default="")
    subkind: str = msgspec.field(name="bounceSubType", default="")
    bounced: list[_Recipient] = msgspec.field(name="bouncedRecipients", default_factory=list)
    feedback: str = msgspec.field(name="complaintFeedbackType", default="")
    link: str = ""
    reason: str = ""


class _Mail(msgspec.Struct, frozen=True):
    timestamp: str
    message_id: str = msgspec.field(name="messageId", default="")
    destination: list[str] = []
    tags: dict[str, list[str]] = {}


class _Event(msgspec.Struct, frozen=True):
    mail: _Mail
    kind: str = msgspec.field(name="eventType", default="")
    bounce: _Detail | None = None
    complaint: _Detail | None = None
    delivery: _Detail | None = None
    delay: _Detail | None = msgspec.field(name="deliveryDelay", default=None)
    reject: _Detail | None = None
    subscription: _Detail | None = None
    open: _Detail | None = None
    click: _Detail | None = None

    @property
    def detail(self) -> _Detail:
        parts = (self.bounce, self.complaint, self.delivery, self.delay, self.reject, self.subscription)
        return next((part for part in (*parts, self.open, self.click) if part is not None), _Detail())


def verify(call: WebhookCall, settings: Settings, fetch: FetchCertificate) -> None:
    """Check the signature of a notification with the certificate that it names."""
    fields = decode(call.body, dict[str, object])
    kind, topic = str(fields.get("Type", "")), str(fields.get("TopicArn", ""))
    if settings["topic_arn"] and topic != settings["topic_arn"]:
        raise UnverifiedError("the notification is of another topic")
    at = moment(str(fields.get("Timestamp", "")))
    # SNS tries again for hours with the first time, so a call may be old, but not from the future.
    if at - call.at > MAX_AGE:
        raise UnverifiedError("the time of the signature is more than five minutes off")
    names = CONFIRMATION if kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation") else NOTIFICATION
    signed = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()
    _check(signed, fields, fetch, call)


def _check(signed: bytes, fields: Mapping[str, object], fetch: FetchCertificate, call: WebhookCall) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.x509 import load_pem_x509_certificate

    digest = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(str(fields.get("SignatureVersion", "")))
    url = str(fields.get("SigningCertURL", ""))
    if digest is None or not _is_amazon(url):
        raise UnverifiedError("the signature is missing, or its certificate is not Amazon's")
    pem = fetch(url)
    try:
        certificate = load_pem_x509_certificate(pem)
        signature = base64.b64decode(str(fields.get("Signature", "")), validate=True)
    except ValueError as error:
        raise UnverifiedError("the signature or its certificate cannot be read") from error
    key = certificate.public_key()
    is_valid = certificate.not_valid_before_utc <= call.at.astimezone(UTC) <= certificate.not_valid_after_utc
    if not is_valid or not isinstance(key, rsa.RSAPublicKey):
        raise UnverifiedError("the certificate is not valid now")
    try:
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    except InvalidSignature as error:
        raise UnverifiedError("the signature is wrong") from error


def _is_amazon(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(HOST.fullmatch(parts.netloc))


def confirmation(body: bytes) -> str:
    """Return the address that confirms a subscription, when the notification asks for that; else an empty string."""
    fields = decode(body, dict[str, object])
    url = str(fields.get("SubscribeURL", ""))
    return url if fields.get("Type") == "SubscriptionConfirmation" and _is_amazon(url) else ""


def reports(body: bytes) -> list[Report]:
    """Read a notification; its message is one event, as JSON in a string. Any other message changes nothing."""
    fields = decode(body, dict[str, object])
    message = fields.get("Message")
    if fields.get("Type") != "Notification" or not isinstance(message, str):
        return []
    try:
        event = msgspec.json.decode(message, type=_Event)
    except msgspec.DecodeError:
        return []  # a test, or another publisher's
    kind = _bounce(event.detail) if event.kind == "Bounce" else KINDS.get(event.kind)
    if kind is None:
        return []
    return [_report(event, kind)]


def _report(event: _Event, kind: ReportKind) -> Report:
    detail, mail = event.detail, event.mail
    at = detail.timestamp or mail.timestamp
    recipient = detail.bounced[0] if detail.bounced else _Recipient()
    return Report(
        kind=kind,
        delivery_id=_tag(mail, "delivery_id").replace("-", "."),
        tag=_tag(mail, "batch"),
        address=recipient.address or (mail.destination[0] if mail.destination else ""),
        at=moment(at),
        key=event_key(event.kind, mail.message_id, at, detail.link),
        provider_id=mail.message_id,
        link=detail.link,
        detail=recipient.words or detail.reason or detail.feedback or detail.subkind,
    )


def _bounce(detail: _Detail) -> ReportKind:
    if detail.kind != "Permanent":
        return ReportKind.SOFT_BOUNCE
    words = " ".join((detail.subkind, *(each.words for each in detail.bounced)))
    return ReportKind.BLOCKED if POLICY.search(words) else ReportKind.HARD_BOUNCE


def _tag(mail: _Mail, name: str) -> str:
    values = mail.tags.get(name)
    return values[0] if values else ""
