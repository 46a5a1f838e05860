"""Amazon SES, API v2: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendBulkEmail.html.

A call takes one template, given in the call itself, and each reader's values, for up to 50 readers; each has an
outcome of its own. SES recognises no repeated call and cannot be searched: after a lost answer its events tell, which
come through SNS (sns.py). Our delivery id and the batch travel as tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.mime import header_mailbox
from newsletter.messages.types import Syntax
from newsletter.providers import aws_signature, refusals, sns
from newsletter.providers.aws_signature import Credentials
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
from newsletter.providers.body import NOTHING, RequestBody
from newsletter.providers.pages import decoded
from newsletter.providers.refusals import Refusal
from newsletter.providers.substitution import reader_headers, reader_values, values_excess
from newsletter.providers.transport import wait_asked_for
from newsletter.providers.webhooks import ReportKind, Webhook, moment, unix_moment
from newsletter.times import utc_now

SYNTAX = Syntax(slot="{{{{s{}}}}}", literal=re.compile(r"\{(?=\{)"), mark="{")
"""SES fills in the values as they are: https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html."""
DATA, MOST_DATA = "ReplacementTemplateData", 262_144
"""Characters of a reader's values: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_ReplacementTemplate.html."""
PATH = "/v2/email/outbound-bulk-emails"

ENTRIES: Mapping[str, Refusal] = {
    "MESSAGE_REJECTED": refusals.MESSAGE_REFUSED,
    "INVALID_PARAMETER": refusals.READER_REFUSED,
    "FAILED": refusals.READER_REFUSED,
    "TRANSIENT_FAILURE": refusals.READER_DEFERRED,
    "ACCOUNT_THROTTLED": refusals.PROVIDER_BUSY,
    **dict.fromkeys(
        (
            "MAIL_FROM_DOMAIN_NOT_VERIFIED",
            "CONFIGURATION_SET_NOT_FOUND",
            "CONFIGURATION_SET_SENDING_PAUSED",
            "TEMPLATE_NOT_FOUND",
            "ACCOUNT_SUSPENDED",
            "ACCOUNT_SENDING_PAUSED",
            "ACCOUNT_DAILY_QUOTA_EXCEEDED",
            "INVALID_SENDING_POOL_NAME",
        ),
        refusals.SENDER_REFUSED,
    ),
}
"""The status of one reader: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_BulkEmailEntryResult.html."""
ERRORS: Mapping[str, Refusal] = {
    "TooManyRequestsException": refusals.PROVIDER_BUSY,
    "ThrottlingException": refusals.PROVIDER_BUSY,
    "ServiceUnavailable": refusals.PROVIDER_BUSY,
    "RequestExpired": refusals.PROVIDER_BUSY,
    "MessageRejected": refusals.MESSAGE_REFUSED,
    "BadRequestException": refusals.MESSAGE_REFUSED,
}
"""Errors of a whole call, by the type that `x-amzn-errortype` names; every other 4xx is about key or account."""

_encode = msgspec.json.Encoder().encode


class _Entry(msgspec.Struct, frozen=True):
    status: str = msgspec.field(name="Status")
    error: str = msgspec.field(name="Error", default="")
    message_id: str = msgspec.field(name="MessageId", default="")


class _Reply(msgspec.Struct, frozen=True):
    entries: list[_Entry] = msgspec.field(name="BulkEmailEntryResults")


class _Error(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="__type", default="")
    message: str = ""


def request(batch: Batch, settings: Settings) -> Request:
    """Return the call `POST /v2/email/outbound-bulk-emails`, signed now."""
    template = batch.mailing.template(SYNTAX)
    columns = batch.mailing.variables(batch.recipients, SYNTAX)
    content = {"Subject": template.subject, "Html": template.html, "Text": template.text}
    entries = _entries(batch, columns)
    call: dict[str, Any] = {
        "FromEmailAddress": _address(template.sender.name, template.sender.address),
        "DefaultContent": {"Template": {"TemplateContent": content, "TemplateData": "{}"}},
        "BulkEmailEntries": entries,
    }
    if template.reply_to:
        call["ReplyToAddresses"] = [template.reply_to]
    if batch.tag:
        call["DefaultEmailTags"] = [{"Name": "batch", "Value": batch.tag}]
    if settings["configuration_set"]:
        call["ConfigurationSetName"] = settings["configuration_set"]
    sizes = [len(each["ReplacementEmailContent"]["ReplacementTemplate"][DATA]) for each in entries]
    excess = values_excess("Amazon SES", sizes, each=MOST_DATA)
    return replace(signed_request("POST", PATH, RequestBody([[_encode(call)]]), settings), excess=excess)


def signed_request(method: str, path: str, body: RequestBody, settings: Settings) -> Request:
    """Return a request that is signed now; `path` may have a query."""
    url = f"{_base(settings)}{path}"
    credentials = Credentials(
        access_key_id=settings["access_key_id"],
        secret_access_key=settings["secret_access_key"],
        session_token=settings["session_token"],
        region=settings["region"],
        service="ses",
    )
    headers = {"Content-Type": "application/json"}
    signed = aws_signature.signed_headers(credentials, method, url, headers, body.digest().hex(), utc_now())
    return Request(method=method, url=url, headers=signed, body=body)


def _entries(batch: Batch, columns: Any) -> list[dict[str, Any]]:
    template, count = batch.mailing.template(SYNTAX), len(batch.recipients)
    rows = zip(
        batch.recipients,
        reader_headers(template, SYNTAX, columns, count),
        reader_values(columns, count),
        strict=True,
    )
    return [
        {
            "Destination": {"ToAddresses": [_address(recipient.name, recipient.email)]},
            # A tag's value may hold letters, digits, `_` and `-` only.
            "ReplacementTags": [{"Name": "delivery_id", "Value": recipient.delivery_id.replace(".", "-")}],
            "ReplacementEmailContent": {"ReplacementTemplate": {DATA: _encode(values).decode()}},
            "ReplacementHeaders": [{"Name": name, "Value": value} for name, value in headers.items()],
        }
        for recipient, headers, values in rows
    ]


def _address(name: str, address: str) -> str:
    """Return a mailbox in ASCII (RFC 2047): SES takes nothing else."""
    return header_mailbox(name, address).replace(b"\r\n", b"").decode("ascii")


def _base(settings: Settings) -> str:
    return settings["base_url"] or f"https://email.{settings['region']}.amazonaws.com"


def outcomes(response: Response, batch: Batch) -> Answer:
    """Read a whole response: an entry for each reader, in their order, even when some failed."""
    if response.status == 200:
        return _listed(response, batch)
    kind, words = _error(response)
    if response.status == 429 or ERRORS.get(kind) == refusals.PROVIDER_BUSY or "Signature expired" in words:
        wait = wait_asked_for(response.headers, words)
        return batch.everyone(Outcome.BUSY, f"Amazon SES is busy: {words}", retry_after=wait)
    if response.status >= 500 or response.status < 400 or response.status == 408:
        return batch.everyone(Outcome.UNKNOWN, f"Amazon SES answered {words}")
    refusal = refusals.by_words(words, ERRORS[kind]) if kind in ERRORS else refusals.SENDER_REFUSED
    return refusals.whole(batch, refusal, f"Amazon SES refused the request: {words}")


def _listed(response: Response, batch: Batch) -> Answer:
    try:
        entries = msgspec.json.decode(response.body, type=_Reply).entries
    except msgspec.DecodeError as error:
        why = refusals.unreadable(response.body, error)
        return batch.everyone(Outcome.UNKNOWN, f"Amazon SES answered 200, but with {why}")
    if len(entries) != len(batch.recipients):
        reason = f"Amazon SES answered {len(entries)} results for {len(batch.recipients)} messages"
        return batch.everyone(Outcome.UNKNOWN, reason)
    return refusals.listed(map(_result, entries))


def _result(entry: _Entry) -> Result | tuple[Refusal, str]:
    if entry.status == "SUCCESS":
        return Result(outcome=Outcome.ACCEPTED, provider_id=entry.message_id)
    words = f"Amazon SES: {entry.error or 'no words of its own'} ({entry.status})"
    return ENTRIES.get(entry.status, refusals.NOT_CLEAR), words


def _error(response: Response) -> tuple[str, str]:
    """Return the type of an error, and its words: `400 (BadRequestException): ...`."""
    try:
        error = msgspec.json.decode(response.body, type=_Error)
    except msgspec.DecodeError:
        error = _Error()
    named = response.headers.get("x-amzn-errortype", "") or error.kind
    # `BadRequestException:http://internal.amazon.com/...`, and `com.amazon...#BadRequestException`.
    kind = named.partition(":")[0].rpartition("#")[2]
    return kind, f"{response.status} ({kind or 'no type'}): {error.message or 'without words of its own'}"


class _Listed(msgspec.Struct, frozen=True):
    address: str = msgspec.field(name="EmailAddress")
    reason: str = msgspec.field(name="Reason")
    at: float | str = msgspec.field(name="LastUpdateTime", default=0)


class _ListedPage(msgspec.Struct, frozen=True):
    """A page: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_ListSuppressedDestinations.html."""

    entries: list[_Listed] = msgspec.field(name="SuppressedDestinationSummaries", default_factory=list)
    more: str | None = msgspec.field(name="NextToken", default=None)


REASONS = {"BOUNCE": ReportKind.HARD_BOUNCE, "COMPLAINT": ReportKind.COMPLAINED}
LIST_PATH = "/v2/email/suppression/addresses"


def list_suppressions(settings: Settings) -> list[Request]:
    """Return the call `GET /v2/email/suppression/addresses`, for the account's own list."""
    return [_list_request(settings)]


def suppression_page(request: Request, response: Response, settings: Settings) -> SuppressionPage | None:
    """Read a page, whose token asks for the next; that request is signed when the page is read."""
    page = decoded(response, _ListedPage)
    if page is None:
        return None
    addresses = [
        ListedAddress(address=entry.address, kind=REASONS[entry.reason], at=_moment(entry.at), detail=entry.reason)
        for entry in page.entries
        if entry.reason in REASONS
    ]
    return SuppressionPage(addresses=addresses, more=_list_request(settings, page.more) if page.more else None)


def _list_request(settings: Settings, token: str = "") -> Request:
    query = {"PageSize": "1000", **({"NextToken": token} if token else {})}
    return signed_request("GET", f"{LIST_PATH}?{urlencode(query, quote_via=quote)}", NOTHING, settings)


def _moment(at: float | str) -> datetime | None:
    """Return the time of an entry, which Amazon gives in seconds of Unix time."""
    if isinstance(at, str):
        return moment(at)
    return unix_moment(at) if at else None


SES = Provider(
    name="ses",
    title="Amazon SES",
    settings=PROVIDER_SETTINGS["ses"],
    batch_size=50,
    calls_per_second=1.0,
    # https://docs.aws.amazon.com/ses/latest/dg/quotas.html: 40 MB for a message; a call's size is not documented.
    byte_cap=10_000_000,
    suppressions=SuppressionList(requests=list_suppressions, page=suppression_page),
    webhook=Webhook(
        verify=sns.verify,
        reports=sns.reports,
        confirmation=sns.confirmation,
        modules=("cryptography",),
        switch_on=("Send", "Delivery", "Bounce", "Complaint", "DeliveryDelay", "Reject", "Subscription"),
    ),
    request=request,
    outcomes=outcomes,
)
