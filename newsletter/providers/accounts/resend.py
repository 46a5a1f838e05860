"""Resend's account: https://resend.com/docs/api-reference/domains/list-domains.

A key that may only send is answered 401 `restricted_api_key`, a wrong one 401 or 403 with another name
(https://resend.com/docs/api-reference/errors).
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from newsletter.providers.accounts.account import (
    AccountCheck,
    AccountFacts,
    AccountQuestion,
    KeyRefusedError,
    NoRightError,
    bearer,
    covers,
    get,
    read,
    words,
)
from newsletter.providers.base import Response, Settings


class _Error(msgspec.Struct, frozen=True):
    name: str = ""


class _Record(msgspec.Struct, frozen=True):
    record: str = ""
    name: str = ""
    type: str = ""


class _ResendDomain(msgspec.Struct, frozen=True):
    id: str
    name: str
    status: str = ""
    records: list[_Record] = []


class _Domains(msgspec.Struct, frozen=True):
    data: list[_ResendDomain]


class _Endpoint(msgspec.Struct, frozen=True):
    endpoint: str = ""
    status: str = "enabled"


class _Endpoints(msgspec.Struct, frozen=True):
    data: list[_Endpoint]


def _require_key(response: Response) -> None:
    if response.status not in (401, 403):
        return
    try:
        name = msgspec.json.decode(response.body, type=_Error).name
    except (msgspec.DecodeError, UnicodeDecodeError):
        name = ""
    raise (NoRightError if name == "restricted_api_key" else KeyRefusedError)(words(response))


def _domains(response: Response, _settings: Settings, domain: str) -> AccountFacts:
    _require_key(response)
    domains = [each for each in read(response, _Domains).data if covers(each.name, domain)]
    if not domains:
        return AccountFacts(is_verified=False, verified_detail="the account has no such domain")
    nearest = max(domains, key=lambda each: len(each.name))
    details = AccountQuestion(
        subject="the domain's records",
        page="https://resend.com/docs/api-reference/domains/get-domain",
        request=get(f"/domains/{quote(nearest.id, safe='')}", bearer),
        facts=_records,
    )
    return AccountFacts(
        is_verified=nearest.status == "verified", verified_detail=f"its status is {nearest.status}", more=(details,)
    )


def _records(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    _require_key(response)
    details = read(response, _ResendDomain)
    dkim = tuple(_full(each.name, details.name) for each in details.records if each.record == "DKIM")
    bounces = [_full(each.name, details.name) for each in details.records if each.record == "SPF"]
    return AccountFacts(dkim_names=dkim, return_path=bounces[0] if bounces else "")


def _full(name: str, domain: str) -> str:
    """Return the whole name of a record, which Resend gives relative to the registrable part of the domain."""
    labels = domain.split(".")
    ends = [".".join(labels[at:]) for at in range(len(labels) - 1)]
    if name in ends or any(name.endswith(f".{end}") for end in ends):
        return name
    # `send.news` of news.example.com stands under example.com; `send` alone under the whole domain.
    for at in range(1, len(labels) - 1):
        if name.endswith("." + ".".join(labels[:at])):
            return f"{name}.{'.'.join(labels[at:])}"
    return f"{name}.{domain}"


def _webhooks(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    _require_key(response)
    enabled = [each.endpoint for each in read(response, _Endpoints).data if each.status != "disabled"]
    return AccountFacts(webhooks=tuple(enabled))


RESEND_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(
            subject="the domains",
            page="https://resend.com/docs/api-reference/domains/list-domains",
            request=get("/domains", bearer),
            facts=_domains,
        ),
        AccountQuestion(
            subject="the webhooks",
            page="https://resend.com/docs/api-reference/webhooks/list-webhooks",
            request=get("/webhooks", bearer),
            facts=_webhooks,
        ),
    ),
    selectors=("resend",),
    spf="include:amazonses.com",
    records="Resend shows a DKIM record (TXT) and, for the subdomain `send`, MX and SPF (TXT) under Domains.",
)
