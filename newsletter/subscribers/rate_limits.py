"""Limits on forms: how often a form may be used from one network, and for one address.

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
from ipaddress import ip_address, ip_network

from sqlalchemy import Connection, delete, select

from newsletter.database.bulk import among, insert_many
from newsletter.database.tables import form_use as table
from newsletter.rates import Rate, SlottedWindow, Window

SLOTS = 12
"""The parts of a limit's time: a use counts at most a twelfth of it too long."""


@dataclass(frozen=True, kw_only=True)
class FormUse:
    """A use of a form, to be counted against a limit."""

    counted_by: str
    """What the limit counts by: `network 203.0.113.9`, `address ada@example.com`."""
    rate: Rate


def network_of(address: str) -> str:
    """Return the network that is limited as one: an IPv4 address, or the /64 of an IPv6 address.

    A /64 is the smallest IPv6 subnet (RFC 4291 section 2.5.1), so one customer has all of it. Text that is no IP
    address is returned as it is.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{ip}/64", strict=False)) if ip.version == 6 else str(ip)


_Limit = tuple[str, Window]
"""What is counted by, and one window of its rate."""


class SignupLimits:
    """The limits of one publication's forms."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def take(self, connection: Connection, uses: Sequence[FormUse], now: datetime) -> list[bool]:
        """Count the uses in their order, each if its limits allow it; return which are allowed."""
        moment = now.timestamp()
        keys = {
            (use.counted_by, window): self._hash(use.counted_by, window) for use in uses for window in use.rate.windows
        }
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


def _may(use: FormUse, keys: dict[_Limit, str], used: dict[str, int], taken: dict[_Limit, int]) -> bool:
    """Tell whether all windows of the use have room, and add it to `taken` if so."""
    limits = [(use.counted_by, window) for window in use.rate.windows]
    if any(used.get(keys[limit], 0) + taken[limit] >= limit[1].messages for limit in limits):
        return False
    for limit in limits:
        taken[limit] += 1
    return True


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
