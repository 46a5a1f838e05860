"""Send an issue to a few addresses, marked as a test.

No campaign is made, and nobody counts as having the issue. The caller chooses the addresses and answers for them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.addresses import address_key, parse_address
from newsletter.config import PublicationSettings
from newsletter.config.fields import full_name
from newsletter.database.connection import Database
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers import find_provider, read_settings
from newsletter.providers.base import Batch, Outcome, Result
from newsletter.rendering.build import Built
from newsletter.sending.direct_send import send_directly
from newsletter.sending.recipients import personal_links
from newsletter.signed_links import Links
from newsletter.subscribers.subscriber import Subscriber, find_subscriber
from newsletter.subscribers.suppressions import suppressed

MARK = "[TEST] "
MOST = 20
"""The most addresses of one test."""


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """The provider's result for the test to one address."""

    email: str
    result: Result

    def as_json(self) -> dict[str, str]:
        """Return the object that `test --json` prints."""
        return {"email": self.email, "outcome": self.result.outcome, "reason": self.result.reason}


def read_addresses(texts: Iterable[str]) -> list[str]:
    """Return the addresses of texts that may hold several, separated by commas; each once. Raises ValueError."""
    addresses = [parse_address(part.strip()) for text in texts for part in text.split(",") if part.strip()]
    return list(dict.fromkeys(addresses))


def send_test(
    publication: PublicationSettings,
    database: Database | None,
    built: Built,
    addresses: Sequence[str],
    now: datetime,
    *,
    fields: Mapping[str, object] | None = None,
) -> list[TestResult]:
    """Send a test now through the publication's provider, and return the results in the order of `addresses`.

    Readers get their own fields, other addresses those of a reader without a name; `fields` replaces both. Without a
    database no address belongs to a reader. Raises ConfigError when there is no provider.
    """
    marked = _marked(publication, built.message, now)
    return _sent(publication, database, marked, built.issue.list, built.issue.slug, addresses, now, fields)


def send_message(
    publication: PublicationSettings,
    database: Database | None,
    message: CompiledMessage,
    name: str,
    addresses: Sequence[str],
    now: datetime,
) -> list[TestResult]:
    """Send a message that is no issue as `send_test` sends one, with the headers and links of the list `name`."""
    return _sent(publication, database, _marked(publication, message, now), name, message.slug, addresses, now, None)


def _sent(
    publication: PublicationSettings,
    database: Database | None,
    message: CompiledMessage,
    name: str,
    slug: str,
    addresses: Sequence[str],
    now: datetime,
    fields: Mapping[str, object] | None,
) -> list[TestResult]:
    provider = find_provider(publication)
    settings = read_settings(publication, provider)
    key = secrets.token_hex(4)
    refused = _suppressed(database, addresses)
    mailing = Mailing(message, envelope(publication, name, now, key))
    allowed = [address for address in addresses if address not in refused]
    people = [
        _recipient(publication, database, (name, slug), address, f"test-{key}.{no}", fields)
        for no, address in enumerate(allowed, start=1)
    ]
    tested = [TestResult(email=address, result=result) for address, result in refused.items()]
    for start in range(0, len(people), provider.batch_size):
        part = tuple(people[start : start + provider.batch_size])
        batch = Batch(mailing=mailing, recipients=part, key=f"{key}-{start}", label="other")
        results = send_directly(publication, database, provider, settings, batch).results
        tested += [
            TestResult(email=recipient.email, result=result) for recipient, result in zip(part, results, strict=True)
        ]
    return sorted(tested, key=lambda test: addresses.index(test.email))


def _marked(publication: PublicationSettings, message: CompiledMessage, now: datetime) -> CompiledMessage:
    """Return the message with [TEST] and the time in its subject: mail programs group equal subjects."""
    time = now.astimezone(publication.config.publication.timezone)
    return replace(message, subject=f"{MARK}{message.subject} · {time:%H:%M:%S}")


def _suppressed(database: Database | None, addresses: Iterable[str]) -> dict[str, Result]:
    """Return a rejection for each suppressed address: not even a test goes there."""
    if database is None:
        return {}
    keys = {address: address_key(address) for address in addresses}
    with database.read() as connection:
        reasons = suppressed(connection, list(keys.values()))
    words = {address: reasons[key] for address, key in keys.items() if key in reasons}
    return {each: Result(outcome=Outcome.REJECTED, reason=f"suppressed: {reason}") for each, reason in words.items()}


def _recipient(
    publication: PublicationSettings,
    database: Database | None,
    about: tuple[str, str],
    address: str,
    delivery_id: str,
    fields: Mapping[str, object] | None,
) -> Recipient:
    """Return the recipient of a test `about` a list and a slug."""
    known = _subscriber(database, address)
    links = personal_links(Links(publication), known.named if known else (0, ""), 0, *about)
    shown = _known_fields(known) if fields is None else fields
    return Recipient(delivery_id=delivery_id, email=address, fields={**shown, "email": address, **links})


def _subscriber(database: Database | None, address: str) -> Subscriber | None:
    if database is None:
        return None
    with database.read() as connection:
        return find_subscriber(connection, address)


def _known_fields(known: Subscriber | None) -> dict[str, object]:
    if known is None:
        return {}
    first, last = (str(known.fields.get(name, "")) for name in ("first_name", "last_name"))
    return {**known.fields, "name": full_name(first, last, known.fields)}
