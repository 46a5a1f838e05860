"""Remember the tokens of signatures that cover no body, so that a signature that somebody read carries nothing else.

Mailgun signs a time and a token, and not the event (`providers/mailgun.py`). A token stands for the first body that
comes with it: the same call again is a repeat, and another body under it is refused. No other module writes the
`webhook_signature` table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from newsletter.database.bulk import among
from newsletter.database.program_tables import webhook_signature as table
from newsletter.providers.webhooks import MAX_AGE
from newsletter.times import stamp

KEPT = 2 * MAX_AGE + timedelta(minutes=1)
"""How long a token is remembered: longer than its signature is believed, whose time may lie MAX_AGE ahead."""


class TokenUse(StrEnum):
    """Hold what the token of a call shows."""

    NEW = "new"
    REPEATED = "repeated"
    """The same body came with it before."""
    STOLEN = "stolen"
    """Another body came with it before."""


@dataclass(frozen=True, kw_only=True)
class UsedToken:
    """A token, and the body that came with it."""

    provider: str
    token: str
    """The token; empty where the signature covers the body."""
    body: bytes
    at: datetime
    """When the call came; aware."""

    @property
    def digest(self) -> str:
        """Return the digest of the body."""
        return hashlib.sha256(self.body).hexdigest()


def use(connection: Connection, used: Sequence[UsedToken]) -> list[TokenUse]:
    """Remember tokens that are new; return what each shows, in their order."""
    known = _known(connection, {each.token for each in used if each.token})
    rows, shown = [], []
    for each in used:
        if not each.token:
            shown.append(TokenUse.NEW)
            continue
        digest = known.setdefault((each.provider, each.token), "")
        if not digest:
            known[each.provider, each.token] = each.digest
            rows.append(_row(each))
        is_same = digest == each.digest
        shown.append(TokenUse.NEW if not digest else TokenUse.REPEATED if is_same else TokenUse.STOLEN)
    if rows:
        connection.execute(insert(table), rows)
    return shown


def _known(connection: Connection, tokens: set[str]) -> dict[tuple[str, str], str]:
    """Return the digests of the bodies that came with these tokens, by provider and token."""
    if not tokens:
        return {}
    rows = select(table.c.provider, table.c.token, table.c.body_digest)
    found = connection.execute(rows.where(among(connection, table.c.token, sorted(tokens))))
    return {(row.provider, row.token): row.body_digest for row in found}


def _row(used: UsedToken) -> dict[str, str]:
    return {
        "provider": used.provider,
        "token": used.token,
        "body_digest": used.digest,
        "seen_at": stamp(used.at),
    }


def prune(connection: Connection, now: datetime) -> None:
    """Delete the tokens whose signatures nobody believes any more."""
    connection.execute(delete(table).where(table.c.seen_at < stamp(now - KEPT)))
