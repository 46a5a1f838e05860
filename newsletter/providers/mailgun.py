"""Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending.

A call takes one template and each reader's variables, for up to 1,000 readers, and accepts all or none.
Mailgun recognises no repeated call. Our delivery id travels as a variable, the batch as a tag.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import starmap
from urllib.parse import quote, urlencode

import msgspec

from newsletter.addresses import quoted
from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import Recipient, Syntax
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
from newsletter.providers.pages import decoded, following
from newsletter.providers.transport import after_the_host, wait_asked_for
from newsletter.providers.webhooks import (
    FetchCertificate,
    Report,
    ReportKind,
    Webhook,
    WebhookCall,
    check_age,
    check_hmac,
    decode,
    event_key,
    unix_moment,
)

SYNTAX = Syntax(
    slot="%recipient.s{}%",
    literal=re.compile(r"%(?=recipient(?:[.%]|$)|[A-Za-z_]+(?:%|$))"),
    mark="%",
)
DELIVERY = "%recipient.d%"

PROBATION = "not allowed to send large batches"
"""Words of the 403 for a new account: halves of the batch may pass."""

_encode = msgspec.json.Encoder().encode


class _Reply(msgspec.Struct, frozen=True):
    id: str = ""
    message: str = ""


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /v3/<domain>/messages`: multipart, the template once, and variables per reader."""
    template = batch.mailing.template(SYNTAX)
    fields = {
        "from": template.sender.quoted,
        "to": ", ".join(map(_to, batch.recipients)),
        "subject": template.subject,
        "html": template.html,
        "text": template.text,
        **{f"h:{name}": value for name, value in template.headers.items()},
        **({"h:Reply-To": template.reply_to} if template.reply_to else {}),
        "v:delivery_id": DELIVERY,
        **({"o:tag": batch.tag} if batch.tag else {}),
    }
    # Made from the batch's key, so that a repeated call has equal bytes.
    boundary = f"newsletter-{hashlib.sha256(batch.key.encode()).hexdigest()[:32]}"
    parts = [_field(boundary, name, value.encode("utf-8", "replace")) for name, value in fields.items()]
    parts.append(_field(boundary, "recipient-variables", _variables(batch)))
    body = RequestBody([[*parts, f"--{boundary}--\r\n".encode()]])
    headers = {**_headers(settings), "Content-Type": f"multipart/form-data; boundary={boundary}"}
    return Request(method="POST", url=f"{_domain(settings)}/messages", headers=headers, body=body)


def _to(recipient: Recipient) -> str:
    """Return a recipient for To, whose name cannot hold the syntax of a slot."""
    return quoted(recipient.name.replace("%", ""), recipient.email)


def _variables(batch: Batch) -> bytes:
    """Return the variables by address; without a reader's entry all would see each other in To."""
    columns = batch.mailing.variables(batch.recipients, SYNTAX)
    rows = zip((recipient.delivery_id for recipient in batch.recipients), *columns, strict=True)
    values = starmap(_values(len(columns)), rows)
    return _encode(dict(zip((recipient.email for recipient in batch.recipients), values, strict=True)))


@cache
def _values(slots: int) -> type[msgspec.Struct]:
    """Return a type for a reader's values, with so many slots, as an object of JSON: `d` is the delivery id."""
    return msgspec.defstruct("Values", ["d", *(f"s{number}" for number in range(slots))], gc=False)


def _field(boundary: str, name: str, value: bytes) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + value + b"\r\n"


def _headers(settings: Settings) -> dict[str, str]:
    key = base64.b64encode(f"api:{settings['api_key']}".encode()).decode()
    return {"Authorization": f"Basic {key}"}


def _domain(settings: Settings) -> str:
    return f"{settings['base_url']}/v3/{quote(settings['domain'])}"


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: every recipient of the batch has one outcome."""
    words = _words(response)
    if response.status == 200:
        return _accepted(response, batch)
    if response.status == 429 or (response.status == 503 and "retry-after" in response.headers):
        wait = wait_asked_for(response.headers, words)
        return batch.everyone(Outcome.BUSY, f"Mailgun is busy: {words}", retry_after=wait)
    if response.status >= 500 or response.status in (201, 202, 408):
        return batch.everyone(Outcome.UNKNOWN, f"Mailgun answered {words}")
    refusal = _refusal(response.status, words, len(batch.recipients))
    stops = refusal.verdict is refusals.RefusalVerdict.STOP
    return refusals.whole(batch, refusal, f"Mailgun refused the request: {words}" if stops else words)


def _refusal(status: int, words: str, count: int) -> refusals.Refusal:
    """Classify a refusal of a call to `count` recipients: 400 is the status of a bad recipient and of a bad sender."""
    if status == 413 or (PROBATION in words and count > 1):
        return refusals.MESSAGE_REFUSED
    return refusals.by_words(words, refusals.SENDER_REFUSED) if status == 400 else refusals.SENDER_REFUSED


def _accepted(response: Response, batch: Batch) -> Answer:
    reply = _reply(response)
    if reply and reply.id:
        result = Result(outcome=Outcome.ACCEPTED, provider_id=reply.id.strip("<>"))
        return Answer(results=(result,) * len(batch.recipients))
    # The API answers 200 with a greeting at any address that it does not know.
    if b"Mailgun Magnificent API" in response.body[:200]:
        return batch.everyone(Outcome.BUSY, "Mailgun has nothing at base_url: is it right?", stop=True)
    return batch.everyone(Outcome.UNKNOWN, "Mailgun answered 200, but no id")


def _reply(response: Response) -> _Reply | None:
    try:
        return msgspec.json.decode(response.body, type=_Reply)
    except msgspec.DecodeError:
        return None


def _words(response: Response) -> str:
    """Return status and message: `400: to parameter is not a valid address`; some refusals are plain text."""
    reply = _reply(response)
    message = reply.message if reply else response.body[:200].decode("utf-8", "replace").partition("<")[0]
    return f"{response.status}: {' '.join(message.split()) or 'without words of its own'}"


class _Event(msgspec.Struct, frozen=True):
    variables: dict[str, object] = msgspec.field(name="user-variables", default_factory=dict)


class _Paging(msgspec.Struct, frozen=True):
    next: str = ""


class _Events(msgspec.Struct, frozen=True):
    """A page of events: https://documentation.mailgun.com/docs/mailgun/api-reference/openapi-final/tag/Events."""

    items: list[_Event]
    paging: _Paging = _Paging()


def look(search: Search, settings: Settings) -> Request:
    """Return the call `GET /v3/<domain>/events` for the batch's tag; a page has at most 300 and names the next."""
    begin = int((search.handed_at - timedelta(minutes=5)).timestamp())
    query = {"begin": begin, "ascending": "yes", "limit": 300, "tags": search.tag, "event": "accepted"}
    url = f"{_domain(settings)}/events?{urlencode(query)}"
    if search.page:  # Mailgun names a whole address, but our key is sent to base_url alone
        url = f"{settings['base_url']}{after_the_host(search.page)}"
    return Request(method="GET", url=url, headers=_headers(settings))


def sight(response: Response, _search: Search) -> Sight | None:
    """Read the delivery ids of a page of events; an empty page is the last."""
    events = decoded(response, _Events)
    if events is None:
        return None
    ids = frozenset(str(event.variables.get("delivery_id", "")) for event in events.items)
    return Sight(delivery_ids=ids, more=events.paging.next if events.items else "")


class _Signature(msgspec.Struct, frozen=True):
    timestamp: str = ""
    token: str = ""
    signature: str = ""


class _DeliveryStatus(msgspec.Struct, frozen=True):
    message: str | None = ""
    description: str | None = ""
    enhanced_code: str | None = msgspec.field(name="enhanced-code", default="")


class _EventMessage(msgspec.Struct, frozen=True):
    headers: dict[str, str | None] = {}


class _WebhookEvent(msgspec.Struct, frozen=True):
    event: str
    timestamp: float
    id: str = ""
    recipient: str = ""
    severity: str = ""
    reason: str = ""
    url: str = ""
    tags: list[str] = []
    variables: dict[str, object] = msgspec.field(name="user-variables", default_factory=dict)
    status: _DeliveryStatus = msgspec.field(name="delivery-status", default_factory=_DeliveryStatus)
    message: _EventMessage = _EventMessage()


class _WebhookBody(msgspec.Struct, frozen=True):
    """A webhook's body: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads."""

    event: _WebhookEvent = msgspec.field(name="event-data")
    signature: _Signature = _Signature()


EVENTS = {
    "accepted": ReportKind.TAKEN,
    "delivered": ReportKind.DELIVERED,
    "complained": ReportKind.COMPLAINED,
    "unsubscribed": ReportKind.UNSUBSCRIBED,
    "opened": ReportKind.OPENED,
    "clicked": ReportKind.CLICKED,
    "rejected": ReportKind.BLOCKED,
}
SUPPRESSED = {
    "suppress-bounce": ReportKind.HARD_BOUNCE,
    "suppress-complaint": ReportKind.COMPLAINED,
    "suppress-unsubscribe": ReportKind.UNSUBSCRIBED,
}
"""Permanent failures because Mailgun's own list has the address, and why it has it."""


def verify(call: WebhookCall, settings: Settings, _fetch: FetchCertificate) -> None:
    """Check the signature, which is part of the body and signs a time and a token, not the event.

    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    """
    signed = decode(call.body, _WebhookBody).signature
    check_age(call, signed.timestamp)
    content = f"{signed.timestamp}{signed.token}".encode()
    check_hmac(settings["webhook_secret"].encode(), content, [signed.signature], bytes.hex)


def token(body: bytes) -> str:
    """Return the token that the signature covers; Mailgun advises to keep it and to honour it once."""
    return decode(body, _WebhookBody).signature.token


def reports(body: bytes) -> list[Report]:
    """Read a webhook's body; it has one event."""
    event = decode(body, _WebhookBody).event
    kind = _failure(event) if event.event == "failed" else EVENTS.get(event.event)
    if kind is None:
        return []
    return [
        Report(
            kind=kind,
            delivery_id=str(event.variables.get("delivery_id", "")),
            tag=event.tags[0] if event.tags else "",
            address=event.recipient,
            at=unix_moment(event.timestamp),
            key=event.id or event_key(event.event, event.timestamp, event.recipient, event.url),
            provider_id=event.message.headers.get("message-id") or "",
            link=event.url,
            detail=event.status.message or event.status.description or event.reason,
        )
    ]


def _failure(event: _WebhookEvent) -> ReportKind:
    """Return what a failure is: Mailgun tries again after a temporary one."""
    if event.severity != "permanent":
        return ReportKind.DEFERRED
    if event.reason in SUPPRESSED:
        return SUPPRESSED[event.reason]
    # RFC 3463 section 3.8: a policy's refusal says nothing about the mailbox.
    words = f"{event.status.enhanced_code or ''} {event.status.message or ''}"
    return ReportKind.BLOCKED if re.search(r"\b5\.7\.\d", words) else ReportKind.HARD_BOUNCE


class _Suppressed(msgspec.Struct, frozen=True):
    address: str
    error: str = ""
    created_at: str = ""
    tag: str = ""
    tags: list[str] = []

    @property
    def is_for_all(self) -> bool:
        """Tell whether no mail of the domain is delivered: an unsubscription may be from some tags only."""
        tags = {self.tag, *self.tags} - {""}
        return not tags or "*" in tags


class _Suppressions(msgspec.Struct, frozen=True):
    """A page of a list: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/suppressions."""

    items: list[_Suppressed]
    paging: _Paging = _Paging()


LISTS = {
    "bounces": ReportKind.HARD_BOUNCE,
    "complaints": ReportKind.COMPLAINED,
    "unsubscribes": ReportKind.UNSUBSCRIBED,
}


def list_suppressions(settings: Settings) -> list[Request]:
    """Return the calls `GET /v3/<domain>/bounces` and so on, one for each of the domain's three lists."""
    urls = (f"{_domain(settings)}/{name}?limit=1000" for name in LISTS)
    return [Request(method="GET", url=url, headers=_headers(settings)) for url in urls]


def suppression_page(request: Request, response: Response, settings: Settings) -> SuppressionPage | None:
    """Read a page; an empty one is the last."""
    page = decoded(response, _Suppressions)
    if page is None:
        return None
    kind = LISTS[after_the_host(request.url).partition("?")[0].split("/")[3]]
    addresses = [
        ListedAddress(address=item.address, kind=kind, at=_date(item.created_at), detail=item.error)
        for item in page.items
        if item.is_for_all
    ]
    more = page.paging.next if page.items else ""
    return SuppressionPage(addresses=addresses, more=following(request, settings, more))


def _date(text: str) -> datetime | None:
    """Return a time as Mailgun writes it, `Fri, 21 Oct 2011 11:02:55 UTC`; None when it cannot be read."""
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


MAILGUN = Provider(
    name="mailgun",
    title="Mailgun",
    settings=PROVIDER_SETTINGS["mailgun"],
    batch_size=1000,
    byte_cap=25_000_000,
    lookup=Lookup(request=look, sight=sight, settle=timedelta(minutes=30)),
    suppressions=SuppressionList(requests=list_suppressions, page=suppression_page),
    webhook=Webhook(
        verify=verify,
        needs_secret=True,
        token=token,
        reports=reports,
        switch_on=("accepted", "delivered", "permanent_fail", "temporary_fail", "complained", "unsubscribed"),
    ),
    request=request,
    outcomes=outcomes,
)
