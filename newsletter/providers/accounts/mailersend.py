"""MailerSend's account: https://developers.mailersend.com/api/v1/domains.html."""

from __future__ import annotations

from urllib.parse import quote

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

TRIAL = ".mlsender.net"
"""The end of trial domains, which mail the account's owner only."""


class _DomainSettings(msgspec.Struct, frozen=True):
    send_paused: bool = False


class _MailerSendDomain(msgspec.Struct, frozen=True):
    id: str
    name: str
    is_verified: bool = False
    domain_settings: _DomainSettings | None = None


class _MailerSendDomains(msgspec.Struct, frozen=True):
    data: list[_MailerSendDomain]


class _ApiQuota(msgspec.Struct, frozen=True):
    remaining: int | None = None


class _DnsName(msgspec.Struct, frozen=True):
    hostname: str = ""


class _Names(msgspec.Struct, frozen=True):
    dkim: _DnsName = _DnsName()
    return_path: _DnsName = _DnsName()


class _DnsNames(msgspec.Struct, frozen=True):
    data: _Names


class _MailerSendHook(msgspec.Struct, frozen=True):
    url: str = ""
    enabled: bool = True


class _MailerSendHooks(msgspec.Struct, frozen=True):
    data: list[_MailerSendHook]


def _domains(response: Response, _settings: Settings, domain: str) -> AccountFacts:
    domains = [each for each in read(response, _MailerSendDomains).data if covers(each.name, domain)]
    if not domains:
        return AccountFacts(is_verified=False, verified_detail="the account has no domain of that name")
    nearest = max(domains, key=lambda each: len(each.name))
    is_paused = nearest.domain_settings is not None and nearest.domain_settings.send_paused
    detail = "sending is paused for the domain" if is_paused else ""
    if nearest.name.endswith(TRIAL):
        detail = "it is a trial domain, which mails the account's owner only"
    return AccountFacts(
        sends=not detail,
        sends_detail=detail,
        is_verified=nearest.is_verified,
        verified_detail="MailerSend finds its records" if nearest.is_verified else "MailerSend finds no records in DNS",
        more=_about(nearest),
    )


def _about(domain: _MailerSendDomain) -> tuple[AccountQuestion, ...]:
    def records(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
        names = read(response, _DnsNames).data
        dkim = (names.dkim.hostname,) if names.dkim.hostname else ()
        return AccountFacts(dkim_names=dkim, return_path=names.return_path.hostname)

    return (
        AccountQuestion(
            subject="the domain's records",
            page="https://developers.mailersend.com/api/v1/domains.html#get-dns-records",
            request=get(f"/v1/domains/{quote(domain.id, safe='')}/dns-records", bearer),
            facts=records,
        ),
        AccountQuestion(
            subject="the webhooks",
            page="https://developers.mailersend.com/api/v1/webhooks.html#list-webhooks",
            request=get(f"/v1/webhooks?domain_id={quote(domain.id, safe='')}", bearer),
            facts=_webhooks,
        ),
    )


def _webhooks(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    return AccountFacts(webhooks=tuple(hook.url for hook in read(response, _MailerSendHooks).data if hook.enabled))


def _quota(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    remaining = read(response, _ApiQuota).remaining
    # It counts calls of the API, and a call carries up to 500 messages: only zero says something about a campaign.
    return AccountFacts(left=0, period="today") if remaining == 0 else AccountFacts()


MAILERSEND_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(
            subject="the domains",
            page="https://developers.mailersend.com/api/v1/domains.html#get-a-list-of-domains",
            request=get("/v1/domains?limit=100", bearer),
            facts=_domains,
        ),
        AccountQuestion(
            subject="the quota",
            page="https://developers.mailersend.com/api/v1/other.html",
            request=get("/v1/api-quota", bearer),
            facts=_quota,
        ),
    ),
    selectors=("ms1", "ms2", "mlsend2", "mlsend"),
    spf="include:_spf.mailersend.net",
    records="MailerSend shows DKIM (CNAME or TXT), a return path (CNAME) and SPF (TXT) under Domains, your domain.",
)
