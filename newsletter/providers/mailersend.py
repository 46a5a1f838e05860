"""MailerSend: https://developers.mailersend.com/api/v1/email.html#send-bulk-emails (finished messages, 500 a call).

A call is taken as a whole and worked off later: 202 names the bulk, and events tell about each message. MailerSend
recognises no repeated call. It has no metadata, so our delivery id and the batch travel as tags.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.provider_templates import WORD_JOINER
from newsletter.messages.types import Message
from newsletter.providers import refusals
from newsletter.providers.base import (
    Answer,
    Batch,
    ListedAddress,
    Outcome,
    Provider,
    Request,
    Response,
    Result,
    Settings,
    SuppressionList,
    SuppressionPage,
)
from newsletter.providers.body import json_list
from newsletter.providers.pages import decoded
from newsletter.providers.refusals import Refusal
from newsletter.providers.substitution import json_mailbox
from newsletter.providers.transport import unsettled
from newsletter.providers.webhooks import (
    FetchCertificate,
    Report,
    ReportKind,
    Webhook,
    WebhookCall,
    check_hmac,
    decode,
    event_key,
    moment,
)

OWN_HEADERS = frozenset({"Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"})
"""Headers that have a field of their own or are MailerSend's: https://www.mailersend.com/help/custom-headers."""
TEMPLATE = re.compile(r"\{(?=[{%#$])")
"""The beginning of what MailerSend would take for a variable or a statement."""
QUOTA = re.compile(r"MS42204|MS42207|MS42901|MS403\d\d")
"""Codes that are about the plan, the domain or the day's quota: https://developers.mailersend.com/general.html."""

_encode = msgspec.json.Encoder().encode


class _Reply(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="bulk_email_id")


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    errors: dict[str, list[str]] | list[object] = {}


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /v1/bulk-email`."""
    with_headers = settings["custom_headers"] == "true"
    messages = (
        [_encode(_message(batch.mailing.message(recipient), batch.tag, with_headers=with_headers))]
        for recipient in batch.recipients
    )
    headers = {"Authorization": f"Bearer {settings['api_key']}", "Content-Type": "application/json"}
    url = f"{settings['base_url']}/v1/bulk-email"
    return Request(method="POST", url=url, headers=headers, body=json_list(messages))


def _message(message: Message, tag: str, *, with_headers: bool) -> dict[str, Any]:
    own: dict[str, Any] = {}
    if with_headers:  # of the Professional and Enterprise plans
        named = ({"name": name, "value": value} for name, value in message.headers.items() if name not in OWN_HEADERS)
        own = {"headers": [*named], "list_unsubscribe": message.headers["List-Unsubscribe"]}
    return {
        "from": json_mailbox(message.sender.name, message.sender.address),
        "to": [json_mailbox(message.to.name, message.to.address)],
        "subject": TEMPLATE.sub("{" + WORD_JOINER, message.subject),
        "html": TEMPLATE.sub("&#123;", message.html),
        "text": TEMPLATE.sub("{" + WORD_JOINER, message.text),
        "tags": [message.delivery_id, *([tag] if tag else [])],
        "settings": {"track_clicks": False, "track_opens": False},
        **({"reply_to": {"email": message.reply_to}} if message.reply_to else {}),
        **own,
    }


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: 202 has one id for the bulk."""
    if response.status == 202:
        try:
            id = msgspec.json.decode(response.body, type=_Reply).id
        except msgspec.DecodeError as reason:
            return batch.everyone(Outcome.UNKNOWN, f"MailerSend answered 202, but no id: {reason}")
        return Answer(results=(Result(outcome=Outcome.ACCEPTED, provider_id=id),) * len(batch.recipients))
    error, words = _error(response)
    if QUOTA.search(words):
        return refusals.whole(batch, refusals.SENDER_REFUSED, f"MailerSend refused to send: {words}")
    if answer := unsettled("MailerSend", response, batch, words, busy=(421, 429)):
        return answer
    return refusals.whole(batch, _refusal(response.status, error, words), f"MailerSend refused the request: {words}")


def _refusal(status: int, error: _Error | None, words: str) -> Refusal:
    """Classify a refusal by the fields that it names: `0.to.0.email`, `3.from.email`."""
    if status == 413:
        return refusals.MESSAGE_REFUSED
    if status not in (400, 422) or error is None:
        return refusals.SENDER_REFUSED
    fields = [*error.errors] if isinstance(error.errors, dict) else []
    if any(".from" in f".{field}" for field in fields):
        return refusals.SENDER_REFUSED
    if any(".to." in f".{field}." for field in fields):
        return refusals.READER_REFUSED
    return refusals.by_words(words, refusals.MESSAGE_REFUSED)


def _error(response: Response) -> tuple[_Error | None, str]:
    try:
        error = msgspec.json.decode(response.body, type=_Error)
    except msgspec.DecodeError:
        return None, f"{response.status}: without words of its own"
    fields = error.errors.items() if isinstance(error.errors, dict) else ()
    said = "; ".join([error.message, *(f"{name}: {' '.join(words)}" for name, words in fields)])
    return error, f"{response.status}: {said[:500]}"


class _Recipient(msgspec.Struct, frozen=True):
    email: str = ""


class _MailMessage(msgspec.Struct, frozen=True):
    id: str = ""


class _Email(msgspec.Struct, frozen=True):
    """The email of an event of version 1 of the webhooks."""

    recipient: _Recipient = _Recipient()
    message: _MailMessage = _MailMessage()
    tags: list[str] | None = None


class _Meta(msgspec.Struct, frozen=True):
    url: str = ""
    bounce_reason: str = ""
    reason: str = ""


class _Morph(msgspec.Struct, frozen=True):
    url: str = ""
    reason: str = ""
    readable_reason: str = ""


class _Data(msgspec.Struct, frozen=True):
    id: str = ""
    type: str = ""
    recipient: str = ""
    message_id: str = ""
    tags: list[str] | None = None
    created_at: str = ""
    email: _Email | None = None
    morph: _Morph | None = None
    meta: _Meta | list[object] | None = None


class _WebhookEvent(msgspec.Struct, frozen=True):
    """A webhook's body: https://developers.mailersend.com/api/v1/webhooks.html#payload-example."""

    type: str
    created_at: str = ""
    data: _Data | list[object] | None = None


EVENTS = {
    "activity.sent": ReportKind.TAKEN,
    "activity.delivered": ReportKind.DELIVERED,
    "activity.deferred": ReportKind.DEFERRED,
    "activity.hard_bounced": ReportKind.HARD_BOUNCE,
    "activity.soft_bounced": ReportKind.SOFT_BOUNCE,
    "activity.spam_complaint": ReportKind.COMPLAINED,
    "activity.unsubscribed": ReportKind.UNSUBSCRIBED,
    "activity.opened": ReportKind.OPENED,
    "activity.opened_unique": ReportKind.OPENED,
    "activity.clicked": ReportKind.CLICKED,
    "activity.clicked_unique": ReportKind.CLICKED,
    "activity.suppressed": ReportKind.BLOCKED,
}
OURS = re.compile(r"\d{1,15}\.\d{1,15}")
"""A tag that is a delivery id."""
POLICY = re.compile(r"\b5\.7\.\d")


def verify(call: WebhookCall, settings: Settings, _fetch: FetchCertificate) -> None:
    """Check the signature, an HMAC of the body; it signs no time.

    https://developers.mailersend.com/api/v1/webhooks.html#security
    """
    check_hmac(settings["webhook_secret"].encode(), call.body, [call.headers.get("signature", "")], bytes.hex)


def reports(body: bytes) -> list[Report]:
    """Read a webhook's body; it has one event. `webhook.test` is a ping."""
    event = decode(body, _WebhookEvent)
    kind = EVENTS.get(event.type)
    if kind is None or not isinstance(event.data, _Data):
        return []
    data, email = event.data, event.data.email or _Email()
    tags = data.tags or email.tags or []
    meta = data.meta if isinstance(data.meta, _Meta) else _Meta()
    morph = data.morph or _Morph()
    words = meta.bounce_reason or meta.reason or morph.readable_reason or morph.reason
    if kind is ReportKind.HARD_BOUNCE and POLICY.search(words):
        kind = ReportKind.BLOCKED
    at, link = data.created_at or event.created_at, meta.url or morph.url
    message_id = data.message_id or email.message.id
    return [
        Report(
            kind=kind,
            delivery_id=next((tag for tag in tags if OURS.fullmatch(tag)), ""),
            tag=next((tag for tag in tags if not OURS.fullmatch(tag)), ""),
            address=data.recipient or email.recipient.email,
            at=moment(at),
            # The first opening is reported as one of all, too, where both kinds are switched on.
            key=data.id or event_key(event.type.removesuffix("_unique"), message_id, at, link),
            provider_id=message_id,
            link=link,
            detail=words,
        )
    ]


class _Listed(msgspec.Struct, frozen=True):
    recipient: _Recipient = _Recipient()
    kind: str = msgspec.field(name="type", default="")
    pattern: str = ""
    reason: str | None = ""
    created_at: str = ""

    @property
    def address(self) -> str:
        """Return the address; empty for a pattern of the blocklist."""
        return self.recipient.email or (self.pattern if self.kind == "exact" else "")


class _Links(msgspec.Struct, frozen=True):
    next: str | None = None


class _ListedPage(msgspec.Struct, frozen=True):
    """A page: https://developers.mailersend.com/api/v1/recipients.html#get-recipients-from-a-suppression-list."""

    data: list[_Listed]
    links: _Links = _Links()


LISTS = {
    "hard-bounces": ReportKind.HARD_BOUNCE,
    "spam-complaints": ReportKind.COMPLAINED,
    "unsubscribes": ReportKind.UNSUBSCRIBED,
    "blocklist": ReportKind.UNSUBSCRIBED,
}
PAGE = 100
"""Entries of a page, at most."""


def list_suppressions(settings: Settings) -> list[Request]:
    """Return the calls `GET /v1/suppressions/hard-bounces` and so on, one for each list."""
    headers = {"Authorization": f"Bearer {settings['api_key']}", "Accept": "application/json"}
    return [Request(method="GET", url=_list_url(settings, name, 1), headers=headers) for name in LISTS]


def suppression_page(request: Request, response: Response, settings: Settings) -> SuppressionPage | None:
    """Read a page; its links say whether there is another."""
    page = decoded(response, _ListedPage)
    if page is None:
        return None
    path, _, query = request.url.partition("?")
    name, number = path.rpartition("/")[2], int(query.rpartition("=")[2])
    addresses = [
        ListedAddress(
            address=entry.address,
            kind=LISTS[name],
            at=moment(entry.created_at) if entry.created_at else None,
            detail=entry.reason or "",
        )
        for entry in page.data
        if entry.address
    ]
    url = _list_url(settings, name, number + 1)
    more = Request(method="GET", url=url, headers=request.headers) if page.data and page.links.next else None
    return SuppressionPage(addresses=addresses, more=more)


def _list_url(settings: Settings, name: str, page: int) -> str:
    return f"{settings['base_url']}/v1/suppressions/{name}?limit={PAGE}&page={page}"


MAILERSEND = Provider(
    name="mailersend",
    title="MailerSend",
    settings=PROVIDER_SETTINGS["mailersend"],
    batch_size=500,
    calls_per_second=10 / 60,  # https://developers.mailersend.com/api/v1/email.html#send-bulk-emails
    byte_cap=50_000_000,
    suppressions=SuppressionList(requests=list_suppressions, page=suppression_page),
    unsubscribe_of=lambda settings: "ours" if settings.get("custom_headers", "true") == "true" else "theirs",
    webhook=Webhook(
        verify=verify,
        needs_secret=True,
        reports=reports,
        switch_on=("activity.sent", "activity.delivered", "activity.hard_bounced", "activity.soft_bounced"),
    ),
    request=request,
    outcomes=outcomes,
)
