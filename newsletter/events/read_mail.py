"""Keep and apply the mails of the return path, from a file or a mailbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from newsletter.campaigns.return_paths import delivery_reader
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.events import calls
from newsletter.events.applier import apply_calls
from newsletter.events.bounces import MAIL, read_bounce
from newsletter.events.calls import KeptCall
from newsletter.events.mailbox import ImapMailbox
from newsletter.times import Clock, utc_now


@dataclass(frozen=True, kw_only=True)
class MailsRead:
    """The result of reading mails."""

    mails: int = 0
    reports: int = 0
    """Bounces and complaints about our deliveries; the other mails are none of ours, or automatic replies."""
    new: int = 0
    """Events that were not known before."""

    def __add__(self, other: MailsRead) -> MailsRead:
        """Return the sum of two results."""
        return MailsRead(mails=self.mails + other.mails, reports=self.reports + other.reports, new=self.new + other.new)


def read_mails(
    publication: PublicationSettings, database: Database, mails: Iterable[bytes], clock: Clock = utc_now
) -> MailsRead:
    """Keep and apply mails, each in a transaction; one that reports nothing of ours is not kept."""
    total = MailsRead()
    for raw in mails:
        total += _read(publication, database, raw, clock)
    return total


def read_mailbox(
    publication: PublicationSettings, database: Database, mailbox: ImapMailbox, clock: Clock = utc_now
) -> MailsRead:
    """Read all unread mails of a mailbox; each is marked as read once it is applied."""
    total = MailsRead()
    while page := mailbox.unread():
        for id, raw in page:
            total += _read(publication, database, raw, clock)
            mailbox.mark_read(id)
    return total


def _read(publication: PublicationSettings, database: Database, raw: bytes, clock: Clock) -> MailsRead:
    if read_bounce(raw, delivery_reader(publication), clock()) is None:
        return MailsRead(mails=1)
    with database.begin() as connection:
        calls.keep(connection, [KeptCall(provider=MAIL, body=raw, at=clock())])
        kept: Sequence[KeptCall] = calls.latest(connection, 1)
        applied = apply_calls(connection, publication, kept, clock)
    return MailsRead(mails=1, reports=1, new=applied.new)
