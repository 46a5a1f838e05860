"""Fetch a provider's own suppression list, and suppress here whom it would not mail.

The provider's list grows by mail that others send through the account, and by what happened before its webhooks were
switched on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.events.consequences import REASONS
from newsletter.providers import find_provider, read_settings
from newsletter.providers.base import ListedAddress, Provider, Request, Response, Settings
from newsletter.providers.transport import TransportError, exchange, wait_asked_for
from newsletter.subscribers import suppressions
from newsletter.subscribers.suppressions import ReportedSuppression
from newsletter.times import Clock

MAX_TRIES = 5
"""Tries of a page that the provider is too busy for."""
MAX_WAIT = 30.0
"""Seconds between two tries, at most."""


def sync_suppressions(
    publication: PublicationSettings,
    database: Database,
    name: str,
    clock: Clock,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[int, int]:
    """Suppress everyone on the list of the provider `name`; return how many it has, and how many were new.

    Each page is written when it came. An entry that is older than what is known here of its address changes nothing,
    and neither does one without a date. Raises NewsletterError when the provider has no list or does not answer.
    """
    provider = find_provider(publication, name)
    if provider.suppressions is None:
        raise NewsletterError(f"{provider.title} has no suppression list that can be read")
    settings = read_settings(publication, provider)
    seen, new = 0, 0
    for addresses in _pages(provider, settings, sleep):
        entries = [_entry(name, listed, clock) for listed in addresses]
        with database.begin() as connection:
            new += suppressions.suppress_reported(connection, entries)
        seen += len(entries)
    return seen, new


def _entry(provider: str, listed: ListedAddress, clock: Clock) -> ReportedSuppression:
    words, list_name = listed.detail.strip(), f"{provider}'s list"
    return ReportedSuppression(
        address=listed.address,
        reason=REASONS[listed.kind],
        detail=f"{list_name}: {words}"[:500] if words else list_name,
        at=listed.at or clock(),
        list_name=list_name,
        is_dated=listed.at is not None,
    )


def _pages(provider: Provider, settings: Settings, sleep: Callable[[float], None]) -> Iterator[Sequence[ListedAddress]]:
    assert provider.suppressions is not None
    for first in provider.suppressions.requests(settings):
        request: Request | None = first
        while request is not None:
            response = _answer(provider, request, sleep)
            page = provider.suppressions.page(request, response, settings)
            if page is None:
                raise NewsletterError(f"{provider.title} answered {response.status}, and no list", place=request.url)
            yield page.addresses
            request = page.more


def _answer(provider: Provider, request: Request, sleep: Callable[[float], None]) -> Response:
    """Return the answer to a request, which may be made again when the provider is busy or away."""
    reason = ""
    for number in range(MAX_TRIES):
        try:
            response = exchange(request)
        except TransportError as error:
            reason, wait = error.reason, None
            if error.stop:
                break
        else:
            if response.status != 429 and response.status < 500:
                return response
            reason, wait = f"it answered {response.status}", wait_asked_for(response.headers)
        if number < MAX_TRIES - 1:
            sleep(min(wait if wait is not None else 2.0**number, MAX_WAIT))
    raise NewsletterError(f"the list of {provider.title} cannot be read: {reason}", place=request.url)
