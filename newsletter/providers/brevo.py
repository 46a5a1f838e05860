"""Brevo: https://developers.brevo.com/reference/send-transac-email, with a version of the message for each reader.

A call takes one template and each reader's parameters, for up to 1,000 readers, and accepts all or none. Brevo knows
a key for 30 minutes and refuses a repeat under it, which proves that the first call was accepted
(https://developers.brevo.com/docs/heterogenous-versions-batch-emails). Our delivery id travels in a header that its
events show.
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from email.header import Header
from typing import Any

import msgspec

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import Syntax
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
from newsletter.providers.body import RequestBody
from newsletter.providers.pages import at_next_offset, decoded
from newsletter.providers.refusals import Refusal
from newsletter.providers.substitution import json_mailbox, reader_headers, reader_values, values_excess
from newsletter.providers.transport import unsettled
from newsletter.providers.webhooks import Report, ReportKind, Webhook, decode, event_key, moment, unix_moment

SYNTAX = Syntax(slot="{{{{params.s{}}}}}", literal=re.compile(r"\{(?=[{%#])"), mark="{")
"""Brevo's template language: https://help.brevo.com/hc/en-us/articles/360000659260."""
NAMESPACE = uuid.UUID("6b2f0f4e-6a0f-5d3c-9d0e-3f6f0a4c9b11")
"""Makes Brevo's keys, which are UUIDs, of ours (RFC 9562 section 5.5)."""
PARAMS, ALL_PARAMS = 100_000, 1_000_000
"""Bytes that the parameters of one version may have, and those of all versions together.

https://developers.brevo.com/reference/send-transac-email names 100 KB and 1000 KB, and not whether a KB has 1,024.
"""
SPECIALS = re.compile(r'[][\\()<>:;@,."]')
"""Characters that a name has only in quotes (RFC 5322 section 3.2.3)."""
REPEATED = "duplicate_parameter"
REFUSALS = {
    **dict.fromkeys(
        ("unauthorized", "permission_denied", "not_enough_credits", "account_under_validation"),
        refusals.SENDER_REFUSED,
    ),
    "invalid_parameter": refusals.READER_REFUSED,
    "missing_parameter": refusals.MESSAGE_REFUSED,
    "out_of_range": refusals.MESSAGE_REFUSED,
}
"""Codes of errors: https://developers.brevo.com/docs/how-it-works#error-codes."""

_encode = msgspec.json.Encoder().encode


class _Reply(msgspec.Struct, frozen=True):
    ids: list[str] = msgspec.field(name="messageIds", default_factory=list)
    id: str = msgspec.field(name="messageId", default="")


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /v3/smtp/email`."""
    template = batch.mailing.template(SYNTAX)
    columns = batch.mailing.variables(batch.recipients, SYNTAX)
    versions = _versions(batch, columns)
    call: dict[str, Any] = {
        "sender": _mailbox(template.sender.name, template.sender.address),
        "subject": template.subject,
        "htmlContent": template.html,
        "textContent": template.text,
        "headers": {"idempotencyKey": str(uuid.uuid5(NAMESPACE, batch.key))},
        "messageVersions": versions,
        **({"replyTo": {"email": template.reply_to}} if template.reply_to else {}),
        **({"tags": [batch.tag]} if batch.tag else {}),
    }
    headers = {"api-key": settings["api_key"], "Content-Type": "application/json", "Accept": "application/json"}
    url = f"{settings['base_url']}/v3/smtp/email"
    sizes = [len(_encode(version["params"])) for version in versions]
    excess = values_excess("Brevo", sizes, each=PARAMS, together=ALL_PARAMS)
    return Request(method="POST", url=url, headers=headers, body=RequestBody([[_encode(call)]]), excess=excess)


def _versions(batch: Batch, columns: Any) -> list[dict[str, Any]]:
    count = len(batch.recipients)
    rows = zip(
        batch.recipients,
        reader_headers(batch.mailing.template(SYNTAX), SYNTAX, columns, count),
        reader_values(columns, count),
        strict=True,
    )
    return [
        {
            "to": [_mailbox(recipient.name, recipient.email)],
            "params": dict(values),
            # In no description of the API, and used: anymail/django-anymail, anymail/backends/brevo.py.
            "headers": {**headers, "X-Mailin-custom": recipient.delivery_id},
        }
        for recipient, headers, values in rows
    ]


def _mailbox(name: str, address: str) -> dict[str, str]:
    """Return a mailbox; a name with letters beyond ASCII and a comma is dropped by Brevo unless it is encoded.

    anymail/django-anymail, anymail/backends/brevo.py. Encoded as RFC 2047 says.
    """
    needs_code = not name.isascii() and SPECIALS.search(name)
    return json_mailbox(Header(name, "utf-8", maxlinelen=1_000).encode() if needs_code else name, address)


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: one id for each version, in their order."""
    if response.status == 201:
        return _accepted(response, batch)
    error, words = _error(response)
    if error.code == REPEATED:
        return batch.everyone(Outcome.ACCEPTED, "accepted by an earlier call under the same key")
    if answer := unsettled("Brevo", response, batch, words):
        return answer
    return refusals.whole(batch, _refusal(response.status, error), f"Brevo refused the request: {words}")


def _refusal(status: int, error: _Error) -> Refusal:
    if status not in (400, 413):
        return refusals.SENDER_REFUSED
    if status == 413:
        return refusals.MESSAGE_REFUSED
    return refusals.by_words(error.message, REFUSALS.get(error.code, refusals.SENDER_REFUSED))


def _accepted(response: Response, batch: Batch) -> Answer:
    try:
        reply = msgspec.json.decode(response.body, type=_Reply)
    except msgspec.DecodeError as error:
        return batch.everyone(Outcome.UNKNOWN, f"Brevo answered 201, but no ids: {error}")
    ids = reply.ids or [reply.id]
    if len(ids) != len(batch.recipients) or not all(ids):
        return batch.everyone(Outcome.UNKNOWN, f"Brevo answered {len(ids)} ids for {len(batch.recipients)} messages")
    return Answer(results=tuple(Result(outcome=Outcome.ACCEPTED, provider_id=id.strip("<>")) for id in ids))


def _error(response: Response) -> tuple[_Error, str]:
    try:
        error = msgspec.json.decode(response.body, type=_Error)
    except msgspec.DecodeError:
        error = _Error()
    named = f" ({error.code})" if error.code else ""
    return error, f"{response.status}{named}: {error.message or 'without words of its own'}"


class _Event(msgspec.Struct, frozen=True):
    """An event: https://developers.brevo.com/docs/transactional-webhooks."""

    event: str
    # The other times are in the account's own zone, which the event does not name.
    at: float = msgspec.field(name="ts_epoch", default=0)
    email: str = ""
    custom: str = msgspec.field(name="X-Mailin-custom", default="")
    tags: list[str] = []
    message_id: str = msgspec.field(name="message-id", default="")
    reason: str = ""
    link: str = ""


EVENTS = {
    "request": ReportKind.TAKEN,
    "delivered": ReportKind.DELIVERED,
    "deferred": ReportKind.DEFERRED,
    "hard_bounce": ReportKind.HARD_BOUNCE,
    "invalid_email": ReportKind.HARD_BOUNCE,
    "soft_bounce": ReportKind.SOFT_BOUNCE,
    "blocked": ReportKind.BLOCKED,
    "error": ReportKind.BLOCKED,
    "spam": ReportKind.COMPLAINED,
    "complaint": ReportKind.COMPLAINED,
    "unsubscribe": ReportKind.UNSUBSCRIBED,
    "unsubscribed": ReportKind.UNSUBSCRIBED,
    "opened": ReportKind.OPENED,
    "unique_opened": ReportKind.OPENED,
    "proxy_open": ReportKind.OPENED,
    "unique_proxy_open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
}
POLICY = re.compile(r"\b5\.7\.\d")


def reports(body: bytes) -> list[Report]:
    """Read a webhook's body: an event, or a list where they are sent in groups. Brevo signs nothing."""
    read = decode(body, _Event | list[_Event])  # type: ignore[arg-type]
    return [_report(event) for event in (read if isinstance(read, list) else [read]) if event.event in EVENTS]


def _report(event: _Event) -> Report:
    kind = EVENTS[event.event]
    if kind is ReportKind.HARD_BOUNCE and POLICY.search(event.reason):
        kind = ReportKind.BLOCKED
    return Report(
        kind=kind,
        delivery_id=event.custom,
        tag=event.tags[0] if event.tags else "",
        address=event.email,
        at=unix_moment(event.at / 1000),
        key=event_key(event.event.removeprefix("unique_"), event.message_id, event.at, event.email, event.link),
        provider_id=event.message_id.strip("<>"),
        link=event.link,
        machine="brevo: a proxy" if "proxy" in event.event else "",
        detail=event.reason,
    )


class _Blocked(msgspec.Struct, frozen=True):
    class Reason(msgspec.Struct, frozen=True):
        code: str = ""
        message: str = ""

    email: str
    reason: Reason = Reason()
    blocked_at: str = msgspec.field(name="blockedAt", default="")


class _BlockedPage(msgspec.Struct, frozen=True):
    """A page: https://developers.brevo.com/reference/get-transac-blocked-contacts."""

    contacts: list[_Blocked] = []


REASONS = {
    "hardBounce": ReportKind.HARD_BOUNCE,
    "contactFlaggedAsSpam": ReportKind.COMPLAINED,
    "adminBlocked": ReportKind.UNSUBSCRIBED,
    "unsubscribedViaEmail": ReportKind.UNSUBSCRIBED,
    "unsubscribedViaMA": ReportKind.UNSUBSCRIBED,
    "unsubscribedViaApi": ReportKind.UNSUBSCRIBED,
}
PAGE = 100


def list_suppressions(settings: Settings) -> list[Request]:
    """Return the call `GET /v3/smtp/blockedContacts`."""
    headers = {"api-key": settings["api_key"], "Accept": "application/json"}
    url = f"{settings['base_url']}/v3/smtp/blockedContacts?limit={PAGE}&offset=0"
    return [Request(method="GET", url=url, headers=headers)]


def suppression_page(request: Request, response: Response, _settings: Settings) -> SuppressionPage | None:
    """Read a page; the last has fewer entries than PAGE."""
    page = decoded(response, _BlockedPage)
    if page is None:
        return None
    addresses = [
        ListedAddress(
            address=entry.email,
            kind=REASONS[entry.reason.code],
            at=moment(entry.blocked_at) if entry.blocked_at else None,
            detail=entry.reason.message or entry.reason.code,
        )
        for entry in page.contacts
        if entry.reason.code in REASONS
    ]
    return SuppressionPage(addresses=addresses, more=at_next_offset(request, len(page.contacts), PAGE))


BREVO = Provider(
    name="brevo",
    title="Brevo",
    settings=PROVIDER_SETTINGS["brevo"],
    batch_size=1000,
    # Not documented; the parameters and a template are below it.
    byte_cap=4_000_000,
    dedupe="refuse",
    dedupe_ttl=timedelta(minutes=30),
    unsubscribe="option",
    suppressions=SuppressionList(requests=list_suppressions, page=suppression_page),
    webhook=Webhook(
        verify=None,
        reports=reports,
        switch_on=("Sent", "Delivered", "Hard bounce", "Soft bounce", "Deferred", "Complaint", "Unsubscribed"),
    ),
    request=request,
    outcomes=outcomes,
)
