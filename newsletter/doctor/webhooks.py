"""Check that bounces, complaints and unsubscriptions come back: the webhook of each provider, or the return path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from newsletter.config import PublicationSettings, secret
from newsletter.doctor.finding import CheckResult, failed, passed, skipped, warned
from newsletter.errors import NewsletterError
from newsletter.providers import unsubscribe_header
from newsletter.providers.base import Provider

HOW = "docs/providers.md, What providers report, says how."


def webhook_results(
    publication: PublicationSettings, provider: Provider, registered: tuple[str, ...] | None, why: str
) -> Iterator[CheckResult]:
    """Yield the results about one provider's reports.

    `registered` are the addresses that the provider calls; None when it does not tell, and `why` says so.
    """
    table = publication.config.providers.get(provider.name, {})
    if provider.name == "outbox":
        return
    if provider.webhook is None:
        yield _return_path(table)
        return
    name = f"webhooks.{provider.name}"
    if not table.get("webhook_token"):
        yield _without(publication, provider, f"{name}.token")
        return
    yield passed(f"{name}.token", f"[providers.{provider.name}] webhook_token is set.")
    if provider.webhook.needs_secret:
        yield _secret(provider, table, f"{name}.secret")
    yield _registered(publication, provider, table, registered, why)


def _return_path(table: Mapping[str, Any]) -> CheckResult:
    name = "webhooks.smtp.return_path"
    if table.get("return_path"):
        return passed(name, f"Bounces come back to {table['return_path']}, with a mark for each reader.")
    fix = "Set return_path under [providers.smtp], and read the mailbox: newsletter bounces read --watch."
    return warned(name, "Nobody learns of bounces, so dead addresses are mailed for ever.", fix)


def _without(publication: PublicationSettings, provider: Provider, name: str) -> CheckResult:
    if unsubscribe_header(publication, provider) == "theirs":
        words = f"{provider.title} puts its own unsubscribe link into mail, and nothing tells who used it."
        return failed(name, words, f"Set webhook_token under [providers.{provider.name}]. {HOW}")
    words = f"{provider.title} reports bounces and complaints to nobody, so dead addresses are mailed for ever."
    return warned(name, words, f"Set webhook_token under [providers.{provider.name}]. {HOW}")


def _secret(provider: Provider, table: Mapping[str, Any], name: str) -> CheckResult:
    if table.get("webhook_secret"):
        return passed(name, f"[providers.{provider.name}] webhook_secret is set; it proves who calls.")
    words = f"{provider.title} signs its calls, and without webhook_secret every one is refused."
    return failed(name, words, f"Copy the signing key from {provider.title} into webhook_secret. {HOW}")


def _registered(
    publication: PublicationSettings,
    provider: Provider,
    table: Mapping[str, Any],
    registered: tuple[str, ...] | None,
    why: str,
) -> CheckResult:
    name, shown = (
        f"webhooks.{provider.name}.registered",
        f"{publication.config.publication.url}/webhooks/{provider.name}/",
    )
    if registered is None:
        return skipped(
            name, f"{provider.title} does not tell which addresses it calls. {why}".strip(), f"Look there. {HOW}"
        )
    if provider.name == "ses":
        return _topic(name, table, registered)
    try:
        token = secret(str(table["webhook_token"]), key="webhook_token")
    except NewsletterError:
        return skipped(name, "The token is missing, so its address is not known.")
    # A provider may show the user and password of basic authentication in the address.
    if any(f"@{_rest(url)}".endswith(f"{_rest(shown)}{token}") for url in registered):
        return passed(name, f"{provider.title} calls {shown}... when something happens.")
    if any(_rest(shown) in url for url in registered):
        words = f"{provider.title} calls {shown} with another token than webhook_token, and is answered 404."
        return failed(name, words, f"Correct the address at {provider.title}: it ends with the token. {HOW}")
    words = f"{provider.title} does not call {shown}, so bounces and complaints are never heard of."
    return failed(name, words, f"Add the address with the token at its end, at {provider.title}. {HOW}")


def _topic(name: str, table: Mapping[str, Any], topics: tuple[str, ...]) -> CheckResult:
    """Return the result for Amazon, which tells topics and not addresses."""
    wanted = str(table.get("topic_arn", ""))
    if wanted and wanted not in topics:
        words = f"The configuration set does not report to {wanted}."
        return failed(name, words, f"Add an event destination with that topic. {HOW}")
    if not topics:
        return failed(name, "The configuration set reports to no topic.", f"Add an event destination. {HOW}")
    return passed(name, f"Events go to {topics[0]}; whether that topic calls this server, Amazon does not tell here.")


def _rest(url: str) -> str:
    """Return an address without its scheme."""
    return url.partition("://")[2] or url
