"""SendGrid: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send.

A call takes one message and each reader's substitutions, for up to 1,000 readers, and is accepted or refused as a
whole. SendGrid recognises no repeated call; after a lost answer its events tell, or its search, where the account has
bought it. Our delivery id and the batch travel as custom arguments, which its events have as keys of their own.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from newsletter.addresses import address_key
from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import Syntax
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
from newsletter.providers.body import RequestBody
from newsletter.providers.pages import at_next_offset, decoded
from newsletter.providers.refusals import Refusal
from newsletter.providers.substitution import json_mailbox, reader_headers, values_excess
from newsletter.providers.transport import unsettled
from newsletter.providers.webhooks import (
    FetchCertificate,
    Report,
    ReportKind,
    UnverifiedError,
    Webhook,
    WebhookCall,
    check_age,
    decode,
    event_key,
    unix_moment,
)

SYNTAX = Syntax(slot="%nl{}%", literal=re.compile(r"%(?=nl\d+%)"), mark="%")
"""Substitutions replace exactly the keys that a call names, so nothing else of a text needs care."""
SUBSTITUTIONS = 10_000
"""Bytes that one reader's substitutions may have: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send."""
NO_TRACKING = {
    "click_tracking": {"enable": False},
    "open_tracking": {"enable": False},
    # It would put a link of SendGrid's beside ours.
    "subscription_tracking": {"enable": False},
}

_encode = msgspec.json.Encoder().encode


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    field: str | None = None


class _Errors(msgspec.Struct, frozen=True):
    errors: list[_Error]


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /v3/mail/send`."""
    template = batch.mailing.template(SYNTAX)
    columns = batch.mailing.variables(batch.recipients, SYNTAX)
    people = _personalizations(batch, columns)
    call: dict[str, Any] = {
        "from": json_mailbox(template.sender.name, template.sender.address),
        "subject": template.subject,
        "content": [
            {"type": "text/plain", "value": template.text},
            {"type": "text/html", "value": template.html},
        ],
        "personalizations": people,
        "tracking_settings": NO_TRACKING,
        **({"reply_to": {"email": template.reply_to}} if template.reply_to else {}),
    }
    headers = {"Authorization": f"Bearer {settings['api_key']}", "Content-Type": "application/json"}
    url = f"{settings['base_url']}/v3/mail/send"
    excess = values_excess("SendGrid", [len(_encode(each["substitutions"])) for each in people], each=SUBSTITUTIONS)
    return Request(method="POST", url=url, headers=headers, body=RequestBody([[_encode(call)]]), excess=excess)


def _personalizations(batch: Batch, columns: Any) -> list[dict[str, Any]]:
    count, keys = len(batch.recipients), [SYNTAX.slot.format(number) for number in range(len(columns))]
    rows = zip(*columns, strict=True) if columns else iter([()] * count)
    headers = reader_headers(batch.mailing.template(SYNTAX), SYNTAX, columns, count)
    return [
        {
            "to": [json_mailbox(recipient.name, recipient.email)],
            "headers": own_headers,
            "substitutions": dict(zip(keys, values, strict=True)),
            "custom_args": {"delivery_id": recipient.delivery_id, **({"batch": batch.tag} if batch.tag else {})},
        }
        for recipient, own_headers, values in zip(batch.recipients, headers, rows, strict=True)
    ]


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: 202 has no body, and one id for the call."""
    if response.status == 202:
        id = response.headers.get("x-message-id", "")
        if id and not response.body.strip():
            return Answer(results=(Result(outcome=Outcome.ACCEPTED, provider_id=id),) * len(batch.recipients))
        return batch.everyone(Outcome.UNKNOWN, "SendGrid answered 202, but no id")
    errors, words = _errors(response)
    if answer := unsettled("SendGrid", response, batch, words):
        return answer
    return refusals.whole(batch, _refusal(response.status, errors, words), f"SendGrid refused the request: {words}")


def _refusal(status: int, errors: list[_Error], words: str) -> Refusal:
    """Classify a refusal by the field that it names: https://www.twilio.com/docs/sendgrid/api-reference/errors."""
    fields = [error.field or "" for error in errors]
    if status == 413:
        return refusals.MESSAGE_REFUSED
    if status != 400 or any(field.startswith("from") for field in fields):
        return refusals.SENDER_REFUSED
    if any(field.startswith("personalizations") for field in fields):
        return refusals.READER_REFUSED
    return refusals.by_words(words, refusals.MESSAGE_REFUSED) if errors else refusals.SENDER_REFUSED


def _errors(response: Response) -> tuple[list[_Error], str]:
    try:
        errors = msgspec.json.decode(response.body, type=_Errors).errors
    except msgspec.DecodeError:
        errors = []
    said = "; ".join(f"{error.message} ({error.field})" if error.field else error.message for error in errors)
    return errors, f"{response.status}: {said[:500] or 'without words of its own'}"


class _FoundMessage(msgspec.Struct, frozen=True):
    address: str = msgspec.field(name="to_email")


class _FoundMessages(msgspec.Struct, frozen=True):
    messages: list[_FoundMessage]


MOST_FOUND = 1000
"""Messages that a search shows, at most: as many as a batch has."""


def look(search: Search, settings: Settings) -> Request:
    """Return the call `GET /v3/messages` for the batch's custom argument.

    https://www.twilio.com/docs/sendgrid/for-developers/sending-email/getting-started-email-activity-api: an add-on of
    the account, six calls a minute, and nothing for accounts in Europe.
    """
    query = {"query": f"""(unique_args['batch']="{search.tag}")""", "limit": MOST_FOUND}
    url = f"{settings['base_url']}/v3/messages?{urlencode(query)}"
    return Request(method="GET", url=url, headers={"Authorization": f"Bearer {settings['api_key']}"})


def sight(response: Response, search: Search) -> Sight | None:
    """Read what was found; it names addresses alone."""
    page = decoded(response, _FoundMessages)
    if page is None:
        return None
    keys = (address_key(message.address) for message in page.messages)
    return Sight(delivery_ids=frozenset(search.readers.get(key, key) for key in keys))


class _Event(msgspec.Struct, frozen=True):
    """An event: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event."""

    event: str
    timestamp: float
    email: str = ""
    delivery_id: str = ""
    batch: str = ""
    message_id: str = msgspec.field(name="sg_message_id", default="")
    kind: str = msgspec.field(name="type", default="")
    reason: str = ""
    response: str = ""
    status: str = ""
    url: str = ""
    machine: bool = msgspec.field(name="sg_machine_open", default=False)


EVENTS: Mapping[str, ReportKind] = {
    "processed": ReportKind.TAKEN,
    "delivered": ReportKind.DELIVERED,
    "deferred": ReportKind.DEFERRED,
    "open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
    "spamreport": ReportKind.COMPLAINED,
    "unsubscribe": ReportKind.UNSUBSCRIBED,
    "group_unsubscribe": ReportKind.UNSUBSCRIBED,
}
DROPPED = {
    "Bounced Address": ReportKind.HARD_BOUNCE,
    "Invalid": ReportKind.HARD_BOUNCE,
    "Spam Reporting Address": ReportKind.COMPLAINED,
    "Unsubscribed Address": ReportKind.UNSUBSCRIBED,
}
"""Reasons why SendGrid did not send: the address is on one of its lists. Any other is a refusal of the message."""
POLICY = re.compile(r"\b5\.7\.\d")


def verify(call: WebhookCall, settings: Settings, _fetch: FetchCertificate) -> None:
    """Check the signature, ECDSA over time and body.

    https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    at = call.headers.get("x-twilio-email-event-webhook-timestamp", "")
    check_age(call, at)
    try:
        key = load_der_public_key(base64.b64decode(settings["webhook_secret"]))
        signature = base64.b64decode(call.headers.get("x-twilio-email-event-webhook-signature", ""), validate=True)
    except ValueError as error:
        raise UnverifiedError("webhook_secret or the signature cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise UnverifiedError("webhook_secret is not SendGrid's verification key")
    try:
        key.verify(signature, at.encode() + call.body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise UnverifiedError("the signature is wrong") from error


def reports(body: bytes) -> list[Report]:
    """Read a webhook's body: a list of events."""
    events = ((event, _kind(event)) for event in decode(body, list[_Event]))
    return [_report(event, kind) for event, kind in events if kind is not None]


def _report(event: _Event, kind: ReportKind) -> Report:
    return Report(
        kind=kind,
        delivery_id=event.delivery_id,
        tag=event.batch,
        address=event.email,
        at=unix_moment(event.timestamp),
        # Not by `sg_event_id`, which changes when SendGrid tries again: sendgrid/sendgrid-nodejs issue 1435.
        key=event_key(event.event, event.message_id, event.timestamp, event.email, event.url),
        provider_id=event.message_id,
        link=event.url,
        machine="sendgrid" if event.machine else "",
        detail=event.reason or event.response,
    )


def _kind(event: _Event) -> ReportKind | None:
    if event.event == "bounce":
        if event.kind == "blocked":  # the server refused the message for now; SendGrid lists nobody for it
            return ReportKind.BLOCKED
        words = f"{event.status} {event.reason}"
        return ReportKind.BLOCKED if POLICY.search(words) else ReportKind.HARD_BOUNCE
    if event.event == "dropped":
        return DROPPED.get(event.reason, ReportKind.BLOCKED)
    return EVENTS.get(event.event)


class _Listed(msgspec.Struct, frozen=True):
    email: str
    created: float = 0
    reason: str = ""


LISTS = {
    "bounces": ReportKind.HARD_BOUNCE,
    "invalid_emails": ReportKind.HARD_BOUNCE,
    "spam_reports": ReportKind.COMPLAINED,
    "unsubscribes": ReportKind.UNSUBSCRIBED,
}
PAGE = 500
"""Entries of a page, at most: https://www.twilio.com/docs/sendgrid/api-reference/bounces-api/retrieve-all-bounces."""


def list_suppressions(settings: Settings) -> list[Request]:
    """Return the calls `GET /v3/suppression/bounces` and so on, one for each list."""
    headers = {"Authorization": f"Bearer {settings['api_key']}"}
    urls = (f"{settings['base_url']}/v3/suppression/{name}?limit={PAGE}&offset=0" for name in LISTS)
    return [Request(method="GET", url=url, headers=headers) for url in urls]


def suppression_page(request: Request, response: Response, _settings: Settings) -> SuppressionPage | None:
    """Read a page; the last has fewer entries than PAGE."""
    entries = decoded(response, list[_Listed])
    if entries is None:
        return None
    name = request.url.partition("?")[0].rpartition("/")[2]
    addresses = [
        ListedAddress(
            address=entry.email,
            kind=LISTS[name],
            at=unix_moment(entry.created) if entry.created else None,
            detail=entry.reason,
        )
        for entry in entries
    ]
    return SuppressionPage(addresses=addresses, more=at_next_offset(request, len(entries), PAGE))


SENDGRID = Provider(
    name="sendgrid",
    title="SendGrid",
    settings=PROVIDER_SETTINGS["sendgrid"],
    batch_size=1000,  # https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
    byte_cap=20_000_000,
    lookup=Lookup(request=look, sight=sight, settle=timedelta(minutes=30), knows_addresses_alone=True),
    suppressions=SuppressionList(requests=list_suppressions, page=suppression_page),
    webhook=Webhook(
        verify=verify,
        needs_secret=True,
        reports=reports,
        modules=("cryptography",),
        switch_on=("Processed", "Dropped", "Deferred", "Bounced", "Delivered", "Spam Reports", "Unsubscribes"),
    ),
    request=request,
    outcomes=outcomes,
)
