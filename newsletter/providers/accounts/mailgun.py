"""Mailgun's account: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/domains.

A sending key may do nothing but send. So the first question is a message without sender and recipient in test mode:
it is refused with 400 when the key is right and with 401 when it is not, and nothing is sent in either case.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec

from newsletter.providers.accounts.account import (
    AccountCheck,
    AccountFacts,
    AccountQuestion,
    KeyRefusedError,
    NoRightError,
    get,
    read,
    unexpected,
    words,
)
from newsletter.providers.base import Request, Response, Settings
from newsletter.providers.body import RequestBody


class _MailgunDomain(msgspec.Struct, frozen=True):
    state: str = ""
    type: str = ""
    is_disabled: bool = False


class _DnsRecord(msgspec.Struct, frozen=True):
    record_type: str = ""
    name: str = ""


class _Details(msgspec.Struct, frozen=True):
    domain: _MailgunDomain
    sending_dns_records: list[_DnsRecord] | None = None


class _Urls(msgspec.Struct, frozen=True):
    urls: list[str] | None = None
    url: str = ""


class _MailgunWebhooks(msgspec.Struct, frozen=True):
    webhooks: dict[str, _Urls | None]


class _Limit(msgspec.Struct, frozen=True):
    limit: int
    current: int = 0


def _headers(settings: Settings) -> Mapping[str, str]:
    key = base64.b64encode(f"api:{settings['api_key']}".encode()).decode()
    return {"Authorization": f"Basic {key}"}


def _empty_message(settings: Settings, _domain: str) -> Request:
    headers = {**_headers(settings), "Content-Type": "application/x-www-form-urlencoded"}
    url = f"{settings['base_url']}/v3/{settings['domain']}/messages"
    return Request(method="POST", url=url, headers=headers, body=RequestBody([[b"o:testmode=yes"]]))


def _key(response: Response, settings: Settings, _domain: str) -> AccountFacts:
    if response.status in (401, 403):
        raise KeyRefusedError(words(response))
    if response.status == 404:
        detail = f'the account has no domain "{settings["domain"]}"; of accounts in Europe, set base_url'
        return AccountFacts(is_verified=False, verified_detail=detail)
    if response.status != 400:
        raise unexpected(response)
    return AccountFacts()


def _domain(response: Response, settings: Settings, _domain: str) -> AccountFacts:
    if response.status == 401:
        raise NoRightError(words(response))  # a sending key, since the first question has shown that it is right
    details = read(response, _Details)
    sandbox = details.domain.type == "sandbox" or settings["domain"].startswith("sandbox")
    detail = "it is a sandbox domain, which mails authorised recipients only" if sandbox else ""
    if details.domain.is_disabled or details.domain.state == "disabled":
        detail = "Mailgun has disabled the domain"
    names = [each.name for each in details.sending_dns_records or () if "._domainkey." in each.name]
    return AccountFacts(
        sends=not detail,
        sends_detail=detail,
        is_verified=details.domain.state == "active",
        verified_detail=f"its state is {details.domain.state}",
        dkim_names=tuple(names),
        return_path=settings["domain"],
    )


def _webhooks(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    if response.status == 401:
        raise NoRightError(words(response))
    hooks = [hook for hook in read(response, _MailgunWebhooks).webhooks.values() if hook]
    return AccountFacts(webhooks=tuple(url for hook in hooks for url in (hook.urls or [hook.url]) if url))


def _limit(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    if response.status == 404:
        return AccountFacts()  # no limit was set
    if response.status == 401:
        raise NoRightError(words(response))
    limit = read(response, _Limit)
    return AccountFacts(left=max(0, limit.limit - limit.current), period="this month")


_PAGES = "https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun"

MAILGUN_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(subject="the key", page=f"{_PAGES}/messages", request=_empty_message, facts=_key),
        AccountQuestion(
            subject="the domain",
            page=f"{_PAGES}/domains/get-v4-domains--name-",
            request=lambda settings, domain: get(f"/v4/domains/{settings['domain']}", _headers)(settings, domain),
            facts=_domain,
        ),
        AccountQuestion(
            subject="the webhooks",
            page=f"{_PAGES}/domain-webhooks/get-v3-domains--domain--webhooks",
            request=lambda settings, domain: get(f"/v3/domains/{settings['domain']}/webhooks", _headers)(
                settings, domain
            ),
            facts=_webhooks,
        ),
        AccountQuestion(
            subject="the limit of the account",
            page=f"{_PAGES}/custom-message-limit/get-v5-accounts-limit-custom-monthly",
            request=get("/v5/accounts/limit/custom/monthly", _headers),
            facts=_limit,
        ),
    ),
    spf="include:mailgun.org",
    own_return_path=False,
    records="Mailgun shows SPF (TXT), DKIM (TXT) and MX under Sending, Domain settings, DNS records.",
)
