"""Limits on forms: how often a form may be used from one network, for one mailbox, and by one reader.

No other module writes `form_use`. The table has keyed hashes instead of addresses, and keeps them no longer than
the limit looks back. A use that is refused does not count, so nobody is shut out for good.
"""

from __future__ import annotations

import hmac
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, ip_address, ip_network

from sqlalchemy import Connection, delete, select

from newsletter.addresses import mailbox_key
from newsletter.database.bulk import among, insert_many
from newsletter.database.tables import form_use as table
from newsletter.network import carried_ipv4
from newsletter.rates import Rate, SlottedWindow, Window

SLOTS = 12
"""The parts of a limit's time: a use counts at most a twelfth of it too long."""


SUBNETS = ((64, 1), (56, 4), (48, 16))
"""The parts of an IPv6 network that are limited, and how many times the limit each may be used.

A /64 is the smallest subnet, which one machine has all of (RFC 4291 section 2.5.1); a /56 is what households get, a
/48 what companies get (RFC 6177). Larger ones have more people behind them.
"""


@dataclass(frozen=True, kw_only=True)
class UseLimit:
    """A limit that a use of a form counts against."""

    counted_by: str
    """What the limit counts by: `network 203.0.113.9`, `address ada@example.com`."""
    windows: tuple[Window, ...]


@dataclass(frozen=True, kw_only=True)
class FormUse:
    """A use of a form, allowed when all its limits have room, and counted against each."""

    limits: tuple[UseLimit, ...]


def network_use(network: str, rate: Rate, purpose: str = "network") -> FormUse:
    """Return the use of a form from this IP address, limited with its neighbours."""
    return FormUse(
        limits=tuple(
            UseLimit(counted_by=f"{purpose} {name}", windows=tuple(_times(window, factor) for window in rate.windows))
            for name, factor in networks_of(network)
        )
    )


def address_use(email: str, rate: Rate) -> FormUse:
    """Return the use of a form that a mail to this address counts as; all addresses of one mailbox count as one."""
    return FormUse(limits=(UseLimit(counted_by=f"address {mailbox_key(email)}", windows=rate.windows),))


def networks_of(address: str) -> list[tuple[str, int]]:
    """Return the networks that an address is limited with, and how many times the limit each may be used.

    An IPv4 address is by itself, also where IPv6 carries it; an IPv6 address is in SUBNETS. Text that is no IP address
    is returned as it is.
    """
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return [(address, 1)]
    if isinstance(ip, IPv4Address):
        return [(str(ip), 1)]
    if carried := carried_ipv4(ip):
        return [(str(carried[-1]), 1)]
    return [(str(ip_network(f"{ip}/{size}", strict=False)), factor) for size, factor in SUBNETS]


def _times(window: Window, factor: int) -> Window:
    return Window(messages=window.messages * factor, per=window.per)


_Limit = tuple[str, Window]
"""What is counted by, and one window of its rate."""


class SignupLimits:
    """The limits of one publication's forms."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def take(self, connection: Connection, uses: Sequence[FormUse], now: datetime) -> list[bool]:
        """Count the uses in their order, each if its limits allow it; return which are allowed."""
        moment = now.timestamp()
        keys = {limit: self._hash(*limit) for use in uses for limit in _limits(use)}
        if not keys:
            return [True] * len(uses)
        connection.execute(delete(table).where(table.c.until <= int(moment)))
        used = _used(connection, list(keys.values()))
        taken: dict[_Limit, int] = defaultdict(int)
        allowed = [_may(use, keys, used, taken) for use in uses]
        _count(connection, {keys[limit]: (limit[1], number) for limit, number in taken.items()}, moment)
        return allowed

    def _hash(self, counted_by: str, window: Window) -> str:
        return hmac.digest(self._key, f"{counted_by} {window.per}".encode(), "sha256").hex()[:32]  # 128 bits are enough


@dataclass(frozen=True, kw_only=True)
class ReaderUse:
    """A form of a reader's own page that was sent."""

    subscriber_id: int
    network: str
    """The network address that it came from."""
    at: datetime


class ReaderLimits:
    """The limits of the forms that readers reach by their own link: by reader, and by network."""

    def __init__(self, limits: SignupLimits, per_reader: Rate, per_network: Rate) -> None:
        self._limits = limits
        self._per_reader, self._per_network = per_reader, per_network

    def take(self, connection: Connection, uses: Sequence[ReaderUse]) -> list[bool]:
        """Count the uses in their order, each if its limits allow it; return which are allowed."""
        now = max(use.at for use in uses)
        return self._limits.take(connection, [self._form_use(use) for use in uses], now)

    def _form_use(self, use: ReaderUse) -> FormUse:
        reader = UseLimit(counted_by=f"reader {use.subscriber_id}", windows=self._per_reader.windows)
        return FormUse(limits=(reader, *network_use(use.network, self._per_network, "changes from").limits))


def _may(use: FormUse, keys: dict[_Limit, str], used: dict[str, int], taken: dict[_Limit, int]) -> bool:
    """Tell whether all windows of the use have room, and add it to `taken` if so."""
    limits = _limits(use)
    if any(used.get(keys[limit], 0) + taken[limit] >= limit[1].messages for limit in limits):
        return False
    for limit in limits:
        taken[limit] += 1
    return True


def _limits(use: FormUse) -> list[_Limit]:
    return [(limit.counted_by, window) for limit in use.limits for window in limit.windows]


def _used(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    used: dict[str, int] = defaultdict(int)
    for row in connection.execute(select(table.c.key, table.c.uses).where(among(connection, table.c.key, keys))):
        used[row.key] += row.uses
    return used


def _count(connection: Connection, taken: dict[str, tuple[Window, int]], moment: float) -> None:
    """Add to the slots of this moment; rows that are there already are deleted and inserted with the sum."""
    rows = {}
    for key, (window, number) in taken.items():
        slotted = SlottedWindow(seconds=window.per, slots=min(SLOTS, window.per))  # slots of whole seconds
        slot = slotted.slot_at(moment)
        rows[key] = (key, slot, number, math.ceil(slotted.counts_until(slot)))
    stored = select(table.c.key, table.c.slot, table.c.uses).where(among(connection, table.c.key, list(rows)))
    for key, slot, uses in connection.execute(stored).all():
        if rows[key][1] == slot:
            connection.execute(delete(table).where(table.c.key == key, table.c.slot == slot))
            rows[key] = (key, slot, rows[key][2] + uses, rows[key][3])
    insert_many(connection, table, ("key", "slot", "uses", "until"), list(rows.values()))
