"""SparkPost's account: https://developers.sparkpost.com/api/account/."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from newsletter.providers.accounts.account import AccountCheck, AccountFacts, AccountQuestion, get, read
from newsletter.providers.base import Response, Settings

SANDBOX = "sparkpostbox.com"
"""The domain that every account may mail from, five messages in all."""


class _Usage(msgspec.Struct, frozen=True):
    used: int = 0
    limit: int | None = None


class _Usages(msgspec.Struct, frozen=True):
    day: _Usage | None = None
    month: _Usage | None = None
    sandbox: _Usage | None = None


class _SparkPostAccount(msgspec.Struct, frozen=True):
    status: str = "active"
    usage: _Usages = _Usages()


class _AccountResult(msgspec.Struct, frozen=True):
    results: _SparkPostAccount


class _Status(msgspec.Struct, frozen=True):
    ownership_verified: bool = False
    dkim_status: str = ""
    cname_status: str = ""
    compliance_status: str = ""


class _Dkim(msgspec.Struct, frozen=True):
    selector: str = ""
    signing_domain: str = ""


class _SendingDomain(msgspec.Struct, frozen=True):
    status: _Status = _Status()
    dkim: _Dkim = _Dkim()
    is_default_bounce_domain: bool = False


class _DomainResult(msgspec.Struct, frozen=True):
    results: _SendingDomain


class _Hook(msgspec.Struct, frozen=True):
    target: str = ""
    active: bool = True


class _HookResults(msgspec.Struct, frozen=True):
    results: list[_Hook]


def _headers(settings: Settings) -> Mapping[str, str]:
    return {"Authorization": settings["api_key"]}


def _account(response: Response, _settings: Settings, domain: str) -> AccountFacts:
    account = read(response, _AccountResult).results
    detail = "" if account.status == "active" else f"the account is {account.status}"
    if domain == SANDBOX:
        detail = f"{SANDBOX} is SparkPost's sandbox, five messages in all"
    limits = {"today": account.usage.day, "this month": account.usage.month}
    left = {period: max(0, use.limit - use.used) for period, use in limits.items() if use and use.limit is not None}
    period = min(left, key=lambda name: left[name]) if left else ""
    return AccountFacts(sends=not detail, sends_detail=detail, left=left.get(period), period=period)


def _domain(response: Response, _settings: Settings, domain: str) -> AccountFacts:
    if response.status == 404:
        return AccountFacts(is_verified=False, verified_detail="the account has no sending domain of that name")
    details = read(response, _DomainResult).results
    status, dkim = details.status, details.dkim
    is_good = status.ownership_verified and status.compliance_status != "blocked"
    name = f"{dkim.selector}._domainkey.{dkim.signing_domain or domain}" if dkim.selector else ""
    return AccountFacts(
        is_verified=is_good,
        verified_detail=f"DKIM is {status.dkim_status or 'not set up'}"
        + (", and SparkPost has blocked the domain" if status.compliance_status == "blocked" else ""),
        dkim_names=(name,) if name else (),
        return_path=domain if details.is_default_bounce_domain and status.cname_status == "valid" else "",
    )


def _hooks(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    return AccountFacts(webhooks=tuple(hook.target for hook in read(response, _HookResults).results if hook.active))


_PAGES = "https://developers.sparkpost.com/api"

SPARKPOST_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(
            subject="the account",
            page=f"{_PAGES}/account/",
            request=get("/api/v1/account?include=usage", _headers),
            facts=_account,
        ),
        AccountQuestion(
            subject="the sending domain",
            page=f"{_PAGES}/sending-domains/",
            request=get("/api/v1/sending-domains/{domain}", _headers),
            facts=_domain,
        ),
        AccountQuestion(
            subject="the webhooks",
            page=f"{_PAGES}/webhooks/",
            request=get("/api/v1/webhooks", _headers),
            facts=_hooks,
        ),
    ),
    spf="include:sparkpostmail.com",
    records="SparkPost shows DKIM (TXT) and a bounce domain (CNAME) under Configuration, Domains.",
)
