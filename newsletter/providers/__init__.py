"""Those who deliver mail: which there are, and the settings each is given.

To add one: a file here that holds a `record.Provider`, a line in PROVIDERS, recorded
replies in `tests/providers/`, a paragraph in `docs/providers.md`. Nothing here sends.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from newsletter.config import LOOPBACK, Publication, secret
from newsletter.config.errors import locate
from newsletter.errors import ConfigError, suggestion

if TYPE_CHECKING:
    from newsletter.providers.base import Provider, Setting, Settings

PROVIDERS = {
    "outbox": "newsletter.providers.outbox:OUTBOX",
    "postmark": "newsletter.providers.postmark:POSTMARK",
    "resend": "newsletter.providers.resend:RESEND",
    "mailgun": "newsletter.providers.mailgun:MAILGUN",
    "smtp": "newsletter.providers.smtp:SMTP",
}
"""Every provider and where its record is; imported on use."""


def find_provider(publication: Publication, name: str = "") -> Provider:
    """The provider called `name`, else the first of `[send] provider`; its keys are checked, no secret is read.

    Raises ConfigError with the line.
    """
    if not name:
        first, *_others = [find_provider(publication, one) for one in publication.config.send.providers]
        return first
    if name not in PROVIDERS:
        hint = suggestion(name, PROVIDERS, "Providers")
        raise ConfigError(f'no provider is named "{name}"', place=_place(publication, "send", "provider"), hint=hint)
    module, _, attribute = PROVIDERS[name].partition(":")
    provider: Provider = getattr(importlib.import_module(module), attribute)
    _check_keys(publication, provider)
    return provider


def successor(publication: Publication, name: str) -> str:
    """Through whom a campaign goes on when `name` stops; empty when nobody is left."""
    row = publication.config.send.providers
    return row[row.index(name) + 1] if name in row[:-1] else ""


def read_settings(publication: Publication, provider: Provider) -> Settings:
    """What sending needs of the provider's settings, its secrets among them. Raises ConfigError with the line."""
    given = publication.config.providers.get(provider.name, {})
    needed = (setting for setting in provider.settings if setting.sending)
    return {setting.name: _value(publication, provider, setting, given) for setting in needed}


def _check_keys(publication: Publication, provider: Provider) -> None:
    given = publication.config.providers.get(provider.name, {})
    known = [setting.name for setting in provider.settings]
    for key, value in given.items():
        place = _place(publication, "providers", provider.name, key)
        if key not in known:
            message = f'[providers.{provider.name}] no setting is named "{key}"'
            raise ConfigError(message, place=place, hint=suggestion(key, known, "Keys"))
        _check_value(f"[providers.{provider.name}] {key}", value, provider.settings[known.index(key)], place)
    for setting in provider.settings:
        if setting.default is None and setting.name not in given:
            raise _missing(publication, provider, setting)


def _check_value(key: str, value: object, setting: Setting, place: str) -> None:
    if setting.kind == "port":
        if not str(value).isascii() or not str(value).isdigit() or not 0 < int(str(value)) < 65536:
            raise ConfigError(f"{key} = {value!r}: write a number up to 65535", place=place)
        return
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{key} = {value!r}: write text in quotes", place=place)
    if setting.choices and value not in setting.choices:
        raise ConfigError(f'{key} = "{value}"', place=place, hint=suggestion(value, setting.choices, "Values"))


def _missing(publication: Publication, provider: Provider, setting: Setting) -> ConfigError:
    example = "env:" + f"{provider.name}_{setting.name}".upper() if setting.kind == "secret" else "..."
    return ConfigError(
        f'[providers.{provider.name}] "{setting.name}" is missing',
        place=_place(publication, *_named_at(publication, provider)),
        hint=f'Add {setting.name} = "{example}" under [providers.{provider.name}].',
    )


def _named_at(publication: Publication, provider: Provider) -> tuple[str, str]:
    """Its section; where there is none, what asks for it."""
    return ("providers", provider.name) if provider.name in publication.config.providers else ("send", "provider")


def _value(publication: Publication, provider: Provider, setting: Setting, given: Mapping[str, Any]) -> str:
    value = str(given.get(setting.name, setting.default))
    key = f"[providers.{provider.name}] {setting.name}"
    place = _place(publication, "providers", provider.name, setting.name)
    if setting.kind == "path":
        return str(publication.root / value)
    if setting.kind == "address":
        return _address(value, key, place)
    if setting.kind == "pem":
        return secret(value, key=key) if value else ""
    if setting.kind == "secret" and value:
        return _header_safe(secret(value, key=key), key, place)
    return value


def _address(value: str, key: str, place: str) -> str:
    """Keys travel in these requests: TLS, unless nothing leaves the machine."""
    if not value.startswith("https://") and not LOOPBACK.match(value):
        raise ConfigError(f'{key} = "{value}" is not an https:// address', place=place)
    return value.rstrip("/")


def _header_safe(value: str, key: str, place: str) -> str:
    if not value.isascii() or not value.isprintable() or not value.strip():
        raise ConfigError(f"{key}: the secret has characters that no key has", place=place, hint="Set it again.")
    return value.strip()


def _place(publication: Publication, *keys: str) -> str:
    """`newsletter.toml:12`, or the bare file when the setting is a default."""
    line = locate(publication.path.read_text(encoding="utf-8"), keys)
    return f"{publication.path.name}:{line}"
