"""Mailjet: https://dev.mailjet.com/email/guides/send-api-v31/ (finished messages, 50 a call).

Each message has an outcome of its own. A message of a campaign goes to one contact once (`DeduplicateCampaign`), so a
call without an answer is made again; after a day its messages are looked for one by one. Mailjet puts its own
List-Unsubscribe in place of ours, and tells by an event who used it. Our delivery id travels as the custom id, the
batch as the payload of events.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import JsonMessage, Recipient
from newsletter.providers import refusals
from newsletter.providers.base import (
    Answer,
    Batch,
    Lookup,
    Outcome,
    Provider,
    Request,
    Response,
    Result,
    Search,
    Settings,
    Sight,
)
from newsletter.providers.body import GAP, RequestBody, filled, json_list
from newsletter.providers.pages import decoded
from newsletter.providers.refusals import Refusal
from newsletter.providers.transport import unsettled
from newsletter.providers.webhooks import Report, ReportKind, Webhook, decode, event_key, unix_moment

OWN_HEADERS = frozenset({"date", "list-id", "message-id"})
"""Headers of a message that Mailjet refuses in a call, in lower case; List-Id is the one that readers then miss.

The whole list is in Mailjet's guide, https://dev.mailjet.com/email/guides/send-api-v31/, "Adding email headers".
"""
ABOUT = {"From": refusals.SENDER_REFUSED, "Sender": refusals.SENDER_REFUSED, "To": refusals.READER_REFUSED}
"""What a message's error is related to: https://dev.mailjet.com/email/reference/overview/errors/."""

_encode = msgspec.json.Encoder().encode


class _Sent(msgspec.Struct, frozen=True):
    id: int | str = msgspec.field(name="MessageID", default="")


class _Fault(msgspec.Struct, frozen=True):
    code: str = msgspec.field(name="ErrorCode", default="")
    message: str = msgspec.field(name="ErrorMessage", default="")
    related: list[str] = msgspec.field(name="ErrorRelatedTo", default_factory=list)


class _Verdict(msgspec.Struct, frozen=True):
    status: str = msgspec.field(name="Status")
    to: list[_Sent] = msgspec.field(name="To", default_factory=list)
    faults: list[_Fault] = msgspec.field(name="Errors", default_factory=list)


class _Reply(msgspec.Struct, frozen=True):
    messages: list[_Verdict] = msgspec.field(name="Messages")


class _Error(msgspec.Struct, frozen=True):
    message: str = msgspec.field(name="ErrorMessage", default="")


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /v3.1/send`."""
    sender = batch.mailing.envelope.sender
    campaign = batch.tag.rpartition("-")[0] or batch.key
    messages = json_list(
        _message(
            batch.mailing.json_message(recipient), recipient, _mailbox(sender.name, sender.address), campaign, batch
        )
        for recipient in batch.recipients
    )
    headers = {**_headers(settings), "Content-Type": "application/json"}
    body = RequestBody([[b'{"Messages":'], [bytes(messages)], [b"}"]])
    return Request(method="POST", url=f"{settings['base_url']}/v3.1/send", headers=headers, body=body)


def _headers(settings: Settings) -> dict[str, str]:
    key = base64.b64encode(f"{settings['api_key']}:{settings['api_secret']}".encode()).decode()
    return {"Authorization": f"Basic {key}"}


def _message(
    message: JsonMessage, recipient: Recipient, sender: dict[str, str], campaign: str, batch: Batch
) -> list[bytes]:
    parts: dict[str, Any] = {
        "From": sender,
        "To": [_mailbox(recipient.name, recipient.email)],
        "Subject": message.subject,
        "HTMLPart": GAP,
        "TextPart": GAP,
        "Headers": {name: value for name, value in message.headers.items() if name.lower() not in OWN_HEADERS},
        "CustomID": message.delivery_id,
        "EventPayload": batch.tag,
        "CustomCampaign": campaign,
        "DeduplicateCampaign": True,
        "TrackOpens": "disabled",
        "TrackClicks": "disabled",
    }
    if message.reply_to:
        parts["ReplyTo"] = {"Email": message.reply_to}
    return filled(_encode(parts), message.html, message.text)


def _mailbox(name: str, address: str) -> dict[str, str]:
    return {"Email": address, "Name": name} if name else {"Email": address}


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: a verdict for each message, in their order, also when the status is 4xx."""
    verdicts = _verdicts(response)
    if verdicts is not None and (response.status == 200 or 400 <= response.status < 500):
        if len(verdicts) == len(batch.recipients):
            return refusals.listed(map(_result, verdicts))
        reason = f"Mailjet answered {len(verdicts)} results for {len(batch.recipients)} messages"
        return batch.everyone(Outcome.UNKNOWN, reason)
    words = _words(response)
    if answer := unsettled("Mailjet", response, batch, words):
        return answer
    refusal = refusals.MESSAGE_REFUSED if response.status == 413 else refusals.SENDER_REFUSED
    return refusals.whole(batch, refusal, f"Mailjet refused the request: {words}")


def _result(verdict: _Verdict) -> Result | tuple[Refusal, str]:
    if verdict.status == "success" and verdict.to:
        return Result(outcome=Outcome.ACCEPTED, provider_id=str(verdict.to[0].id))
    if not verdict.faults:
        return refusals.NOT_CLEAR, f"Mailjet calls the message {verdict.status}, and does not say why"
    words = "; ".join(f"{fault.message} ({fault.code})" for fault in verdict.faults)
    related = [name.partition("[")[0] for fault in verdict.faults for name in fault.related]
    known = next((ABOUT[name] for name in related if name in ABOUT), None)
    return known or refusals.by_words(words, refusals.MESSAGE_REFUSED), f"Mailjet: {words}"


def _verdicts(response: Response) -> list[_Verdict] | None:
    try:
        return msgspec.json.decode(response.body, type=_Reply).messages
    except msgspec.DecodeError:
        return None


def _words(response: Response) -> str:
    try:
        said = msgspec.json.decode(response.body, type=_Error).message
    except msgspec.DecodeError:
        said = ""
    return f"{response.status}: {said or 'without words of its own'}"


class _Found(msgspec.Struct, frozen=True):
    campaign_id: int = msgspec.field(name="CampaignID", default=0)
    custom_id: str = msgspec.field(name="CustomID", default="")


class _FoundPage(msgspec.Struct, frozen=True):
    data: list[_Found] = msgspec.field(name="Data")


def look(search: Search, settings: Settings) -> Request:
    """Return the next of the calls that look for a batch's messages: first for the campaign's number, then each.

    https://dev.mailjet.com/reference/email/messages/: a campaign is found by our name of it in `messageinformation`,
    a message by its campaign and custom id in `message`.
    """
    if not search.page:
        query = {"CustomCampaign": search.tag.rpartition("-")[0], "Limit": 1}
        return _get(settings, "messageinformation", query)
    number, place = search.page.split("/")
    asked = [*search.readers.values()]
    since = (search.handed_at - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    which = {"CustomID": asked[int(place)]} if asked else {"FromTS": since}
    return _get(settings, "message", {"Campaign": number, **which, "ShowCustomID": "true", "Limit": 1})


def _get(settings: Settings, resource: str, query: dict[str, Any]) -> Request:
    url = f"{settings['base_url']}/v3/REST/{resource}?{urlencode(query)}"
    return Request(method="GET", url=url, headers=_headers(settings))


def sight(response: Response, search: Search) -> Sight | None:
    """Read an answer: the campaign's number, or one message. Mailjet knows no campaign without messages."""
    page = decoded(response, _FoundPage)
    if page is None:
        return None
    if not search.page:
        return Sight(delivery_ids=frozenset(), more=f"{page.data[0].campaign_id}/0" if page.data else "")
    number, place = search.page.split("/")
    following = int(place) + 1
    more = f"{number}/{following}" if following < len(search.readers) else ""
    return Sight(delivery_ids=frozenset(found.custom_id for found in page.data if found.custom_id), more=more)


class _Event(msgspec.Struct, frozen=True):
    """An event: https://dev.mailjet.com/email/guides/webhooks/."""

    event: str
    time: float = 0
    email: str = ""
    custom_id: str = msgspec.field(name="CustomID", default="")
    payload: str = msgspec.field(name="Payload", default="")
    message_id: int | str = msgspec.field(name="MessageID", default="")
    is_hard: bool = msgspec.field(name="hard_bounce", default=False)
    error: str = ""
    comment: str = ""
    url: str = ""


EVENTS = {
    "sent": ReportKind.DELIVERED,
    "open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
    "spam": ReportKind.COMPLAINED,
    "unsub": ReportKind.UNSUBSCRIBED,
    "blocked": ReportKind.BLOCKED,
}
POLICIES = frozenset({"sender blocked", "content blocked", "policy issue", "preblocked", "relay/access denied"})


def reports(body: bytes) -> list[Report]:
    """Read a webhook's body: an event, or a list where they are grouped. Mailjet signs nothing."""
    read = decode(body, _Event | list[_Event])  # type: ignore[arg-type]
    events = read if isinstance(read, list) else [read]
    return [_report(event, kind) for event in events if (kind := _kind(event)) is not None]


def _kind(event: _Event) -> ReportKind | None:
    if event.event == "blocked" and event.error == "duplicate in campaign":
        return ReportKind.TAKEN  # the reader has the first copy
    if event.event != "bounce":
        return EVENTS.get(event.event)
    if event.error in POLICIES:
        return ReportKind.BLOCKED
    if event.is_hard:
        return ReportKind.HARD_BOUNCE
    # Mailjet tries again after a greylisting, and after nothing else.
    return ReportKind.DEFERRED if event.error == "greylisted" else ReportKind.SOFT_BOUNCE


def _report(event: _Event, kind: ReportKind) -> Report:
    return Report(
        kind=kind,
        delivery_id=event.custom_id,
        tag=event.payload,
        address=event.email,
        at=unix_moment(event.time),
        key=event_key(event.event, event.message_id, event.time, event.email, event.url),
        provider_id=str(event.message_id),
        link=event.url,
        detail=event.error or event.comment,
    )


MAILJET = Provider(
    name="mailjet",
    title="Mailjet",
    settings=PROVIDER_SETTINGS["mailjet"],
    batch_size=50,  # https://dev.mailjet.com/reference/email/send-emails/
    byte_cap=15_000_000,
    dedupe="replay",
    # No end is documented; a day is safe.
    dedupe_ttl=timedelta(hours=24),
    unsubscribe="theirs",
    lookup=Lookup(request=look, sight=sight, settle=timedelta(minutes=10)),
    webhook=Webhook(
        verify=None, reports=reports, switch_on=("sent", "bounce", "blocked", "spam", "unsub", "open", "click")
    ),
    request=request,
    outcomes=outcomes,
)
