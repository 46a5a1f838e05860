"""Check newsletter.toml beyond what every command checks, and whether the secrets that it names are there.

No secret is printed, nor any part of one.
"""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from newsletter.config import PublicationSettings, secret
from newsletter.doctor.finding import CheckResult, failed, passed, skipped, warned
from newsletter.errors import ConfigError, NewsletterError
from newsletter.providers import provider_record, read_settings
from newsletter.signed_links import SECRET_FILE, link_secret

SHORT = 8
"""Characters of a secret that nobody writes by chance."""
RESERVED = ("example.com", "example.net", "example.org", "example", "test", "invalid", "localhost")
"""Domains for examples, which nobody can own (RFC 2606, RFC 6761)."""


def wrong_file(error: NewsletterError) -> CheckResult:
    """Return the result for a newsletter.toml that cannot be used, with every mistake in it."""
    message = " ".join(f"{each.sentence}." for each in error.each)
    hints = " ".join(each.hint for each in error.each if each.hint)
    return failed("settings.file", message, hints or "Correct the line.")


def settings_results(publication: PublicationSettings) -> Iterator[CheckResult]:
    """Yield the results about newsletter.toml, which could be read."""
    yield passed("settings.file", f"{publication.path.name} is right, every key and value.")
    yield _sender(publication)
    yield _postal_address(publication)
    yield from _packages(publication)


def _sender(publication: PublicationSettings) -> CheckResult:
    domain = publication.config.publication.sender.domain
    if any(domain == name or domain.endswith(f".{name}") for name in RESERVED):
        fix = "Set [publication] from to an address of a domain of yours."
        return warned("settings.sender", f"{domain} is a domain for examples, which nobody can send from.", fix)
    return passed("settings.sender", f"Mail comes from {publication.config.publication.sender.address}.")


def _postal_address(publication: PublicationSettings) -> CheckResult:
    if publication.config.publication.postal_address:
        return passed("settings.postal_address", "Every email shows your postal address.")
    fix = "Set [publication] postal_address. The United States (CAN-SPAM) and other countries ask for it in bulk mail."
    return warned("settings.postal_address", "Emails show no postal address.", fix)


def _packages(publication: PublicationSettings) -> Iterator[CheckResult]:
    """Yield what has to be installed for the settings, beyond the program itself."""
    wanted = []
    for name in publication.config.send.providers:
        table, webhook = publication.config.providers.get(name, {}), provider_record(name).webhook
        if webhook and table.get("webhook_token"):
            wanted += [(module, "webhooks", f"the webhook of {name}") for module in webhook.modules]
        if name == "smtp" and table.get("dkim_key"):
            wanted.append(("dkim", "dkim", "dkim_key"))
    for module, extra, purpose in wanted:
        if importlib.util.find_spec(module) is None:
            words = f"{purpose} needs the package {module}, which is not installed."
            yield failed("settings.packages", words, f"Install it: pip install '.[{extra}]'")


def secrets_results(publication: PublicationSettings) -> Iterator[CheckResult]:
    """Yield a result for each secret that newsletter.toml names, and one for that which signs links."""
    keys_of: dict[str, list[tuple[str, ...]]] = {}
    for keys, value in _named_secrets(_tables(publication)):
        keys_of.setdefault(value, []).append(keys)
    in_use = publication.config.send.providers
    for value, places in keys_of.items():
        key = ", ".join(f"[{'.'.join(keys[:-1])}] {keys[-1]}" for keys in places)
        is_idle = all(keys[0] == "providers" and keys[1] not in in_use for keys in places)
        yield _secret(f"secrets.{value.removeprefix('env:')}", key, value, is_idle=is_idle)
    yield from _unusable(publication)
    yield _signing(publication)


def secret_values(publication: PublicationSettings) -> list[str]:
    """Return the values of all secrets that newsletter.toml names and that are set, the longest first.

    Those under SHORT characters are left out: they stand in ordinary words, too.
    """
    values = set()
    for _, named in _named_secrets(_tables(publication)):
        with suppress(ConfigError):
            values.add(secret(named, key="").strip())
    return sorted((value for value in values if len(value) >= SHORT), key=len, reverse=True)


def _tables(publication: PublicationSettings) -> dict[str, Any]:
    return tomllib.loads(publication.path.read_text(encoding="utf-8"))


def _named_secrets(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys and the value of each setting that names a variable."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _named_secrets(value, (*above, key))
        elif isinstance(value, str) and value.startswith("env:") and above:
            yield (*above, key), value


def _secret(name: str, key: str, value: str, *, is_idle: bool) -> CheckResult:
    try:
        secret(value, key=key)
    except ConfigError as error:
        if is_idle:
            return skipped(name, f"{error.message}; nothing uses that provider.")
        return failed(name, f"{error.message}.", error.hint)
    return passed(name, f"{value.removeprefix('env:')} is set, for {key}.")


def _unusable(publication: PublicationSettings) -> Iterator[CheckResult]:
    """Yield the secrets that are set and cannot be used: with a line end, with letters that no key has."""
    for name in publication.config.send.providers:
        try:
            read_settings(publication, provider_record(name))
        except ConfigError as error:
            if "is not set" not in error.message:
                yield failed(f"secrets.{name}", f"{error.message}.", error.hint)


def _signing(publication: PublicationSettings) -> CheckResult:
    name, path = "secrets.links", publication.root / SECRET_FILE
    if not publication.config.environment.secret and not path.exists():
        return skipped(name, f"No link was signed yet; the secret for it will be made in {SECRET_FILE}.")
    try:
        link_secret(publication)
    except NewsletterError as error:
        if "is not set" in error.message:
            return skipped(name, "The secret that signs links is missing, as told above.")
        return failed(name, f"{error.message}.", error.hint)
    return passed(name, "The secret that signs readers' links is there. Back it up: links in old mail need it.")
