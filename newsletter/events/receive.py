"""Judge a call to a webhook address: whose it is, whether it is genuine, and whether it can be read.

Pure but for the settings that are read when the gate is made. Nothing of a refused call is kept.
"""

from __future__ import annotations

import base64
import hmac
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from newsletter.config import PublicationSettings
from newsletter.providers import PROVIDERS, find_provider, read_webhook_settings
from newsletter.providers.base import Settings
from newsletter.providers.webhooks import UnreadableError, UnverifiedError, Webhook, WebhookCall

_NOBODY = "-" * 43
"""Compared with when there is no such provider, so that both refusals take equally long."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A provider's webhook address, and what a call to it must prove."""

    webhook: Webhook
    settings: Settings

    @property
    def refuses_all(self) -> bool:
        """Tell whether the provider signs its calls and the key to check them is missing."""
        return self.webhook.needs_secret and not self.settings["webhook_secret"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The answer to a call."""

    status: HTTPStatus
    reason: str = ""
    """Why it is refused, for the operator's log; names no reader."""
    token: str = ""
    """The token that the signature covers in place of the body; empty where it covers the body."""
    confirmation: str = ""
    """An address to request, which confirms the subscription that the call asks for."""


class CertificateNeededError(Exception):
    """The call can be judged once this certificate is known."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class WebhookGate:
    """The webhook addresses of a publication."""

    def __init__(self, publication: PublicationSettings) -> None:
        """Read the settings of every provider that has a `webhook_token`. Raises ConfigError for a missing secret."""
        self._endpoints = dict(_endpoints(publication))
        self._certificates: dict[str, bytes] = {}

    @property
    def names(self) -> Sequence[str]:
        """The providers that have a webhook address."""
        return list(self._endpoints)

    @property
    def refusing(self) -> Sequence[str]:
        """The providers whose every call is refused, because the key that checks their signature is missing."""
        return [name for name, endpoint in self._endpoints.items() if endpoint.refuses_all]

    def learn_certificate(self, url: str, pem: bytes) -> None:
        """Keep a certificate that a judgement asked for."""
        self._certificates[url] = pem

    def judge(self, provider: str, token: str, call: WebhookCall) -> Judgement:
        """Return the answer to a call. Raises CertificateNeededError when its signature needs an unknown one."""
        endpoint = self._endpoints.get(provider)
        expected = endpoint.settings["webhook_token"] if endpoint else _NOBODY
        if not hmac.compare_digest(token.encode(), expected.encode()) or endpoint is None:
            return Judgement(status=HTTPStatus.NOT_FOUND)
        if endpoint.refuses_all:
            return Judgement(status=HTTPStatus.UNAUTHORIZED, reason="webhook_secret is not set")
        if not _has_password(endpoint.settings, call):
            return Judgement(status=HTTPStatus.UNAUTHORIZED, reason="the user or the password is wrong")
        try:
            if endpoint.webhook.verify:
                endpoint.webhook.verify(call, endpoint.settings, self._certificate)
            endpoint.webhook.reports(call.body)
        except UnverifiedError as error:
            return Judgement(status=HTTPStatus.UNAUTHORIZED, reason=str(error))
        except UnreadableError as error:
            return Judgement(status=HTTPStatus.BAD_REQUEST, reason=str(error))
        confirm, token_of = endpoint.webhook.confirmation, endpoint.webhook.token
        return Judgement(
            status=HTTPStatus.OK,
            token=token_of(call.body) if token_of else "",
            confirmation=confirm(call.body) if confirm else "",
        )

    def _certificate(self, url: str) -> bytes:
        if url not in self._certificates:
            raise CertificateNeededError(url)
        return self._certificates[url]


def _endpoints(publication: PublicationSettings) -> list[tuple[str, Endpoint]]:
    endpoints = []
    for name, table in publication.config.providers.items():
        if name not in PROVIDERS or not table.get("webhook_token"):
            continue
        webhook = find_provider(publication, name).webhook
        if webhook is not None:
            _require(publication, name, webhook)
            settings = read_webhook_settings(publication, name)
            endpoints.append((name, Endpoint(webhook=webhook, settings=settings)))
    return endpoints


def _require(publication: PublicationSettings, name: str, webhook: Webhook) -> None:
    """Raise ConfigError unless everything is installed that the webhook's signatures need."""
    missing = [module for module in webhook.modules if importlib.util.find_spec(module) is None]
    if missing:
        message = f"[providers.{name}] webhook_token: {', '.join(missing)} is not installed"
        raise publication.error(
            ("providers", name, "webhook_token"), message, "Install the extra: pip install '.[webhooks]'"
        )


def _has_password(settings: Settings, call: WebhookCall) -> bool:
    """Tell whether a call has the user and password of the settings (RFC 7617), if they name any."""
    user, password = settings.get("webhook_user", ""), settings.get("webhook_password", "")
    if not user and not password:
        return True
    expected = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
    return hmac.compare_digest(call.headers.get("authorization", "").encode(), expected)
