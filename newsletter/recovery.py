"""Recovery: what a sender that died in the middle had in its hands, and what may be done over.

Whether a call may be made again is the provider's memory of its key; what is neither that nor
certainly unsent is unknown. The ledger's changes are made by `deliveries` and `marks`.
"""

from __future__ import annotations

from datetime import datetime

from newsletter import hosts, marks, takeovers, unknowns
from newsletter.clock import Clock
from newsletter.config import Publication
from newsletter.desk import Desk, Watcher
from newsletter.providers import PROVIDERS, find_provider
from newsletter.providers.record import Provider
from newsletter.takeovers import Recovered

TTL_SHARE = 0.8
"""Of the time a provider remembers a key: later a repeat is too risky."""


def recover(desk: Desk, publication: Publication, watcher: Watcher, clock: Clock) -> None:
    """Take over what a dead sender left, and say so; the caller holds the lock.

    Raises NewsletterError when the database is a copy of one that sends elsewhere, or a backup.
    """

    def may_replay(name: str, first_handed_at: str) -> bool:
        return name in PROVIDERS and may_repeat(find_provider(publication, name), first_handed_at, clock())

    with desk.writer() as connection:
        hosts.settle(connection, hosts.here(desk.database), clock())
        desk.high_water.require_newest(connection)
        in_the_air = marks.recover(connection, clock())
        found = takeovers.recover(connection, may_replay)
        found = Recovered(replayed=found.replayed, unknown=found.unknown + in_the_air.unknown)
        unknowns.apply(connection, publication.config.send.on_unknown, clock())
    if sentence := _about(found):
        watcher.say(sentence)


def may_repeat(provider: Provider, first_handed_at: str, now: datetime) -> bool:
    """Whether the provider still knows the key of a call made then, and answers it as it did the first time."""
    if provider.dedupe is None or provider.dedupe_ttl is None:
        return provider.dedupe is not None
    return now - datetime.fromisoformat(first_handed_at) < provider.dedupe_ttl * TTL_SHARE


def _about(found: Recovered) -> str:
    """What a dead sender left behind, in a sentence."""
    if found.unknown:
        return f"The last run ended in the middle of a call: {found.unknown:,} deliveries are unknown, never repeated."
    if found.replayed:
        return f"The last run ended in the middle of a batch: {found.replayed:,} deliveries are done over, in place."
    return ""
