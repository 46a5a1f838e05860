"""Keys of the HTTP API: make, find, list and revoke them. No other module writes `api_key`.

A key is shown once, when it is made; the database has its SHA-256. A key has 256 random bits, so that no slow hash is
needed: nobody can try them all. A revoked key keeps its row and its name, since the evidence of writes names it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from newsletter.database.program_tables import api_key as table
from newsletter.errors import ConfigError, NewsletterError, suggestion
from newsletter.times import stamp

PREFIX = "nlk_"
"""The beginning of every key, by which programs that look for leaked secrets know it."""
KEY_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Scope(StrEnum):
    """Name what a key may do."""

    READ = "read"
    """Read everything that the API shows."""
    SUBSCRIBERS = "subscribers"
    """Change readers and suppressions."""
    CAMPAIGNS = "campaigns"
    """Start, schedule, pause, resume and end campaigns."""
    PUBLISH = "publish"
    """Hand over issues from a repository."""


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key, without its secret."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created_at: str
    revoked_at: str | None

    @property
    def evidence(self) -> str:
        """The name under which the key's writes are on record: `api:shop`."""
        return f"api:{self.name}"

    def as_json(self) -> dict[str, Any]:
        """Return what `keys list --json` prints."""
        return {
            "name": self.name,
            "scopes": sorted(self.scopes),
            "created_at": self.created_at,
            "revoked_at": self.revoked_at,
        }


def parse_scopes(texts: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes in texts such as `read,campaigns`. Raises ConfigError for an unknown one, and for none."""
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    for name in names:
        if name not in list(Scope):
            raise ConfigError(f'no scope is named "{name}"', hint=suggestion(name, list(Scope), "Scopes"))
    if not names:
        hint = f"Say what it may do: --scope read. Scopes: {', '.join(sorted(Scope))}."
        raise ConfigError("the key has no scope, and could do nothing", hint=hint)
    return frozenset(Scope(name) for name in names)


def add_key(connection: Connection, name: str, scopes: frozenset[Scope], now: datetime) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which is kept nowhere. Raises NewsletterError for a name in use."""
    if not _NAME.fullmatch(name):
        hint = "Use letters, digits, dots, dashes and underscores: shop"
        raise ConfigError(f'"{name}" cannot name a key', hint=hint)
    if connection.execute(select(table.c.id).where(table.c.name == name)).first():
        hint = "Take another: what was done with a key stays on record under its name, also after it is revoked."
        raise NewsletterError(f'a key named "{name}" was made before', hint=hint)
    secret = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    values = {"name": name, "hash": _hash(secret), "scopes": ",".join(sorted(scopes)), "created_at": stamp(now)}
    row = connection.execute(insert(table).values(values).returning(*table.c)).one()
    return _key(row), secret


# Made once: it is asked with every request.
_FIND = select(table).where(table.c.hash == bindparam("wanted"))


def find_key(connection: Connection, secret: str) -> ApiKey | None:
    """Return the key with this secret, or None when there is none, or it is revoked."""
    wanted = _hash(secret)
    row = connection.execute(_FIND, {"wanted": wanted}).one_or_none()
    # The index compares hashes, whose bytes nobody can choose; this comparison takes the same time for all.
    if row is None or row.revoked_at or not hmac.compare_digest(row.hash, wanted):
        return None
    return _key(row)


def all_keys(connection: Connection) -> list[ApiKey]:
    """Return every key, revoked ones too, in the order they were made."""
    return [_key(row) for row in connection.execute(select(table).order_by(table.c.id))]


def revoke_key(connection: Connection, name: str, now: datetime) -> ApiKey:
    """Make a key worthless from now on. Raises NewsletterError for an unknown name; a revoked one stays as it is."""
    row = connection.execute(select(table).where(table.c.name == name)).one_or_none()
    if row is None:
        known = [key.name for key in all_keys(connection)]
        raise NewsletterError(f'no key is named "{name}"', hint=suggestion(name, known, "Keys"))
    if not row.revoked_at:
        connection.execute(update(table).where(table.c.id == row.id).values(revoked_at=stamp(now)))
    return _key(connection.execute(select(table).where(table.c.id == row.id)).one())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(Scope(name) for name in row.scopes.split(",")),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
