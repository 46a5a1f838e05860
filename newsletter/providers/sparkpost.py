"""SparkPost: https://developers.sparkpost.com/api/transmissions/.

A call takes one template and each reader's data, and answers with numbers alone: how many it accepted and how many
it refused, not whom. SparkPost recognises no repeated call; its events can be searched by the batch, for ten days.
Our delivery id travels in the reader's metadata, the batch as the campaign's id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

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
from newsletter.providers.pages import decoded, following
from newsletter.providers.refusals import Refusal
from newsletter.providers.substitution import json_mailbox, reader_values
from newsletter.providers.transport import after_the_host, unsettled
from newsletter.providers.webhooks import Report, ReportKind, Webhook, decode, event_key, moment, unix_moment

SYNTAX = Syntax(slot="{{{{{{s{}}}}}}}", literal=re.compile(r"\{(?=\{)"), mark="{")
"""Three braces: two would escape the values of HTML once more (https://developers.sparkpost.com/api/template-language)."""

CODES: Mapping[str, Refusal] = {
    "1502": refusals.PROVIDER_BUSY,
    "5002": refusals.READER_REFUSED,
    "7000": refusals.SENDER_REFUSED,
    "7001": refusals.SENDER_REFUSED,
}
"""Codes of errors: https://support.sparkpost.com/docs/tech-resources/extended-error-codes."""

_encode = msgspec.json.Encoder().encode


class _Results(msgspec.Struct, frozen=True):
    id: str = ""
    accepted: int = msgspec.field(name="total_accepted_recipients", default=-1)
    rejected: int = msgspec.field(name="total_rejected_recipients", default=0)


class _Reply(msgspec.Struct, frozen=True):
    results: _Results


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    description: str = ""
    code: str = ""


class _Errors(msgspec.Struct, frozen=True):
    errors: list[_Error]


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /api/v1/transmissions`."""
    template = batch.mailing.template(SYNTAX)
    columns = batch.mailing.variables(batch.recipients, SYNTAX)
    content: dict[str, Any] = {
        "from": json_mailbox(template.sender.name, template.sender.address),
        "subject": template.subject,
        "html": template.html,
        "text": template.text,
        "headers": dict(template.headers),
        **({"reply_to": template.reply_to} if template.reply_to else {}),
    }
    is_ours = settings["transactional"] == "true"
    call = {
        # Transactional mail keeps our unsubscribe header: https://developers.sparkpost.com/api/transmissions/#header-options
        "options": {"transactional": is_ours, "open_tracking": False, "click_tracking": False},
        "content": content,
        "recipients": _recipients(batch, columns),
        **({"campaign_id": batch.tag} if batch.tag else {}),
    }
    headers = {"Authorization": settings["api_key"], "Content-Type": "application/json"}
    url = f"{settings['base_url']}/api/v1/transmissions"
    return Request(method="POST", url=url, headers=headers, body=RequestBody([[_encode(call)]]))


def _recipients(batch: Batch, columns: Any) -> list[dict[str, Any]]:
    values = reader_values(columns, len(batch.recipients))
    return [
        {
            "address": json_mailbox(recipient.name, recipient.email),
            "substitution_data": dict(own),
            "metadata": {"delivery_id": recipient.delivery_id},
        }
        for recipient, own in zip(batch.recipients, values, strict=True)
    ]


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: its numbers say whether all were accepted, or none."""
    if response.status == 200:
        return _counted(response, batch)
    errors, words = _errors(response)
    if answer := unsettled("SparkPost", response, batch, words):
        return answer
    return refusals.whole(batch, _refusal(response.status, errors, words), f"SparkPost refused the request: {words}")


def _refusal(status: int, errors: Sequence[_Error], words: str) -> Refusal:
    """Classify a refusal by its code, else by its status and words; 420 is the account's limit."""
    if known := next((CODES[error.code] for error in errors if error.code in CODES), None):
        return known
    if status == 413:
        return refusals.MESSAGE_REFUSED
    return refusals.by_words(words, refusals.MESSAGE_REFUSED) if status in (400, 422) else refusals.SENDER_REFUSED


def _counted(response: Response, batch: Batch) -> Answer:
    try:
        results = msgspec.json.decode(response.body, type=_Reply).results
    except msgspec.DecodeError as error:
        return batch.everyone(Outcome.UNKNOWN, f"SparkPost answered 200, but no numbers: {error}")
    size = len(batch.recipients)
    if not results.id or results.accepted + results.rejected != size:
        return batch.everyone(Outcome.UNKNOWN, f"SparkPost counts {results.accepted} of {size} messages")
    if not results.rejected:
        return Answer(results=(Result(outcome=Outcome.ACCEPTED, provider_id=results.id),) * size)
    if not results.accepted:
        return refusals.whole(batch, refusals.READER_REFUSED, "SparkPost rejected the recipient")
    reason = f"SparkPost accepted {results.accepted} of {size}, and does not say whom it rejected"
    return batch.everyone(Outcome.UNKNOWN, reason)


def _errors(response: Response) -> tuple[Sequence[_Error], str]:
    try:
        errors = msgspec.json.decode(response.body, type=_Errors).errors
    except msgspec.DecodeError:
        errors = []
    said = "; ".join(_said(error) for error in errors)
    return errors, f"{response.status}: {said[:500] or 'without words of its own'}"


def _said(error: _Error) -> str:
    words = f"{error.message} {error.description}".strip()
    return f"{words} (code {error.code})" if error.code else words


class _Event(msgspec.Struct, frozen=True):
    """An event, pushed and searched alike: https://developers.sparkpost.com/api/events/."""

    type: str
    timestamp: str | int = ""
    event_id: str = ""
    address: str = msgspec.field(name="raw_rcpt_to", default="")
    rcpt_to: str = ""
    meta: dict[str, object] = msgspec.field(name="rcpt_meta", default_factory=dict)
    campaign: str = msgspec.field(name="campaign_id", default="")
    bounce_class: str | int = ""
    transmission: str = msgspec.field(name="transmission_id", default="")
    reason: str = msgspec.field(name="raw_reason", default="")
    link: str = msgspec.field(name="target_link_url", default="")
    is_prefetched: bool = False

    @property
    def delivery_id(self) -> str:
        return str(self.meta.get("delivery_id", ""))


EVENTS = {
    "injection": ReportKind.TAKEN,
    "delivery": ReportKind.DELIVERED,
    "delay": ReportKind.DEFERRED,
    "spam_complaint": ReportKind.COMPLAINED,
    "list_unsubscribe": ReportKind.UNSUBSCRIBED,
    "link_unsubscribe": ReportKind.UNSUBSCRIBED,
    "open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
    "policy_rejection": ReportKind.BLOCKED,
    "generation_failure": ReportKind.BLOCKED,
    "generation_rejection": ReportKind.BLOCKED,
}
BOUNCES = {
    **dict.fromkeys((10, 30), ReportKind.HARD_BOUNCE),
    **dict.fromkeys((1, 20, 21, 22, 23, 24, 40, 70), ReportKind.SOFT_BOUNCE),
    **dict.fromkeys((25, 50, 51, 52, 53, 54), ReportKind.BLOCKED),
    90: ReportKind.UNSUBSCRIBED,
}
"""Classes: https://support.sparkpost.com/docs/deliverability/bounce-classification-codes. Others are no bounces."""


def reports(body: bytes) -> list[Report]:
    """Read a webhook's body: a list of events, each under its class; `[{"msys": {}}]` is a ping. Nothing is signed."""
    read = decode(body, list[dict[str, dict[str, _Event]]])
    events = (event for entry in read for event in entry.get("msys", {}).values())
    return [_report(event, kind) for event in events if (kind := _kind(event)) is not None]


def _kind(event: _Event) -> ReportKind | None:
    if event.type in ("bounce", "out_of_band"):
        number = str(event.bounce_class)
        return BOUNCES.get(int(number)) if number.isdigit() else ReportKind.SOFT_BOUNCE
    return EVENTS.get(event.type)


def _report(event: _Event, kind: ReportKind) -> Report:
    at = str(event.timestamp)
    return Report(
        kind=kind,
        delivery_id=event.delivery_id,
        tag=event.campaign,
        address=event.address or event.rcpt_to,
        at=unix_moment(int(at)) if at.isdigit() and len(at) < 15 else moment(at),
        key=event.event_id or event_key(event.type, event.transmission, event.rcpt_to, at, event.link),
        provider_id=event.transmission,
        link=event.link,
        machine="sparkpost: prefetched" if event.is_prefetched else "",
        detail=event.reason,
    )


class _Link(msgspec.Struct, frozen=True):
    href: str = ""
    rel: str = ""


class _Links(msgspec.Struct, frozen=True):
    next: str = ""


class _Page(msgspec.Struct, frozen=True):
    """The part that all pages share: a list of links, or an object: https://developers.sparkpost.com/api/events/."""

    links: list[_Link] | _Links = msgspec.field(default_factory=list)

    @property
    def next(self) -> str:
        """Return the address of the next page, without host; empty on the last."""
        if isinstance(self.links, _Links):
            return self.links.next
        return next((link.href for link in self.links if link.rel == "next"), "")


class _Events(_Page, frozen=True, kw_only=True):
    results: list[_Event]


def look(search: Search, settings: Settings) -> Request:
    """Return the call `GET /api/v1/events/message` for the injections of a batch."""
    start = (search.handed_at - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"events": "injection", "campaigns": search.tag, "from": start, "per_page": 10_000}
    url = f"{settings['base_url']}/api/v1/events/message?{urlencode(query)}"
    if search.page:
        url = f"{settings['base_url']}{after_the_host(search.page)}"
    return Request(method="GET", url=url, headers={"Authorization": settings["api_key"]})


def sight(response: Response, _search: Search) -> Sight | None:
    """Read the delivery ids of a page."""
    page = decoded(response, _Events)
    if page is None:
        return None
    return Sight(delivery_ids=frozenset(event.delivery_id for event in page.results), more=page.next)


class _Listed(msgspec.Struct, frozen=True):
    recipient: str
    source: str = ""
    description: str = ""
    updated: str = ""


class _ListedPage(_Page, frozen=True, kw_only=True):
    results: list[_Listed]


SOURCES = {
    "Bounce Rule": ReportKind.HARD_BOUNCE,
    "Spam Complaint": ReportKind.COMPLAINED,
    "Compliance": ReportKind.COMPLAINED,
    "List Unsubscribe": ReportKind.UNSUBSCRIBED,
    "Unsubscribe Link": ReportKind.UNSUBSCRIBED,
    "Manually Added": ReportKind.UNSUBSCRIBED,
}


def list_suppressions(settings: Settings) -> list[Request]:
    """Return the call `GET /api/v1/suppression-list`."""
    url = f"{settings['base_url']}/api/v1/suppression-list?cursor=initial&per_page=10000"
    return [Request(method="GET", url=url, headers={"Authorization": settings["api_key"]})]


def suppression_page(request: Request, response: Response, settings: Settings) -> SuppressionPage | None:
    """Read a page, which names the next: https://developers.sparkpost.com/api/suppression-list/."""
    page = decoded(response, _ListedPage)
    if page is None:
        return None
    addresses = [
        ListedAddress(
            address=entry.recipient,
            kind=SOURCES.get(entry.source, ReportKind.UNSUBSCRIBED),
            at=moment(entry.updated) if entry.updated else None,
            detail=entry.description or entry.source,
        )
        for entry in page.results
    ]
    return SuppressionPage(addresses=addresses, more=following(request, settings, page.next))


SPARKPOST = Provider(
    name="sparkpost",
    title="SparkPost",
    settings=PROVIDER_SETTINGS["sparkpost"],
    # https://developers.sparkpost.com/api/transmissions/: no number of recipients, 20 MB of content; 1,000 bytes of a
    # reader's metadata, 64 of the campaign's id.
    batch_size=1000,
    byte_cap=20_000_000,
    unsubscribe_of=lambda settings: "ours" if settings.get("transactional", "true") == "true" else "theirs",
    lookup=Lookup(request=look, sight=sight, settle=timedelta(minutes=10)),
    suppressions=SuppressionList(requests=list_suppressions, page=suppression_page),
    webhook=Webhook(
        verify=None,
        reports=reports,
        switch_on=("Injection", "Delivery", "Delay", "Bounce", "Out of Band", "Spam Complaint", "List Unsubscribe"),
    ),
    request=request,
    outcomes=outcomes,
)
