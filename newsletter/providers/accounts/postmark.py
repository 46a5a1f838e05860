"""Postmark's account: https://postmarkapp.com/developer/api/server-api.

A server's token cannot ask about domains, which belong to the account: https://postmarkapp.com/developer/api/domains-api.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from newsletter.providers.accounts.account import AccountCheck, AccountFacts, AccountQuestion, NoAnswerError, read
from newsletter.providers.base import Request, Response, Settings


class _Server(msgspec.Struct, frozen=True):
    delivery_type: str = msgspec.field(name="DeliveryType", default="Live")


class _Subscriptions(msgspec.Struct, frozen=True):
    handling: str = msgspec.field(name="UnsubscribeHandlingType", default="")


class _Stream(msgspec.Struct, frozen=True):
    archived_at: str | None = msgspec.field(name="ArchivedAt", default=None)
    subscriptions: _Subscriptions = msgspec.field(
        name="SubscriptionManagementConfiguration", default_factory=_Subscriptions
    )


class _Hook(msgspec.Struct, frozen=True):
    url: str = msgspec.field(name="Url", default="")


class _Hooks(msgspec.Struct, frozen=True):
    webhooks: list[_Hook] = msgspec.field(name="Webhooks")


def _headers(settings: Settings) -> Mapping[str, str]:
    return {"Accept": "application/json", "X-Postmark-Server-Token": settings["token"]}


def _get(path: str, settings: Settings) -> Request:
    return Request(method="GET", url=f"{settings['base_url']}{path}", headers=_headers(settings))


def _server(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    is_live = read(response, _Server).delivery_type == "Live"
    return AccountFacts(sends=is_live, sends_detail="" if is_live else "the server is a sandbox: it delivers nothing")


def _stream(response: Response, settings: Settings, _domain: str) -> AccountFacts:
    name = settings["message_stream"]
    if response.status in (404, 422):
        return AccountFacts(sends=False, sends_detail=f'the server has no message stream "{name}" (message_stream)')
    stream = read(response, _Stream)
    if stream.archived_at:
        return AccountFacts(sends=False, sends_detail=f'the message stream "{name}" is archived')
    if stream.subscriptions.handling == "Postmark":
        detail = f'the stream "{name}" puts Postmark\'s unsubscribe link beside ours; set its handling to "custom"'
        return AccountFacts(unsubscribe_detail=detail)
    return AccountFacts()


def _hooks(response: Response, _settings: Settings, _domain: str) -> AccountFacts:
    if response.status == 422:
        raise NoAnswerError("422: the message stream is not one of the server's")
    return AccountFacts(webhooks=tuple(hook.url for hook in read(response, _Hooks).webhooks))


POSTMARK_ACCOUNT = AccountCheck(
    questions=(
        AccountQuestion(
            subject="the server",
            page="https://postmarkapp.com/developer/api/server-api",
            request=lambda settings, _domain: _get("/server", settings),
            facts=_server,
        ),
        AccountQuestion(
            subject="the message stream",
            page="https://postmarkapp.com/developer/api/message-streams-api",
            request=lambda settings, _domain: _get(f"/message-streams/{settings['message_stream']}", settings),
            facts=_stream,
        ),
        AccountQuestion(
            subject="the webhooks",
            page="https://postmarkapp.com/developer/api/webhooks-api",
            request=lambda settings, _domain: _get(f"/webhooks?MessageStream={settings['message_stream']}", settings),
            facts=_hooks,
        ),
    ),
    spf="include:spf.mtasv.net",
    records="Postmark shows a DKIM record (TXT) and a return path (CNAME) under Sender Signatures, your domain, DNS.",
)
