"""Brevo's account: https://developers.brevo.com/reference/get-account."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from newsletter.providers.accounts.account import AccountCheck, AccountFacts, AccountQuestion, get, read
from newsletter.providers.base import Response, Settings


class _Plan(msgspec.Struct, frozen=True):
    type: str = ""
    kind: str = msgspec.field(name="creditsType", default="")
    credits: float | None = None


class _Relay(msgspec.Struct, frozen=True):
    enabled: bool = True


class _BrevoAccount(msgspec.Struct, frozen=True):
    plan: list[_Plan] = []
    relay: _Relay = _Relay()


class _DnsEntry(msgspec.Struct, frozen=True):
    host_name: str = ""
    status: bool = False


class _Domain(msgspec.Struct, frozen=True):
    verified: bool = False
    authenticated: bool = False
    dns_records: dict[str, _DnsEntry | None] = {}


class _Hook(msgspec.Struct, frozen=True):
    url: str = ""


class _BrevoHooks(msgspec.Struct, frozen=True):
    webhooks: list[_Hook] = []


def _headers(settings: Settings) -> Mapping[str, str]:
    return {"api-key": settings["api_key"]}


def _account(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    account = read(response, _BrevoAccount)
    limits = [plan for plan in account.plan if plan.kind == "sendLimit" and plan.credits is not None]
    left = int(max(plan.credits or 0 for plan in limits)) if limits else None
    period = "today" if any(plan.type == "free" for plan in limits) else "this period"
    if not account.relay.enabled:
        return AccountFacts(sends=False, sends_detail="Brevo has not switched on transactional email for the account")
    return AccountFacts(sends=True, left=left, period=period)


def _domain(response: Response, _settings: Settings, domain: str) -> AccountFacts:
    if response.status in (400, 404):
        return AccountFacts(is_verified=False, verified_detail="the account has no domain of that name")
    details = read(response, _Domain)
    hosts = [entry.host_name.rstrip(".") for entry in details.dns_records.values() if entry]
    names = tuple(_full(host, domain) for host in hosts if "_domainkey" in host)
    state = "authenticated" if details.authenticated else "not authenticated"
    return AccountFacts(is_verified=details.authenticated, verified_detail=f"it is {state}", dkim_names=names)


def _full(host: str, domain: str) -> str:
    return host if host.endswith(f".{domain}") else f"{host}.{domain}"


def _hooks(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    if response.status == 404:
        return AccountFacts(webhooks=())
    return AccountFacts(webhooks=tuple(hook.url for hook in read(response, _BrevoHooks).webhooks))


BREVO_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(
            subject="the account",
            page="https://developers.brevo.com/reference/get-account",
            request=get("/v3/account", _headers),
            facts=_account,
        ),
        AccountQuestion(
            subject="the domain",
            page="https://developers.brevo.com/reference/get-domain-configuration",
            request=get("/v3/senders/domains/{domain}", _headers),
            facts=_domain,
        ),
        AccountQuestion(
            subject="the webhooks",
            page="https://developers.brevo.com/reference/get-webhooks",
            request=get("/v3/webhooks?type=transactional", _headers),
            facts=_hooks,
        ),
    ),
    selectors=("brevo1", "brevo2", "mail"),
    spf="include:spf.brevo.com",
    records="Brevo shows a code (TXT) and DKIM (two CNAME, or one TXT) under Senders, Domains.",
)
