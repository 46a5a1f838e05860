"""Resend: https://resend.com/docs/api-reference/emails/send-batch-emails (batches of finished messages).

Resend keeps an idempotency key for 24 hours and answers a repeated call as it answered the first
(https://resend.com/docs/dashboard/emails/idempotency-keys), so a call without a whole answer is made
again under its key, with equal bytes.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import msgspec

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import JsonMessage
from newsletter.providers import refusals
from newsletter.providers.base import (
    Answer,
    Batch,
    Outcome,
    Provider,
    Request,
    Response,
    Result,
    Settings,
)
from newsletter.providers.body import GAP, filled, json_list
from newsletter.providers.transport import wait_asked_for
from newsletter.providers.webhooks import (
    FetchCertificate,
    Report,
    ReportKind,
    UnverifiedError,
    Webhook,
    WebhookCall,
    check_age,
    check_hmac,
    decode,
    event_key,
    moment,
)

# https://resend.com/docs/api-reference/errors
QUOTAS = frozenset({"daily_quota_exceeded", "monthly_quota_exceeded"})
"""Names of refusals that are 429, too, but do not pass today."""
REFUSALS = dict.fromkeys(("invalid_from_address", "invalid_access", "invalid_region"), refusals.SENDER_REFUSED)
"""Names of refusals of the content that are about the sender; of the others the words tell."""
IN_FLIGHT, OTHER_PAYLOAD = "concurrent_idempotent_requests", "invalid_idempotent_request"

_encode = msgspec.json.Encoder().encode


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Accepted(msgspec.Struct, frozen=True):
    data: list[_Id]


class _Refusal(msgspec.Struct, frozen=True):
    name: str
    message: str = ""


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /emails/batch`, which is accepted or refused as a whole."""
    body = json_list(_message(batch.mailing.json_message(recipient), batch.tag) for recipient in batch.recipients)
    headers = {
        "Authorization": f"Bearer {settings['api_key']}",
        "Content-Type": "application/json",
        "Idempotency-Key": batch.key,
    }
    return Request(method="POST", url=f"{settings['base_url']}/emails/batch", headers=headers, body=body)


def _message(message: JsonMessage, tag: str) -> list[bytes]:
    parts: dict[str, Any] = {
        "from": message.sender,
        "to": [message.to],
        "subject": message.subject,
        "html": GAP,
        "text": GAP,
        "headers": dict(message.headers),
        # A tag's value may hold letters, digits, `_` and `-` only.
        "tags": [{"name": "delivery_id", "value": message.delivery_id.replace(".", "-")}],
    }
    if tag:
        parts["tags"].append({"name": "batch", "value": tag})
    if message.reply_to:
        parts["reply_to"] = message.reply_to
    return filled(_encode(parts), message.html, message.text)


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: every recipient of the batch has one outcome, and an id of its own."""
    if response.status in (200, 201):
        return _accepted(response, batch)
    refusal = _refusal(response)
    words = f"{response.status} ({refusal.name}): {refusal.message}" if refusal else f"{response.status} without words"
    name = refusal.name if refusal else ""
    if name in QUOTAS:
        return batch.everyone(Outcome.BUSY, f"Resend refused to send: {words}", stop=True)
    if response.status == 429 or name == IN_FLIGHT or (response.status == 503 and "retry-after" in response.headers):
        wait = wait_asked_for(response.headers, words)
        return batch.everyone(Outcome.BUSY, f"Resend is busy: {words}", retry_after=wait)
    if response.status >= 500 or response.status in (202, 408) or name == OTHER_PAYLOAD:
        return batch.everyone(Outcome.UNKNOWN, f"Resend answered {words}")
    if response.status in (400, 413, 422) and refusal:
        # One bad address refuses a batch: unless the words are about something else, its halves are tried next.
        kind = REFUSALS.get(name) or refusals.by_words(words, refusals.MESSAGE_REFUSED)
        stops = kind.verdict is refusals.RefusalVerdict.STOP
        return refusals.whole(batch, kind, f"Resend refused the request: {words}" if stops else words)
    return batch.everyone(Outcome.BUSY, f"Resend refused the request: {words}", stop=True)


def _accepted(response: Response, batch: Batch) -> Answer:
    try:
        ids = msgspec.json.decode(response.body, type=_Accepted).data
    except msgspec.DecodeError as error:
        return batch.everyone(Outcome.UNKNOWN, f"Resend answered 200, but no list of ids: {error}")
    if len(ids) != len(batch.recipients):
        return batch.everyone(Outcome.UNKNOWN, f"Resend answered {len(ids)} ids for {len(batch.recipients)} messages")
    return Answer(results=tuple(Result(outcome=Outcome.ACCEPTED, provider_id=accepted.id) for accepted in ids))


def _refusal(response: Response) -> _Refusal | None:
    try:
        return msgspec.json.decode(response.body, type=_Refusal)
    except msgspec.DecodeError:
        return None


class _Bounce(msgspec.Struct, frozen=True):
    type: str = ""
    subtype: str = msgspec.field(name="subType", default="")
    message: str = ""


class _Click(msgspec.Struct, frozen=True):
    link: str = ""


class _Tag(msgspec.Struct, frozen=True):
    name: str
    value: str


class _EventData(msgspec.Struct, frozen=True):
    email_id: str = ""
    to: list[str] = []
    # The reference shows a list, the examples an object: https://resend.com/docs/dashboard/webhooks/body-parameters
    tags: dict[str, str] | list[_Tag] = {}
    bounce: _Bounce = _Bounce()
    click: _Click = _Click()

    def tag(self, name: str) -> str:
        """Return the value of a tag; empty when there is none."""
        if isinstance(self.tags, dict):
            return self.tags.get(name, "")
        return next((tag.value for tag in self.tags if tag.name == name), "")


class _WebhookEvent(msgspec.Struct, frozen=True):
    """A webhook's body: https://resend.com/docs/dashboard/webhooks/event-types."""

    type: str
    created_at: str = ""
    data: _EventData = _EventData()


EVENTS = {
    "email.sent": ReportKind.TAKEN,
    "email.delivered": ReportKind.DELIVERED,
    "email.delivery_delayed": ReportKind.DEFERRED,
    "email.complained": ReportKind.COMPLAINED,
    "email.opened": ReportKind.OPENED,
    "email.clicked": ReportKind.CLICKED,
    "email.failed": ReportKind.BLOCKED,
    "email.suppressed": ReportKind.BLOCKED,
}


def verify(call: WebhookCall, settings: Settings, _fetch: FetchCertificate) -> None:
    """Check a signature of Svix: https://docs.svix.com/receiving/verifying-payloads/how-manual."""
    id, at = call.headers.get("svix-id", ""), call.headers.get("svix-timestamp", "")
    check_age(call, at)
    try:
        secret = base64.b64decode(settings["webhook_secret"].removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise UnverifiedError("webhook_secret is not one of Resend's: it begins with whsec_") from error
    given = [each.removeprefix("v1,") for each in call.headers.get("svix-signature", "").split() if each[:3] == "v1,"]
    content = f"{id}.{at}.".encode() + call.body
    check_hmac(secret, content, given, lambda digest: base64.b64encode(digest).decode())


def reports(body: bytes) -> list[Report]:
    """Read a webhook's body; it has one event."""
    event = decode(body, _WebhookEvent)
    kind = _bounce(event.data.bounce) if event.type == "email.bounced" else EVENTS.get(event.type)
    if kind is None:
        return []
    data = event.data
    return [
        Report(
            kind=kind,
            delivery_id=data.tag("delivery_id").replace("-", "."),
            tag=data.tag("batch"),
            address=data.to[0] if data.to else "",
            at=moment(event.created_at),
            key=event_key(event.type, data.email_id, event.created_at, data.click.link),
            provider_id=data.email_id,
            link=data.click.link,
            detail=data.bounce.message,
        )
    ]


def _bounce(bounce: _Bounce) -> ReportKind:
    if bounce.type == "Permanent":
        # Of Resend's own list, not of the mailbox: https://resend.com/docs/dashboard/emails/email-bounces
        return ReportKind.BLOCKED if bounce.subtype in ("Suppressed", "MessageRejected") else ReportKind.HARD_BOUNCE
    return ReportKind.SOFT_BOUNCE


RESEND = Provider(
    name="resend",
    title="Resend",
    settings=PROVIDER_SETTINGS["resend"],
    batch_size=100,
    calls_per_second=2.0,  # for a whole team: https://resend.com/docs/api-reference/rate-limit
    byte_cap=40_000_000,
    dedupe="replay",
    dedupe_ttl=timedelta(hours=24),
    webhook=Webhook(
        verify=verify,
        needs_secret=True,
        reports=reports,
        switch_on=("email.sent", "email.delivered", "email.delivery_delayed", "email.bounced", "email.complained"),
    ),
    request=request,
    outcomes=outcomes,
)
