"""The keys of each `[providers.<name>]` table, and the check that newsletter.toml gives them rightly.

One source for both sides: newsletter.toml is checked against this table whatever the command, without importing a
provider, and a provider's record takes its `settings` from here. What a provider does with a key is its own file's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from newsletter.addresses import parse_address
from newsletter.errors import ConfigError, suggestion, together

LOOPBACK = re.compile(r"http://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(/|$)")
"""Addresses that may do without TLS: nothing leaves the machine."""

MOST_CONNECTIONS = 100
"""Connections to a mail server, at most: each has a thread."""
_NEVER_IN_A_HOST = re.compile(r"""[\s"'<>\\^`{|};,%]""")

Fail = Callable[[Sequence[str], str, str], ConfigError]
"""Makes the error at the line of newsletter.toml that sets these keys: keys, message, hint."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A key of `[providers.<name>]`."""

    name: str
    default: str | None = None
    """None: the key must be given."""
    kind: Literal["text", "secret", "password", "pem", "path", "address", "mailbox", "port", "count"] = "text"
    """Secrets are named (`env:NAME`): a key for a header, a password of any characters, a pem of several lines. A path
    is relative to newsletter.toml, an address is a URL, a mailbox an email address; a port and a count may be
    numbers."""
    choices: tuple[str, ...] = ()
    """The values it may have; empty: any."""
    sending: bool = True
    """False: only webhooks need it, so sending does not read it."""


_WEBHOOK = (
    Setting(name="webhook_token", default="", kind="secret", sending=False),
    Setting(name="webhook_secret", default="", kind="secret", sending=False),
    Setting(name="webhook_user", default="", sending=False),
    Setting(name="webhook_password", default="", kind="secret", sending=False),
)

PROVIDER_SETTINGS: Mapping[str, tuple[Setting, ...]] = {
    "outbox": (Setting(name="path", default="outbox", kind="path"),),
    "postmark": (
        Setting(name="token", kind="secret"),
        Setting(name="message_stream", default="broadcast"),
        Setting(name="base_url", default="https://api.postmarkapp.com", kind="address"),
        *_WEBHOOK,
    ),
    "resend": (
        Setting(name="api_key", kind="secret"),
        Setting(name="base_url", default="https://api.resend.com", kind="address"),
        *_WEBHOOK,
    ),
    "mailgun": (
        Setting(name="api_key", kind="secret"),
        Setting(name="domain"),
        Setting(name="base_url", default="https://api.mailgun.net", kind="address"),
        *_WEBHOOK,
    ),
    "ses": (
        Setting(name="access_key_id", kind="secret"),
        Setting(name="secret_access_key", kind="secret"),
        Setting(name="session_token", default="", kind="secret"),
        Setting(name="region"),
        Setting(name="configuration_set", default=""),
        Setting(name="topic_arn", default="", sending=False),
        Setting(name="base_url", default="", kind="address"),
        *_WEBHOOK,
    ),
    "sendgrid": (
        Setting(name="api_key", kind="secret"),
        Setting(name="base_url", default="https://api.sendgrid.com", kind="address"),
        *_WEBHOOK,
    ),
    "brevo": (
        Setting(name="api_key", kind="secret"),
        Setting(name="base_url", default="https://api.brevo.com", kind="address"),
        *_WEBHOOK,
    ),
    "mailjet": (
        Setting(name="api_key", kind="secret"),
        Setting(name="api_secret", kind="secret"),
        Setting(name="base_url", default="https://api.mailjet.com", kind="address"),
        *_WEBHOOK,
    ),
    "mailersend": (
        Setting(name="api_key", kind="secret"),
        Setting(name="custom_headers", default="true", choices=("true", "false")),
        Setting(name="base_url", default="https://api.mailersend.com", kind="address"),
        *_WEBHOOK,
    ),
    "sparkpost": (
        Setting(name="api_key", kind="secret"),
        Setting(name="transactional", default="true", choices=("true", "false")),
        Setting(name="base_url", default="https://api.sparkpost.com", kind="address"),
        *_WEBHOOK,
    ),
    "smtp": (
        Setting(name="host"),
        Setting(name="port", default="587", kind="port"),
        Setting(name="security", default="starttls", choices=("none", "starttls", "tls")),
        Setting(name="username", default=""),
        Setting(name="password", default="", kind="password"),
        Setting(name="connections", default="4", kind="count"),
        Setting(name="return_path", default="", kind="mailbox"),
        Setting(name="dkim_domain", default=""),
        Setting(name="dkim_selector", default="newsletter"),
        Setting(name="dkim_key", default="", kind="pem"),
    ),
}
"""Every provider's keys, in the order in which errors name them."""


def provider_mistakes(
    used: Sequence[str], tables: Mapping[str, Mapping[str, Any]], fail: Fail
) -> Iterator[ConfigError]:
    """Check the providers of `[send] provider` (`used`) and every `[providers.<name>]` table; read no secret.

    Yields the errors that `fail` makes: for an unknown provider or key, a value of another kind, or a missing key of a
    provider that is used.
    """
    for name in used:
        if name not in PROVIDER_SETTINGS:
            hint = suggestion(name, PROVIDER_SETTINGS, "Providers")
            yield fail(("send", "provider"), f'no provider is named "{name}"', hint)
    for name, given in tables.items():
        if name not in PROVIDER_SETTINGS:
            hint = suggestion(name, PROVIDER_SETTINGS, "Providers")
            yield fail(("providers", name), f'[providers.{name}] no provider is named "{name}"', hint)
        else:
            yield from _wrong_values(name, given, fail)
    for name in used:
        if name in PROVIDER_SETTINGS:
            yield from _missing(name, tables, fail)


def check_required(provider: str, tables: Mapping[str, Mapping[str, Any]], fail: Fail) -> None:
    """Check that newsletter.toml gives every key that sending through `provider` needs; raises the error of `fail`."""
    if errors := [*_missing(provider, tables, fail)]:
        raise together(errors)


def _missing(provider: str, tables: Mapping[str, Mapping[str, Any]], fail: Fail) -> Iterator[ConfigError]:
    for setting in PROVIDER_SETTINGS[provider]:
        if setting.default is None and setting.name not in tables.get(provider, {}):
            is_secret = setting.kind in ("secret", "password")
            example = "env:" + f"{provider}_{setting.name}".upper() if is_secret else "..."
            # The line of the table, or else the line that asks for the provider.
            where = ("providers", provider) if provider in tables else ("send", "provider")
            hint = f'Add {setting.name} = "{example}" under [providers.{provider}].'
            yield fail(where, f'[providers.{provider}] "{setting.name}" is missing', hint)


def is_well_formed(address: str) -> bool:
    """Tell whether a web address can be taken apart: it has a host, and a port is a number up to 65535.

    `http://[` cannot; a host with spaces, quotes or semicolons would end a header or an attribute that holds it.
    """
    try:
        parts = urlsplit(address)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and not _NEVER_IN_A_HOST.search(parts.netloc) and address.isprintable()


def is_safe_address(value: str) -> bool:
    """Tell whether keys may travel to this address: TLS, or a loopback address, which nothing leaves."""
    return value.startswith("https://") or bool(LOOPBACK.match(value))


def _wrong_values(provider: str, given: Mapping[str, Any], fail: Fail) -> Iterator[ConfigError]:
    known = {setting.name: setting for setting in PROVIDER_SETTINGS[provider]}
    for key, value in given.items():
        where = ("providers", provider, key)
        if key not in known:
            hint = suggestion(key, known, "Keys")
            yield fail(where, f'[providers.{provider}] no setting is named "{key}"', hint)
        elif error := _wrong_value(where, f"[providers.{provider}] {key}", value, known[key], fail):
            yield error


def _wrong_value(where: Sequence[str], key: str, value: object, setting: Setting, fail: Fail) -> ConfigError | None:
    """Return what is wrong with one value, if anything is."""
    if most := {"port": 65535, "count": MOST_CONNECTIONS}.get(setting.kind):
        if not str(value).isascii() or not str(value).isdigit() or not 0 < int(str(value)) <= most:
            return fail(where, f"{key} = {value!r}: write a number up to {most}", "")
        return None
    if not isinstance(value, str) or not value:
        return fail(where, f"{key} = {value!r}: write text in quotes", "")
    if setting.choices and value not in setting.choices:
        return fail(where, f'{key} = "{value}"', suggestion(value, setting.choices, "Values"))
    if setting.kind == "address" and not (is_safe_address(value) and is_well_formed(value)):
        return fail(where, f'{key} = "{value}" is not an https:// address', "")
    if setting.kind == "mailbox":
        try:
            parse_address(value)
        except ValueError as error:
            return fail(where, f"{key}: {error}", "")
    return None
