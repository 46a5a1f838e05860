"""Figures by mailbox provider: which of them took the mail, and which did not."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from newsletter.counters import table
from newsletter.counters.mailbox_domains import NAMES
from newsletter.counters.mailboxes import ERASED, OTHER
from newsletter.figures.types import MailboxFigures

SUMMED = 30
"""The newest campaigns over which the publication's mailbox providers are summed up."""
_NAMES = {**NAMES, OTHER: "other domains together", ERASED: "erased readers"}
_KINDS = ("delivered", "bounced", "complained")


def of_publication(connection: Connection, campaigns: Sequence[int]) -> tuple[MailboxFigures, ...]:
    """Return the mailbox providers by active readers, and what became of the first SUMMED campaigns' mail."""
    readers = table.parts(connection, table.MAILBOX_READERS)
    rows = _rows(connection, campaigns[:SUMMED], readers)
    return tuple(sorted(rows, key=lambda row: (-row.readers, -row.accepted, row.domain)))


def of_campaigns(connection: Connection, campaigns: Sequence[int]) -> tuple[MailboxFigures, ...]:
    """Return the mailbox providers of campaigns' messages, those with the most first."""
    return tuple(sorted(_rows(connection, campaigns, {}), key=lambda row: (-row.accepted, -row.delivered, row.domain)))


def _rows(connection: Connection, campaigns: Sequence[int], readers: dict[str, int]) -> list[MailboxFigures]:
    accepted = table.summed_parts(connection, table.ACCEPTED_BY_MAILBOX, campaigns)
    by_kind = {kind: table.summed_parts(connection, table.by_mailbox(kind), campaigns) for kind in _KINDS}
    return [
        MailboxFigures(
            domain=domain or "erased",
            name=_NAMES.get(domain, domain),
            readers=readers.get(domain, 0),
            accepted=accepted.get(domain, 0),
            **{kind: numbers.get(domain, 0) for kind, numbers in by_kind.items()},
        )
        for domain in {*readers, *accepted, *(domain for numbers in by_kind.values() for domain in numbers)}
    ]
