"""List the platforms, and recognise whose export a file is by its columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from newsletter.subscribers.importers.beehiiv import BEEHIIV
from newsletter.subscribers.importers.buttondown import BUTTONDOWN
from newsletter.subscribers.importers.ghost import GHOST
from newsletter.subscribers.importers.kit import KIT
from newsletter.subscribers.importers.listmonk import LISTMONK
from newsletter.subscribers.importers.mailchimp import MAILCHIMP
from newsletter.subscribers.importers.platform import PLAIN, Platform
from newsletter.subscribers.importers.sendy import SENDY
from newsletter.subscribers.importers.substack import SUBSTACK

PLATFORMS: Mapping[str, Platform] = {
    platform.name: platform
    for platform in (MAILCHIMP, SUBSTACK, BEEHIIV, KIT, GHOST, LISTMONK, BUTTONDOWN, SENDY, PLAIN)
}
"""Platforms by the name that `--from` takes, in the order in which they are tried."""
AUTO = "auto"


def recognise(header: Collection[str], wanted: str = AUTO) -> Platform:
    """Return the platform that was asked for, else the one whose columns the header has, else PLAIN."""
    if wanted != AUTO:
        return PLATFORMS[wanted]
    names = frozenset(header)
    fitting = (
        p for p in PLATFORMS.values() if any(known <= names for known in p.known_by) and not p.never_with & names
    )
    return next(fitting, PLAIN)
