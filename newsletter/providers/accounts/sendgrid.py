"""SendGrid's account: https://www.twilio.com/docs/sendgrid/api-reference."""

from __future__ import annotations

import msgspec

from newsletter.providers.accounts.account import (
    AccountCheck,
    AccountFacts,
    AccountQuestion,
    bearer,
    covers,
    get,
    read,
)
from newsletter.providers.base import Response, Settings


class _Scopes(msgspec.Struct, frozen=True):
    scopes: list[str]


class _Host(msgspec.Struct, frozen=True):
    host: str = ""


class _Authenticated(msgspec.Struct, frozen=True):
    domain: str
    valid: bool = False
    dns: dict[str, _Host] = {}


class _Credits(msgspec.Struct, frozen=True):
    remain: int | None = None
    overage: int = 0


class _EventHook(msgspec.Struct, frozen=True):
    url: str = ""
    enabled: bool = False


class _EventHooks(msgspec.Struct, frozen=True):
    webhooks: list[_EventHook] = []


def _scopes(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    if "mail.send" in read(response, _Scopes).scopes:
        return AccountFacts(sends=True)
    return AccountFacts(sends=False, sends_detail='the key has not the right "Mail Send"')


def _domains(response: Response, _settings: Settings, domain: str) -> AccountFacts:
    domains = [each for each in read(response, list[_Authenticated]) if covers(each.domain, domain)]
    if not domains:
        return AccountFacts(is_verified=False, verified_detail="the account has no authenticated domain of that name")
    nearest = max(domains, key=lambda each: (each.valid, len(each.domain)))
    # `mail_cname` with SendGrid's own keys, `mail_server` with keys that it does not renew.
    bounces = next((nearest.dns[name].host for name in ("mail_cname", "mail_server") if name in nearest.dns), "")
    keys = [entry.host for entry in nearest.dns.values() if "._domainkey." in entry.host]
    return AccountFacts(
        is_verified=nearest.valid,
        verified_detail="SendGrid finds its records" if nearest.valid else "SendGrid does not find its records in DNS",
        dkim_names=tuple(keys),
        return_path=bounces,
    )


def _credits(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    balance = read(response, _Credits)
    # What goes beyond the credits is billed for each message, where the plan allows it.
    return AccountFacts() if balance.remain is None else AccountFacts(left=balance.remain, period="this period")


def _hooks(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    return AccountFacts(webhooks=tuple(hook.url for hook in read(response, _EventHooks).webhooks if hook.enabled))


_PAGES = "https://www.twilio.com/docs/sendgrid/api-reference"

SENDGRID_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(
            subject="the key",
            page=f"{_PAGES}/api-key-permissions/retrieve-a-list-of-scopes-for-which-this-user-has-access",
            request=get("/v3/scopes", bearer),
            facts=_scopes,
        ),
        AccountQuestion(
            subject="the domains",
            page=f"{_PAGES}/domain-authentication/list-all-authenticated-domains",
            request=get("/v3/whitelabel/domains?limit=200", bearer),
            facts=_domains,
        ),
        AccountQuestion(
            subject="the credits",
            page=f"{_PAGES}/users-api/retrieve-your-credit-balance",
            request=get("/v3/user/credits", bearer),
            facts=_credits,
        ),
        AccountQuestion(
            subject="the webhooks",
            page=f"{_PAGES}/webhooks/get-all-event-webhooks",
            request=get("/v3/user/webhooks/event/settings/all", bearer),
            facts=_hooks,
        ),
    ),
    selectors=("s1", "s2"),
    spf="include:sendgrid.net",
    records="SendGrid shows three records (CNAME) under Settings, Sender Authentication: two of DKIM, one for bounces.",
)
