"""Mailjet's account: https://dev.mailjet.com/email/reference/sender-addresses-and-domains/dns/."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec

from newsletter.providers.accounts.account import AccountCheck, AccountFacts, AccountQuestion, covers, get, read
from newsletter.providers.base import Response, Settings


class _Dns(msgspec.Struct, frozen=True):
    domain: str = msgspec.field(name="Domain")
    dkim_name: str = msgspec.field(name="DKIMRecordName", default="")
    dkim_status: str = msgspec.field(name="DKIMStatus", default="")
    spf_status: str = msgspec.field(name="SPFStatus", default="")


class _DnsList(msgspec.Struct, frozen=True):
    data: list[_Dns] = msgspec.field(name="Data")


class _Callback(msgspec.Struct, frozen=True):
    url: str = msgspec.field(name="Url", default="")
    status: str = msgspec.field(name="Status", default="alive")


class _Callbacks(msgspec.Struct, frozen=True):
    data: list[_Callback] = msgspec.field(name="Data")


def _headers(settings: Settings) -> Mapping[str, str]:
    key = base64.b64encode(f"{settings['api_key']}:{settings['api_secret']}".encode()).decode()
    return {"Authorization": f"Basic {key}"}


def _dns(response: Response, _settings: Settings, domain: str) -> AccountFacts:
    domains = [each for each in read(response, _DnsList).data if covers(each.domain, domain)]
    if not domains:
        return AccountFacts(is_verified=False, verified_detail="the account has no domain of that name")
    nearest = max(domains, key=lambda each: len(each.domain))
    return AccountFacts(
        is_verified=nearest.dkim_status == "OK",
        verified_detail=f"Mailjet finds DKIM {nearest.dkim_status or 'not checked'}, "
        f"SPF {nearest.spf_status or 'not checked'}",
        dkim_names=(nearest.dkim_name,) if nearest.dkim_name else (),
    )


def _callbacks(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    alive = [each.url for each in read(response, _Callbacks).data if each.status != "dead"]
    return AccountFacts(webhooks=tuple(dict.fromkeys(alive)))


MAILJET_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(
            subject="the domains",
            page="https://dev.mailjet.com/email/reference/sender-addresses-and-domains/dns/",
            request=get("/v3/REST/dns?Limit=1000", _headers),
            facts=_dns,
        ),
        AccountQuestion(
            subject="the webhooks",
            page="https://dev.mailjet.com/email/reference/webhook/",
            request=get("/v3/REST/eventcallbackurl?Limit=100", _headers),
            facts=_callbacks,
        ),
    ),
    selectors=("mailjet",),
    spf="include:spf.mailjet.com",
    records="Mailjet shows SPF (TXT) and DKIM (TXT) under Senders and domains, your domain.",
)
