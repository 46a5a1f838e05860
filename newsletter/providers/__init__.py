"""Mail providers: one file each, and what they share.

base.py has the record of a provider and the values that go in and out, webhooks.py those of what it reports later;
refusals.py says what a "no" is about; transport.py makes HTTP requests, body.py their bytes, substitution.py readers'
values, aws_signature.py Amazon's signature; pages.py reads what a provider lists; dispatch.py hands a batch over and
never raises. ses.py reads its events by sns.py. smtp.py signs with dkim.py and talks over a session
(smtp_session.py), which smtp_connections.py opens and shares; smtp_login.py logs in, smtp_encryption.py tells which
`security` a server wants, smtp_errors.py has what can fail. accounts/ asks about the account at a provider.

Add a provider: a file here that holds a `base.Provider`, its line in PROVIDERS, its account in `accounts/`, its keys in
`config/provider_settings.py`, recorded replies in `tests/providers/`, a paragraph in `docs/providers.md`.
Belongs here: one provider's language. Does not: the ledger, rates, retries.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from newsletter.config import PublicationSettings, secret
from newsletter.config.provider_settings import check_required
from newsletter.errors import suggestion

if TYPE_CHECKING:
    from newsletter.config.provider_settings import Setting
    from newsletter.providers.base import Provider, Settings

PROVIDERS = {
    "outbox": "newsletter.providers.outbox:OUTBOX",
    "postmark": "newsletter.providers.postmark:POSTMARK",
    "resend": "newsletter.providers.resend:RESEND",
    "mailgun": "newsletter.providers.mailgun:MAILGUN",
    "ses": "newsletter.providers.ses:SES",
    "sendgrid": "newsletter.providers.sendgrid:SENDGRID",
    "brevo": "newsletter.providers.brevo:BREVO",
    "mailjet": "newsletter.providers.mailjet:MAILJET",
    "mailersend": "newsletter.providers.mailersend:MAILERSEND",
    "sparkpost": "newsletter.providers.sparkpost:SPARKPOST",
    "smtp": "newsletter.providers.smtp:SMTP",
}
"""Every provider, and where its record is: `module:NAME`, imported on use."""


def find_provider(publication: PublicationSettings, name: str = "") -> Provider:
    """Return the record of the provider `name`, else of the first of `[send] provider`. No secret is read.

    Raises ConfigError when there is no such provider, as for a campaign whose provider left newsletter.toml.
    """
    name = name or publication.config.send.providers[0]
    if name not in PROVIDERS:
        hint = suggestion(name, PROVIDERS, "Providers")
        raise publication.error(("send", "provider"), f'no provider is named "{name}"', hint)
    check_required(name, publication.config.providers, publication.error)
    return provider_record(name)


def provider_record(name: str) -> Provider:
    """Return the record of a provider in PROVIDERS, whatever newsletter.toml says of it."""
    module, _, attribute = PROVIDERS[name].partition(":")
    provider: Provider = getattr(importlib.import_module(module), attribute)
    return provider


def unsubscribe_header(publication: PublicationSettings, provider: Provider) -> str:
    """Return whose List-Unsubscribe header readers get: `ours`, `option` or `theirs`."""
    given = publication.config.providers.get(provider.name, {})
    return provider.unsubscribe_of(given) if provider.unsubscribe_of else provider.unsubscribe


def require_unsubscribe_events(publication: PublicationSettings, provider: Provider) -> None:
    """Raise ConfigError when readers leave by the provider's own link and nothing would tell us."""
    table = publication.config.providers.get(provider.name, {})
    if unsubscribe_header(publication, provider) != "theirs" or table.get("webhook_token"):
        return
    message = f"[providers.{provider.name}] {provider.title} puts its own unsubscribe link in place of ours"
    hint = "Set webhook_token, so that `newsletter serve` hears who left by it: docs/providers.md."
    raise publication.error(("providers", provider.name), message, hint)


def reports_deliveries(publication: PublicationSettings, name: str) -> bool:
    """Tell whether a provider lets us know which messages were delivered: it can, and its webhook is set up."""
    is_set_up = name in PROVIDERS and publication.config.providers.get(name, {}).get("webhook_token")
    return bool(is_set_up) and provider_record(name).webhook is not None


def successor(publication: PublicationSettings, name: str) -> str:
    """Return the provider that a campaign goes on through when `name` stops; empty when none is left."""
    names = publication.config.send.providers
    return names[names.index(name) + 1] if name in names[:-1] else ""


def read_settings(publication: PublicationSettings, provider: Provider) -> Settings:
    """Return the settings that sending needs, by key: defaults filled in, secrets read, paths absolute.

    Raises ConfigError with the line when a secret is not set, or has characters that no key has.
    """
    given = publication.config.providers.get(provider.name, {})
    needed = (setting for setting in provider.settings if setting.sending)
    values = {setting.name: _value(publication, provider, setting, given) for setting in needed}
    timeout = publication.config.send.timeout.delta.total_seconds()
    return values if provider.request is None else {**values, "timeout": f"{timeout:g}"}


def read_webhook_settings(publication: PublicationSettings, name: str) -> Settings:
    """Return the settings that a provider's webhook needs, by key; the keys of sending that are secrets are left out.

    Raises ConfigError with the line when a secret is not set.
    """
    provider = find_provider(publication, name)
    given = publication.config.providers.get(name, {})
    needed = (setting for setting in provider.settings if not setting.sending or setting.kind not in ("secret", "pem"))
    return {setting.name: _value(publication, provider, setting, given) for setting in needed}


def _value(publication: PublicationSettings, provider: Provider, setting: Setting, given: Mapping[str, Any]) -> str:
    value = str(given.get(setting.name, setting.default))
    key = f"[providers.{provider.name}] {setting.name}"
    if setting.kind == "path":
        return str(publication.root / value)
    if setting.kind == "address":
        return value.rstrip("/")
    if setting.kind == "pem":
        return secret(value, key=key) if value else ""
    if setting.kind == "password" and value:
        return secret(value, key=key)
    if setting.kind == "secret" and value:
        return _header_safe(publication, ("providers", provider.name, setting.name), secret(value, key=key))
    return value


def _header_safe(publication: PublicationSettings, keys: Sequence[str], value: str) -> str:
    if not value.isascii() or not value.isprintable() or not value.strip():
        message = f"[{keys[0]}.{keys[1]}] {keys[2]}: the secret has characters that no key has"
        raise publication.error(keys, message, "Set it again.")
    return value.strip()
