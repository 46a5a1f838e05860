"""Limits: how often a form may be used from one network, and for one address.

Alone writes `form_use`, and keeps nobody's address in it: only keyed hashes, and no longer than
the limit looks back. A use that was refused does not count, so that nobody is shut out for good.
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from sqlalchemy import Connection, delete, select

from newsletter.database.bulk import among, insert_many
from newsletter.database.tables import form_use as table
from newsletter.times import Rate, Window

SLOTS = 12
"""A limit's time in so many parts: a use counts for at most a twelfth of it too long."""


@dataclass(frozen=True, kw_only=True)
class FormUse:
    """One use of a form by one who is limited."""

    who: str
    """`network 203.0.113.9`, `address ada@example.com`."""
    rate: Rate


def network_of(address: str) -> str:
    """Who is limited together: an IPv4 address, the /64 of an IPv6 address, which is what one customer gets."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)


class SignupLimits:
    """The limits of one publication."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def take(self, connection: Connection, uses: Sequence[FormUse], now: datetime) -> list[bool]:
        """Count each in its turn, if it may be; says which may."""
        moment = int(now.timestamp())
        keys = {(use.who, window): self._hash(use.who, window) for use in uses for window in use.rate.windows}
        if not keys:
            return [True] * len(uses)
        connection.execute(delete(table).where(table.c.until <= moment))
        used = _used(connection, list(keys.values()))
        taken: dict[tuple[str, Window], int] = defaultdict(int)
        allowed = [self._may(use, keys, used, taken) for use in uses]
        _count(connection, {keys[one]: (one[1], number) for one, number in taken.items()}, moment)
        return allowed

    def _may(
        self,
        use: FormUse,
        keys: dict[tuple[str, Window], str],
        used: dict[str, int],
        taken: dict[tuple[str, Window], int],
    ) -> bool:
        mine = [(use.who, window) for window in use.rate.windows]
        if any(used.get(keys[one], 0) + taken[one] >= one[1].messages for one in mine):
            return False
        for one in mine:
            taken[one] += 1
        return True

    def _hash(self, who: str, window: Window) -> str:
        return hmac.digest(self._key, f"{who} {window.per}".encode(), "sha256").hex()[:32]


def _used(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    used: dict[str, int] = defaultdict(int)
    for row in connection.execute(select(table.c.key, table.c.uses).where(among(connection, table.c.key, keys))):
        used[row.key] += row.uses
    return used


def _count(connection: Connection, taken: dict[str, tuple[Window, int]], moment: int) -> None:
    """Add to the slot of this moment; what is there already is taken out and put in again."""
    rows = {}
    for key, (window, number) in taken.items():
        length = max(1, window.per // SLOTS)
        slot = moment // length
        rows[key] = (key, slot, number, (slot + 1) * length + window.per)
    asked = select(table.c.key, table.c.slot, table.c.uses).where(among(connection, table.c.key, list(rows)))
    for key, slot, uses in connection.execute(asked).all():
        if rows[key][1] == slot:
            connection.execute(delete(table).where(table.c.key == key, table.c.slot == slot))
            rows[key] = (key, slot, rows[key][2] + uses, rows[key][3])
    insert_many(connection, table, ("key", "slot", "uses", "until"), list(rows.values()))
