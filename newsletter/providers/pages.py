"""Read what a provider lists page by page: searches for messages, suppression lists."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import msgspec

from newsletter.providers.base import Request, Response, Settings
from newsletter.providers.transport import after_the_host

Page = TypeVar("Page")


def decoded(response: Response, kind: type[Page]) -> Page | None:
    """Return the JSON of a page as a type of msgspec; None when it is no page: an error, a proxy's answer."""
    if response.status != 200:
        return None
    try:
        return msgspec.json.decode(response.body, type=kind)
    except msgspec.DecodeError:
        return None


def following(request: Request, settings: Settings, address: str) -> Request | None:
    """Return the request for the page whose address an answer names; None when it names none.

    The key is sent to base_url alone, whichever host is named.
    """
    return replace(request, url=f"{settings['base_url']}{after_the_host(address)}") if address else None


def at_next_offset(request: Request, count: int, size: int) -> Request | None:
    """Return the request for the page after one of `count` entries, where `offset` ends the address.

    None when the page was not full, which the last is not.
    """
    address, _, offset = request.url.rpartition("=")
    return replace(request, url=f"{address}={int(offset) + size}") if count == size else None
