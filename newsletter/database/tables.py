"""The tables, as SQLAlchemy Core sees them; `migrations/` makes them.

Each table has one writer, whose docstring says so. Readers: `subscribers/subscriber.py` and `writes.py` write
`subscriber` and `subscription`; `consent.py`, `signups.py`, `transactional_queue.py`, `suppressions.py`,
`leaving_reasons.py` and `rate_limits.py` (`form_use`) their own. `campaigns/ledger.py` alone writes the ledger
(`batch`, `delivery`, `delivery_exception`, `delivery_note`), `campaigns/campaign.py`, `events.py` and
`archive.py` (`archive_change`) their own;
`counters/table.py` writes `counter`, `counters/mailboxes.py` `mail_domain`. program_tables.py has the tables of what
other programs send and are sent, process_tables.py those about the processes that work here. `copy.py` fills all
tables of an empty database.

Times are UTC, ISO 8601 text to the millisecond: they sort, read and compare alike in SQLite and PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    false,
    literal_column,
    text,
)

from newsletter.database import process_tables, program_tables  # noqa: F401 - they belong to the same metadata
from newsletter.database.types import BigNumber, JsonText
from newsletter.database.types import metadata as _metadata

metadata = _metadata

_HANDED = text("state = 'handed'")
_WAITING = text("state = 'queued'")
_HASHED = (text("email_key GLOB 'hmac:*'"), text("email_key LIKE 'hmac:%'"))
_LEASED = text("state IN ('claimed', 'handed')")

subscriber = Table(
    "subscriber",
    metadata,
    Column("id", BigNumber, primary_key=True, autoincrement=True),  # reused only after an older database is restored
    Column("email", Text, nullable=False),  # as its owner writes it
    Column("email_key", Text, nullable=False, unique=True),  # addresses.address_key(email)
    Column("first_name", Text, nullable=False, server_default=""),
    Column("last_name", Text, nullable=False, server_default=""),
    Column("timezone", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default=""),
    Column("fields", JsonText, nullable=False, server_default="{}"),  # JSON object, the publication's own fields
    Column("tags", JsonText, nullable=False, server_default="[]"),  # JSON list, sorted
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("link_key", Text, nullable=False, server_default=""),  # in the reader's links; "" = older than the keys
    sqlite_autoincrement=True,
)

subscription = Table(
    "subscription",
    metadata,
    Column("list", Text, primary_key=True),
    Column("subscriber_id", BigNumber, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True),
    Column("status", Text, nullable=False),  # pending active unsubscribed
    Column("changed_at", Text, nullable=False),
    Column("paused_until", Text),  # active, but no mail before this time
    Index("subscription_by_subscriber", "subscriber_id"),
    Index(
        "subscription_by_status", "list", "status", "subscriber_id", "paused_until"
    ),  # the active readers of a list, by keyset
    sqlite_with_rowid=False,
)

consent_source = Table(
    "consent_source",
    metadata,
    Column("id", BigNumber, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # import, command line, form, ...
    Column("detail", Text, nullable=False, server_default="{}"),  # JSON: file and its digest, form and wording, ...
    Column("at", Text, nullable=False),
    sqlite_autoincrement=True,
)

consent = Table(  # evidence: rows are appended, never changed
    "consent",
    metadata,
    Column("subscriber_id", BigNumber, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True),
    Column("no", Integer, primary_key=True),  # 1, 2, ... per subscriber
    Column("list", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("source_id", BigNumber, ForeignKey("consent_source.id"), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),  # JSON about this change alone: network addresses, times
    sqlite_with_rowid=False,
)

signup = Table(  # a reader asked to join; kept as long as the reader, since links in old mail name it
    "signup",
    metadata,
    Column("id", BigNumber, primary_key=True, autoincrement=True),
    Column("subscriber_id", BigNumber, ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
    Column("lists", Text, nullable=False),  # JSON list: the lists to join
    Column("name", Text, nullable=False, server_default=""),  # as it was typed; used once the sign-up is confirmed
    Column("language", Text, nullable=False),
    Column("source_id", BigNumber, ForeignKey("consent_source.id"), nullable=False),  # the form that was shown
    Column("proof", Text, nullable=False),  # JSON: page and network address of the request
    Column("asked_at", Text, nullable=False),
    Column("confirmed_at", Text),
    Index("signup_by_subscriber", "subscriber_id"),
    sqlite_autoincrement=True,
)

transactional_message = Table(  # one message to one reader that is no campaign's; handed over at most once
    "transactional_message",
    metadata,
    Column("id", BigNumber, primary_key=True, autoincrement=True),
    Column("subscriber_id", BigNumber, ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # confirmation already welcome
    Column("message", Text, nullable=False),  # the compiled message: the kind, or a welcome issue's slug
    Column("list", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column(
        "signup_id", BigNumber, ForeignKey("signup.id", ondelete="CASCADE")
    ),  # the sign-up that a confirmation is for
    Column("state", Text, nullable=False),  # queued handed accepted rejected unknown skipped
    Column("due_at", Text, nullable=False),  # not before this time; set later when the provider is busy
    Column("queued_at", Text, nullable=False),
    Column("first_handed_at", Text),
    Column("handed_at", Text),
    Column("settled_at", Text),
    Column("provider", Text, nullable=False, server_default=""),
    Column("provider_id", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),  # the provider's words, or why skipped
    Index("transactional_message_waiting", "due_at", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("transactional_message_handed", "id", sqlite_where=_HANDED, postgresql_where=_HANDED),
    Index("transactional_message_by_subscriber", "subscriber_id"),
    sqlite_autoincrement=True,
)

form_use = Table(  # recent uses of forms, by keyed hash; old rows are deleted
    "form_use",
    metadata,
    Column("key", Text, primary_key=True),  # hash of a network or an email address, with the seconds of the limit
    Column("slot", BigNumber, primary_key=True, autoincrement=False),
    Column("uses", Integer, nullable=False),
    Column("until", BigNumber, nullable=False),  # Unix time at which the uses stop to count
    Index("form_use_by_end", "until"),
    sqlite_with_rowid=False,
)

suppression = Table(  # outlives the subscriber
    "suppression",
    metadata,
    Column("email_key", Text, primary_key=True),  # of erased readers a keyed hash, see suppressions.py
    Column("reason", Text, nullable=False),  # bounced complained unsubscribed erased by-hand
    Column("detail", Text, nullable=False, server_default=""),
    Column("at", Text, nullable=False),
    Index("suppression_hashed", "email_key", sqlite_where=_HASHED[0], postgresql_where=_HASHED[1]),
    Index("suppression_by_reason", "reason"),
    sqlite_with_rowid=False,
)

leaving_reason = Table(  # why readers left, counted; no row leads to a reader
    "leaving_reason",
    metadata,
    Column("list", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # UTC
    Column("reason", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    sqlite_with_rowid=False,
)

campaign = Table(
    "campaign",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("issue", Text, nullable=False),  # slug
    Column("list", Text, nullable=False),
    Column("segment", Text, nullable=False, server_default=""),  # "" = the whole list
    Column("state", Text, nullable=False),  # draft scheduled sending paused sent cancelled
    Column("reason", Text, nullable=False, server_default=""),  # why it is paused
    Column("subject", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of the CompiledMessage
    Column("message", LargeBinary, nullable=False),  # the CompiledMessage, JSON, zlib
    Column("page", LargeBinary, nullable=False),  # the web page, zlib
    Column("key", Text, nullable=False),  # random, in Message-IDs and idempotency keys
    Column("provider", Text, nullable=False),
    Column("checks", Text, nullable=False, server_default="[]"),  # JSON: what check said at approval
    Column("created_at", Text, nullable=False),
    Column("send_at", Text),  # the moment it starts; null = by a command
    Column("started_at", Text),  # the Date header of every message
    Column("finished_at", Text),
    Column("cursor", BigNumber, nullable=False, server_default="0"),  # the last subscriber that is enqueued
    Column("enqueued", Boolean, nullable=False, server_default=false()),  # whether all subscribers are enqueued
    Column("about", Text, nullable=False, server_default=""),  # JSON: what the archive prints about the issue
    Column("tracking", Text, nullable=False, server_default="none"),  # none aggregate individual
    Column("local_at", Text),  # the wall clock time of `local`; null = everyone at once
    Column("frozen_at", Text),  # when its text was approved last; null = before the column was there
    Column("priority", Integer, nullable=False, server_default="0"),  # 1 high, 0 normal, -1 low
    Column("turn", Integer, nullable=False, server_default="0"),  # the last turn that its jobs for workers have
    Column("pruned_at", Text),  # since then nobody knows who had it: nothing of it is sent any more
    # a campaign whose readers get this one, and nobody else does; 0 = the readers of the list
    Column("readers_of", Integer, nullable=False, server_default="0"),
    Index("campaign_once", "issue", "list", "segment", "readers_of", unique=True),
    sqlite_autoincrement=True,
)

archive_change = Table(  # changes of a sent issue's page: rows are appended, and the newest counts
    "archive_change",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("issue", Text, nullable=False),  # slug
    Column("kind", Text, nullable=False),  # amended withdrawn
    Column("at", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),  # what its readers are told about it
    Column("page", LargeBinary),  # the new page, zlib; null when it is withdrawn
    Column("about", Text, nullable=False, server_default=""),  # JSON, as campaign.about
    Index("archive_change_by_issue", "issue", "id"),
    sqlite_autoincrement=True,
)

batch = Table(
    "batch",
    metadata,
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    Column("no", Integer, primary_key=True),  # 1, 2, ... per campaign
    Column("size", Integer, nullable=False),
    Column("state", Text, nullable=False),  # queued claimed handed settled unknown cancelled
    Column(
        "attempt", Integer, nullable=False, server_default="0"
    ),  # the fencing number: every step of a claim names it
    Column("generation", Integer, nullable=False, server_default="0"),  # +1 only when it is known that nothing was sent
    Column("owner", Text, nullable=False, server_default=""),
    Column("lease_until", Text),
    Column("not_before", Text),  # not before this time: the provider was busy, or its readers' own time
    Column("first_handed_at", Text),
    Column("handed_at", Text),
    Column("settled_at", Text),
    Column("provider", Text, nullable=False, server_default=""),  # the provider that was handed the batch
    Column("payload_hash", Text, nullable=False, server_default=""),  # a retry under the key must equal it
    Column("provider_ids", LargeBinary),  # JSON object by subscriber id, zlib
    Column("started", LargeBinary),  # a bit per recipient, set before the first byte; one-call providers only
    Column("finished", LargeBinary),  # a bit per recipient, set after the answer
    Column("enqueued_at", Text),
    Column(
        "unknown_reason", Text, nullable=False, server_default=""
    ),  # why the outcome was unknown, while it was or after
    Index("batch_by_state", "campaign_id", "state", "no"),  # the next batch that waits, and whether any is left
    Index("batch_leased", "lease_until", sqlite_where=_LEASED, postgresql_where=_LEASED),
    sqlite_with_rowid=False,
)

delivery = Table(  # written once, at enqueue; its state is its batch's, unless delivery_exception says otherwise
    "delivery",
    metadata,
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    # No foreign key: the row stays when the reader is erased.
    Column("subscriber_id", BigNumber, primary_key=True, autoincrement=False),
    Column("batch_no", Integer, nullable=False),
    Index("delivery_by_batch", "campaign_id", "batch_no", "subscriber_id"),
    sqlite_with_rowid=False,
)

delivery_exception = Table(
    "delivery_exception",
    metadata,
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    Column("subscriber_id", BigNumber, primary_key=True, autoincrement=False),
    Column("batch_no", Integer, nullable=False),
    Column("state", Text, nullable=False),  # accepted rejected unknown skipped, instead of the batch's
    Column("retryable", Boolean, nullable=False, server_default=false()),
    Column("detail", Text, nullable=False, server_default=""),  # the provider's words, or why skipped
    Column("at", Text, nullable=False),
    Index("delivery_exception_by_batch", "campaign_id", "batch_no"),
    sqlite_with_rowid=False,
)

delivery_note = Table(  # earlier outcomes of a delivery that a person decided to send again
    "delivery_note",
    metadata,
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    Column("subscriber_id", BigNumber, primary_key=True, autoincrement=False),
    Column("no", Integer, primary_key=True),  # 1, 2, ... per delivery
    Column("at", Text, nullable=False),
    Column("what", Text, nullable=False),
    sqlite_with_rowid=False,
)

event = Table(  # what happened after sending; opens and clicks: a row per reader and link, or per hour and link
    "event",
    metadata,
    Column("id", BigNumber, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),  # a second report with this key is not counted again
    Column("kind", Text, nullable=False),  # delivered deferred bounced opened clicked complained unsubscribed
    Column("campaign_id", Integer, ForeignKey("campaign.id"), nullable=False),
    Column("subscriber_id", BigNumber, ForeignKey("subscriber.id", ondelete="CASCADE")),  # null = no reader is known
    Column("reader", BigNumber),  # subscriber_id; after [tracking] keep, a number that belongs to no reader
    Column("link_no", Integer),  # the place in the frozen message's links
    Column("at", Text, nullable=False),  # the first time; without reader, the beginning of the hour
    Column("times", Integer, nullable=False, server_default="1"),
    Column(
        "machine", Text, nullable=False, server_default=""
    ),  # the sign that a program did it; "" = probably a person
    Column("source", Text, nullable=False, server_default=""),  # tracking, or the provider that reports it
    Column("detail", Text, nullable=False, server_default=""),
    Column("bounce", Text, nullable=False, server_default=""),  # of a bounce: hard soft blocked
    Index("event_by_campaign", "campaign_id", "kind", "reader"),
    Index("event_by_subscriber", "subscriber_id", "at"),
    sqlite_autoincrement=True,
)

counter = Table(  # numbers kept while rows are written, see counters/; a counter is the sum over its slots
    "counter",
    metadata,
    Column("kind", Text, primary_key=True),  # see counters/table.py
    Column("campaign_id", Integer, primary_key=True, autoincrement=False),  # 0 = the publication
    Column("part", Text, primary_key=True),  # a day, a mailbox provider, a link, ...; "" = the whole
    Column("slot", Integer, primary_key=True, autoincrement=False),  # the writer's connection on PostgreSQL, else 0
    Column("number", BigNumber, nullable=False),
    sqlite_with_rowid=False,
)

mail_domain = Table(  # address domains that are counted by themselves; the many small ones are counted together
    "mail_domain",
    metadata,
    Column("domain", Text, primary_key=True),
    sqlite_with_rowid=False,
)

rate_bucket = Table(  # one row per provider; GCRA: the theoretical arrival time of the next message
    "rate_bucket",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tat", Text, nullable=False),
    Column("warm_since", Text),  # the first day of its warm-up plan, in the publication's zone
    Column("ceiling", Float),  # messages a second that it was slowed down to
    Column("slowed_at", Text),
    Column("seen_at", Text),  # when messages were last reserved: a clock that shows less was set back
    sqlite_with_rowid=False,
)

rate_spent = Table(  # the used part of a quota, in slots of a fiftieth of its time; old rows are deleted
    "rate_spent",
    metadata,
    Column("key", Text, primary_key=True),
    Column("span", Text, primary_key=True),  # the quota's seconds, or warm-up
    Column("slot", BigNumber, primary_key=True, autoincrement=False),
    Column("messages", Integer, nullable=False),
    sqlite_with_rowid=False,
)


def is_in(*states: str) -> ColumnElement[bool]:
    """Return the condition that a batch is in one of these states.

    They are written into the statement, because SQLite uses a partial index only where it can read the states.
    """
    return batch.c.state.in_([literal_column(f"'{state}'") for state in states])
