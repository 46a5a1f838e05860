"""Find the mailbox provider of an address: a large one by its domains, else the domain itself.

A list may have a hundred thousand domains with one reader each. The first MOST_DOMAINS that have no large provider
are counted by themselves, and are kept in the table `mail_domain`; later ones are counted together as OTHER. What a
domain is counted as thus never changes, and its figures of all times fit together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.counters.mailbox_domains import MAILBOX_OF
from newsletter.database.bulk import among_these, these
from newsletter.database.tables import mail_domain as table

MOST_DOMAINS = 500
"""Domains that are counted by themselves, beside the large providers."""
OTHER = "other"
ERASED = ""
"""Stands for the readers who were erased, whose address nobody knows."""


def domain_of(email_key: str) -> str:
    """Return the part of an address after its last `@`, in lower case."""
    return email_key.rpartition("@")[2].lower()


def domain_column(dialect: str, email_key: ColumnElement[str]) -> ColumnElement[str]:
    """Return the SQL for an address's domain; a quoted local part with an `@` in it is no part of a plain address."""
    if dialect == "sqlite":
        return func.substr(email_key, func.instr(email_key, "@") + 1)
    return func.split_part(email_key, "@", 2)


def counted_as(domain: str, *, has_own: bool) -> str:
    """Return what a domain is counted as; `has_own` says that `mail_domain` has it."""
    if domain == ERASED:
        return ERASED
    return MAILBOX_OF.get(domain) or (domain if has_own else OTHER)


def mailboxes(connection: Connection, domains: Collection[str]) -> dict[str, str]:
    """Return what each of these domains is counted as."""
    rest = sorted({*domains} - MAILBOX_OF.keys() - {ERASED})
    own = _registered(connection, rest)
    return {domain: counted_as(domain, has_own=domain in own) for domain in {*domains, ERASED}}


# Made once: they are asked with every new reader.
_NUMBER = select(func.count()).select_from(table)


@cache
def _of_domains(dialect: str) -> Select[tuple[str]]:
    return select(table.c.domain).where(among_these(dialect, table.c.domain, "wanted"))


def _registered(connection: Connection, domains: Collection[str]) -> set[str]:
    """Return those of these domains that are counted by themselves."""
    if not domains:
        return set()
    return {*connection.scalars(_of_domains(connection.dialect.name), {"wanted": these(connection, domains)})}


def by_mailbox(connection: Connection, by_domain: Mapping[str, int]) -> dict[str, int]:
    """Add up numbers by domain to numbers by mailbox provider."""
    names = mailboxes(connection, by_domain)
    summed = Counter[str]()
    for domain, number in by_domain.items():
        summed[names[domain]] += number
    return dict(summed)


def register(connection: Connection, domains: Iterable[str]) -> None:
    """Let domains that are new here be counted by themselves while there is room for them."""
    new = sorted({*domains} - MAILBOX_OF.keys() - {ERASED})
    if not new:
        return
    room = MOST_DOMAINS - connection.execute(_NUMBER).scalar_one()
    if room <= 0:
        return
    known = _registered(connection, new)
    rows = [{"domain": domain} for domain in new if domain not in known][:room]
    if rows:
        made: Any = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
        connection.execute(made.on_conflict_do_nothing(), rows)
