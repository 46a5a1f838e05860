"""Amazon SES's account: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html.

The names of members are those of Amazon's model of the API, version 2019-09-27.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import msgspec

from newsletter.providers.accounts.account import (
    AccountCheck,
    AccountFacts,
    AccountQuestion,
    KeyRefusedError,
    NoRightError,
    read,
    words,
)
from newsletter.providers.base import Request, Response, Settings
from newsletter.providers.body import NOTHING
from newsletter.providers.ses import signed_request

WRONG_KEYS = (
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
)
"""Names of 403 for a key that is wrong; AccessDeniedException is a right that is missing.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
"""


class _SendQuota(msgspec.Struct, frozen=True):
    most: float = msgspec.field(name="Max24HourSend", default=-1)
    sent: float = msgspec.field(name="SentLast24Hours", default=0)


class _Account(msgspec.Struct, frozen=True):
    is_production: bool = msgspec.field(name="ProductionAccessEnabled", default=False)
    is_enabled: bool = msgspec.field(name="SendingEnabled", default=True)
    enforcement: str = msgspec.field(name="EnforcementStatus", default="HEALTHY")
    quota: _SendQuota = msgspec.field(name="SendQuota", default_factory=_SendQuota)


class _Dkim(msgspec.Struct, frozen=True):
    status: str = msgspec.field(name="Status", default="")
    tokens: list[str] = msgspec.field(name="Tokens", default_factory=list)


class _MailFrom(msgspec.Struct, frozen=True):
    domain: str = msgspec.field(name="MailFromDomain", default="")
    status: str = msgspec.field(name="MailFromDomainStatus", default="")


class _Identity(msgspec.Struct, frozen=True):
    is_verified: bool = msgspec.field(name="VerifiedForSendingStatus", default=False)
    dkim: _Dkim = msgspec.field(name="DkimAttributes", default_factory=_Dkim)
    mail_from: _MailFrom | None = msgspec.field(name="MailFromAttributes", default=None)


class _Topic(msgspec.Struct, frozen=True):
    arn: str = msgspec.field(name="TopicArn", default="")


class _Destination(msgspec.Struct, frozen=True):
    enabled: bool = msgspec.field(name="Enabled", default=False)
    topic: _Topic | None = msgspec.field(name="SnsDestination", default=None)


class _Destinations(msgspec.Struct, frozen=True):
    destinations: list[_Destination] = msgspec.field(name="EventDestinations", default_factory=list)


def _get(path: str, settings: Settings) -> Request:
    return signed_request("GET", path, NOTHING, settings)


def _require_key(response: Response) -> None:
    if response.status not in (401, 403):
        return
    name = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    is_wrong = name in WRONG_KEYS or any(each.encode() in response.body for each in WRONG_KEYS)
    raise (KeyRefusedError if is_wrong else NoRightError)(f"{words(response)} {name}".strip())


def _account(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    _require_key(response)
    account = read(response, _Account)
    detail = ""
    if not account.is_production:
        detail = "the account is in Amazon's sandbox, which mails verified addresses only"
    elif not account.is_enabled or account.enforcement == "SHUTDOWN":
        detail = "Amazon has stopped the account from sending"
    left = None if account.quota.most < 0 else max(0, int(account.quota.most - account.quota.sent))
    return AccountFacts(sends=not detail, sends_detail=detail, left=left, period="within 24 hours")


def _identity(response: Response, _settings: Settings, domain: str) -> AccountFacts:
    _require_key(response)
    if response.status == 404:
        return AccountFacts(is_verified=False, verified_detail="the account has no identity of that name in the region")
    identity = read(response, _Identity)
    names = tuple(f"{token}._domainkey.{domain}" for token in identity.dkim.tokens)
    bounces = identity.mail_from if identity.mail_from and identity.mail_from.status == "SUCCESS" else _MailFrom()
    return AccountFacts(
        is_verified=identity.is_verified,
        verified_detail=f"DKIM is {identity.dkim.status or 'not set up'}",
        dkim_names=names,
        return_path=bounces.domain,
    )


def _destinations(response: Response, settings: Settings, _domain: str) -> AccountFacts:
    _require_key(response)
    if response.status == 404:
        detail = f'the account has no configuration set "{settings["configuration_set"]}" in the region'
        return AccountFacts(sends=False, sends_detail=detail)
    topics = [each.topic for each in read(response, _Destinations).destinations if each.enabled]
    return AccountFacts(webhooks=tuple(topic.arn for topic in topics if topic))


def _account_facts(response: Response, settings: Settings, domain: str) -> AccountFacts:
    """Read the account, and ask about the configuration set where newsletter.toml names one."""
    facts = _account(response, settings, domain)
    if not (name := settings["configuration_set"]):
        return facts
    path = f"/v2/email/configuration-sets/{quote(name, safe='')}/event-destinations"
    question = AccountQuestion(
        subject="the configuration set",
        page="https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetConfigurationSetEventDestinations.html",
        request=lambda its_settings, _domain: _get(path, its_settings),
        facts=_destinations,
    )
    return replace(facts, more=(question,))


SES_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(
            subject="the account",
            page="https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html",
            request=lambda settings, _domain: _get("/v2/email/account", settings),
            facts=_account_facts,
        ),
        AccountQuestion(
            subject="the domain",
            page="https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html",
            request=lambda settings, domain: _get(f"/v2/email/identities/{quote(domain, safe='')}", settings),
            facts=_identity,
        ),
    ),
    spf="include:amazonses.com",
    records="Amazon shows three DKIM records (CNAME) under Identities, your domain, Authentication; a MAIL FROM domain "
    "is optional.",
)
