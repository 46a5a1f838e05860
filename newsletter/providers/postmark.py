"""Postmark: https://postmarkapp.com/developer/api/email-api (batches of finished messages).

Postmark recognises no repeated call, so a call without a whole answer stays unknown until its
search is asked. Every message has our delivery id and its batch in its `Metadata`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import JsonMessage
from newsletter.providers import refusals
from newsletter.providers.base import (
    Answer,
    Batch,
    ListedAddress,
    Lookup,
    Outcome,
    Provider,
    Request,
    Response,
    Result,
    Search,
    Settings,
    Sight,
    SuppressionList,
    SuppressionPage,
)
from newsletter.providers.body import GAP, filled, json_list
from newsletter.providers.pages import decoded
from newsletter.providers.transport import wait_asked_for
from newsletter.providers.webhooks import Report, ReportKind, Webhook, decode, event_key, moment

# https://postmarkapp.com/developer/api/overview#error-codes
REFUSALS = {
    # Token, sender signature, credits, account, message stream: every further call would fail.
    **dict.fromkeys((10, 400, 401, 405, 412, 413, *range(1220, 1240)), refusals.SENDER_REFUSED),
    # Maintenance, and too many calls.
    **dict.fromkeys((100, 429), refusals.PROVIDER_BUSY),
    406: refusals.READER_GONE,
}
"""Error codes that mean one thing; of the others, such as 300 (invalid request), the words tell."""
INVALID, INACTIVE = 300, 406
"""Errors of one message or address."""

KEEP_ID = {"Name": "X-PM-KeepID", "Value": "true"}
"""The header that makes Postmark keep our Message-ID."""

PAGE = 500
"""Messages on a page of the search: as many as a batch has."""

_encode = msgspec.json.Encoder().encode


class _Verdict(msgspec.Struct, frozen=True):
    """An entry of the answer: https://postmarkapp.com/developer/api/email-api#send-batch-emails."""

    code: int = msgspec.field(name="ErrorCode")
    words: str = msgspec.field(name="Message", default="")
    message_id: str = msgspec.field(name="MessageID", default="")


_decode_list = msgspec.json.Decoder(list[_Verdict]).decode
_decode_one = msgspec.json.Decoder(_Verdict).decode


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /email/batch`."""
    messages = (
        _message(batch.mailing.json_message(recipient), batch.tag, settings["message_stream"])
        for recipient in batch.recipients
    )
    url = f"{settings['base_url']}/email/batch"
    return Request(method="POST", url=url, headers=_headers(settings), body=json_list(messages))


def _headers(settings: Settings) -> dict[str, str]:
    return {
        "X-Postmark-Server-Token": settings["token"],
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


def _message(message: JsonMessage, tag: str, stream: str) -> list[bytes]:
    parts: dict[str, Any] = {
        "From": message.sender,
        "To": message.to,
        "Subject": message.subject,
        "HtmlBody": GAP,
        "TextBody": GAP,
        "MessageStream": stream,
        "Metadata": {"delivery_id": message.delivery_id},
        "Headers": [KEEP_ID, *[{"Name": name, "Value": value} for name, value in message.headers.items()]],
    }
    if tag:
        parts["Metadata"]["batch"] = tag
    if message.reply_to:
        parts["ReplyTo"] = message.reply_to
    return filled(_encode(parts), message.html, message.text)


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: its list has an entry per message, in their order, even when some failed."""
    if response.status == 200:
        return _listed(response, batch)
    words = _words(response)
    if response.status in (429, 503) or REFUSALS.get(_code(response)) == refusals.PROVIDER_BUSY:
        wait = wait_asked_for(response.headers, words)
        return batch.everyone(Outcome.BUSY, f"Postmark is busy: {words}", retry_after=wait)
    # The documentation says that after a 500 the message is lost "in most cases", which is not all.
    if response.status >= 500 or response.status in (201, 202, 408):
        return batch.everyone(Outcome.UNKNOWN, f"Postmark answered {words}")
    refusal, is_single = _refusal(_code(response), words), len(batch.recipients) == 1
    if is_single and _code(response) in (INVALID, INACTIVE) and refusal.verdict is not refusals.RefusalVerdict.STOP:
        return refusals.whole(batch, refusal, words)
    return batch.everyone(Outcome.BUSY, f"Postmark refused the request: {words}", stop=True)


def _listed(response: Response, batch: Batch) -> Answer:
    try:
        verdicts = _decode_list(response.body)
    except msgspec.DecodeError as error:
        why = refusals.unreadable(response.body, error)
        return batch.everyone(Outcome.UNKNOWN, f"Postmark answered 200, but with {why}")
    if len(verdicts) != len(batch.recipients):
        reason = f"Postmark answered {len(verdicts)} results for {len(batch.recipients)} messages"
        return batch.everyone(Outcome.UNKNOWN, reason)
    return refusals.listed(map(_entry, verdicts))


def _entry(verdict: _Verdict) -> Result | tuple[refusals.Refusal, str]:
    if verdict.code == 0:
        return Result(outcome=Outcome.ACCEPTED, provider_id=verdict.message_id)
    refusal, reason = _refusal(verdict.code, verdict.words), f"{verdict.words} (code {verdict.code})"
    if refusal.verdict is refusals.RefusalVerdict.STOP:
        return refusal, f"Postmark refused to send: {reason}"
    return refusal, f"Postmark: {reason}" if refusal == refusals.PROVIDER_BUSY else reason


def _refusal(code: int, words: str) -> refusals.Refusal:
    return REFUSALS.get(code) or refusals.by_words(words, refusals.MESSAGE_REFUSED)


def _code(response: Response) -> int:
    """Return the code of a whole answer; -1 when it has none."""
    try:
        return _decode_one(response.body).code
    except msgspec.DecodeError:
        return -1


def _words(response: Response) -> str:
    """Return status, code and message: `422 (code 405): You are not allowed to send.`; else the status alone."""
    try:
        verdict = _decode_one(response.body)
    except msgspec.DecodeError:
        return f"{response.status} without words of its own"
    return f"{response.status} (code {verdict.code}): {verdict.words}"


class _FoundMessage(msgspec.Struct, frozen=True):
    metadata: dict[str, str] = msgspec.field(name="Metadata", default_factory=dict)


class _SearchPage(msgspec.Struct, frozen=True):
    """A page of the search: https://postmarkapp.com/developer/api/messages-api#outbound-message-search."""

    messages: list[_FoundMessage] = msgspec.field(name="Messages")


def look(search: Search, settings: Settings) -> Request:
    """Return the call `GET /messages/outbound`; a search takes one field of metadata, so the batch's."""
    query = {"count": PAGE, "offset": 0, "metadata_batch": search.tag, "messagestream": settings["message_stream"]}
    url = f"{settings['base_url']}/messages/outbound?{urlencode(query)}"
    return Request(method="GET", url=url, headers=_headers(settings))


def sight(response: Response, _search: Search) -> Sight | None:
    """Read the delivery ids of a page of the search; a batch fits on one page."""
    page = decoded(response, _SearchPage)
    if page is None:
        return None
    return Sight(delivery_ids=frozenset(message.metadata.get("delivery_id", "") for message in page.messages))


class _Record(msgspec.Struct, frozen=True):
    """A webhook's body: https://postmarkapp.com/developer/webhooks/webhooks-overview."""

    record: str = msgspec.field(name="RecordType")
    message_id: str = msgspec.field(name="MessageID", default="")
    metadata: dict[str, str] = msgspec.field(name="Metadata", default_factory=dict)
    recipient: str = msgspec.field(name="Recipient", default="")
    email: str = msgspec.field(name="Email", default="")
    bounce_type: str = msgspec.field(name="Type", default="")
    delivered_at: str = msgspec.field(name="DeliveredAt", default="")
    bounced_at: str = msgspec.field(name="BouncedAt", default="")
    received_at: str = msgspec.field(name="ReceivedAt", default="")
    changed_at: str = msgspec.field(name="ChangedAt", default="")
    details: str = msgspec.field(name="Details", default="")
    description: str = msgspec.field(name="Description", default="")
    link: str = msgspec.field(name="OriginalLink", default="")
    suppresses: bool = msgspec.field(name="SuppressSending", default=False)
    suppression: str = msgspec.field(name="SuppressionReason", default="")


BOUNCES = {
    **dict.fromkeys(("HardBounce", "BadEmailAddress", "AddressChange"), ReportKind.HARD_BOUNCE),
    **dict.fromkeys(("SoftBounce", "Transient", "DnsError"), ReportKind.SOFT_BOUNCE),
    **dict.fromkeys(("Blocked", "SpamNotification", "VirusNotification", "DMARCPolicy"), ReportKind.BLOCKED),
    **dict.fromkeys(("SMTPApiError", "TemplateRenderingFailed"), ReportKind.BLOCKED),
    "SpamComplaint": ReportKind.COMPLAINED,
    "Unsubscribe": ReportKind.UNSUBSCRIBED,
}
"""Kinds of bounces: https://postmarkapp.com/developer/api/bounce-api#bounce-types; others change nothing."""
SUPPRESSIONS = {
    "ManualSuppression": ReportKind.UNSUBSCRIBED,
    "HardBounce": ReportKind.HARD_BOUNCE,
    "SpamComplaint": ReportKind.COMPLAINED,
}
RECORDS = {
    "Delivery": ReportKind.DELIVERED,
    "SpamComplaint": ReportKind.COMPLAINED,
    "Open": ReportKind.OPENED,
    "Click": ReportKind.CLICKED,
}


def reports(body: bytes) -> list[Report]:
    """Read a webhook's body; it has one record. Postmark signs nothing."""
    record = decode(body, _Record)
    kind = RECORDS.get(record.record)
    if record.record == "Bounce":
        kind = BOUNCES.get(record.bounce_type)
    elif record.record == "SubscriptionChange":
        kind = SUPPRESSIONS.get(record.suppression) if record.suppresses else None
    if kind is None:
        return []
    at = record.delivered_at or record.bounced_at or record.received_at or record.changed_at
    key = event_key(record.record, record.bounce_type, record.message_id, at, record.link, record.suppression)
    return [
        Report(
            kind=kind,
            delivery_id=record.metadata.get("delivery_id", ""),
            tag=record.metadata.get("batch", ""),
            address=record.recipient or record.email,
            at=moment(at),
            key=key,
            provider_id=record.message_id,
            link=record.link,
            detail=record.details or record.description,
        )
    ]


class _Suppressed(msgspec.Struct, frozen=True):
    address: str = msgspec.field(name="EmailAddress")
    reason: str = msgspec.field(name="SuppressionReason", default="")
    origin: str = msgspec.field(name="Origin", default="")
    created_at: str = msgspec.field(name="CreatedAt", default="")


class _Suppressions(msgspec.Struct, frozen=True):
    """The list: https://postmarkapp.com/developer/api/suppressions-api#suppression-dump."""

    suppressions: list[_Suppressed] = msgspec.field(name="Suppressions")


def list_suppressions(settings: Settings) -> list[Request]:
    """Return the call `GET /message-streams/<stream>/suppressions/dump`, which has no pages."""
    url = f"{settings['base_url']}/message-streams/{quote(settings['message_stream'], safe='')}/suppressions/dump"
    return [Request(method="GET", url=url, headers=_headers(settings))]


def suppression_page(_request: Request, response: Response, _settings: Settings) -> SuppressionPage | None:
    """Read the list."""
    page = decoded(response, _Suppressions)
    if page is None:
        return None
    entries = page.suppressions
    return SuppressionPage(
        addresses=[
            ListedAddress(
                address=entry.address,
                kind=SUPPRESSIONS[entry.reason],
                at=moment(entry.created_at) if entry.created_at else None,
                detail=f"{entry.reason} by {entry.origin}" if entry.origin else entry.reason,
            )
            for entry in entries
            if entry.reason in SUPPRESSIONS
        ]
    )


POSTMARK = Provider(
    name="postmark",
    title="Postmark",
    settings=PROVIDER_SETTINGS["postmark"],
    # https://postmarkapp.com/developer/user-guide/send-email-with-api/batch-emails
    batch_size=500,
    byte_cap=50_000_000,
    unsubscribe="option",
    lookup=Lookup(request=look, sight=sight, settle=timedelta(minutes=10)),
    suppressions=SuppressionList(requests=list_suppressions, page=suppression_page),
    webhook=Webhook(
        verify=None,
        reports=reports,
        switch_on=("Delivery", "Bounce", "Spam complaint", "Subscription change", "Open", "Link click"),
    ),
    request=request,
    outcomes=outcomes,
)
