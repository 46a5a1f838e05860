"""Tell with which domains mail leaves through a provider: where bounces go, and at which names the DKIM keys stand."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.config import PublicationSettings
from newsletter.doctor.dkim_keys import private_modulus
from newsletter.errors import NewsletterError
from newsletter.providers import read_settings
from newsletter.providers.accounts import account_check
from newsletter.providers.accounts.account import AccountFacts
from newsletter.providers.base import Provider


@dataclass(frozen=True, kw_only=True)
class SendingDomain:
    """The domains that mail servers look at when mail comes through one provider."""

    sender: str
    """The domain of the From address."""
    title: str
    """The provider's name, for messages."""
    return_path: str
    """The domain to which bounces go, and whose SPF record counts; empty for one of the provider's own."""
    dkim_names: tuple[str, ...]
    """The names at which DKIM keys are expected; empty when nobody has told."""
    are_names_told: bool = True
    """Whether the names were told by the account or the settings; otherwise they are those of most customers."""
    modulus: int = 0
    """The modulus of the private key that signs here; 0 when none does."""
    spf: str = ""
    """The SPF mechanism that the provider asks for; empty for a mail server, whose owner knows it."""
    records: str
    """A sentence that says what to publish."""


def sending_domain(publication: PublicationSettings, provider: Provider, facts: AccountFacts) -> SendingDomain:
    """Return the domains of mail through a provider; `facts` are what its account told, or nothing."""
    sender = publication.config.publication.sender.domain
    if provider.name in ("smtp", "outbox"):
        return _mail_server(publication, provider, sender)
    check = account_check(provider.name)
    assert check is not None
    names = _told(publication, sender) or facts.dkim_names
    guessed = tuple(f"{selector}._domainkey.{sender}" for selector in check.selectors)
    table = publication.config.providers.get(provider.name, {})
    fallback = "" if check.own_return_path else str(table.get("domain", sender))
    return SendingDomain(
        sender=sender,
        title=provider.title,
        return_path=(facts.return_path or fallback).lower(),
        dkim_names=names or guessed,
        are_names_told=bool(names),
        spf=check.spf,
        records=check.records,
    )


def _told(publication: PublicationSettings, sender: str) -> tuple[str, ...]:
    """Return the name that the `[dkim]` section of newsletter.toml gives."""
    dkim = publication.config.dkim
    return (f"{dkim.selector}._domainkey.{dkim.domain or sender}",) if dkim.selector else ()


def _mail_server(publication: PublicationSettings, provider: Provider, sender: str) -> SendingDomain:
    table = publication.config.providers.get(provider.name, {})
    names, modulus = _told(publication, sender), 0
    if table.get("dkim_key"):
        names = (f"{table.get('dkim_selector', 'newsletter')}._domainkey.{table.get('dkim_domain') or sender}",)
        modulus = _signing_modulus(publication, provider)
    return_path = str(table.get("return_path", "")).rpartition("@")[2] or sender
    return SendingDomain(
        sender=sender,
        title="your mail server" if provider.name == "smtp" else "the outbox",
        return_path=return_path.lower(),
        dkim_names=names,
        modulus=modulus,
        records="Publish the public half of the key that signs, as docs/doctor.md shows.",
    )


def _signing_modulus(publication: PublicationSettings, provider: Provider) -> int:
    try:
        return private_modulus(read_settings(publication, provider)["dkim_key"])
    except NewsletterError:
        return 0  # the missing secret is told among the secrets
