"""Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending.

A call takes one template and each reader's variables, for up to 1,000 readers, and accepts all or none.
Mailgun recognises no repeated call. Our delivery id travels as a variable, the batch as a tag.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
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
from newsletter.providers.body import RequestBody
from newsletter.providers.transport import wait_asked_for

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
    stops = refusal.verdict is refusals.Verdict.STOP
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
        url = f"{settings['base_url']}{_after_the_host(search.page)}"
    return Request(method="GET", url=url, headers=_headers(settings))


def _after_the_host(page: str) -> str:
    """Return the path and query of an address as text: Mailgun's answer may hold what is no address."""
    _, _, rest = page.partition("://")
    return "/" + rest.partition("/")[2].partition("#")[0]


def sight(response: Response) -> Sight | None:
    """Read the delivery ids of a page of events; an empty page is the last."""
    try:
        events = msgspec.json.decode(response.body, type=_Events) if response.status == 200 else None
    except msgspec.DecodeError:
        events = None
    if events is None:
        return None
    ids = frozenset(str(event.variables.get("delivery_id", "")) for event in events.items)
    return Sight(delivery_ids=ids, more=events.paging.next if events.items else "")


MAILGUN = Provider(
    name="mailgun",
    title="Mailgun",
    settings=PROVIDER_SETTINGS["mailgun"],
    batch_size=1000,
    byte_cap=25_000_000,
    lookup=Lookup(request=look, sight=sight, settle=timedelta(minutes=30)),
    request=request,
    outcomes=outcomes,
)
