"""The tables of what other programs report, hand over, ask for and are told; tables.py has all others.

`events/calls.py` writes `webhook_call`, from which `erased_calls.py` takes out erased readers, and
`one_time_tokens.py` `webhook_signature`. `subscribers/erasure.py` fills `erased_reader`, `erased_calls.py` empties it.
`outbound/queue.py` writes `outbound_message`, `api_keys.py` `api_key`, `campaigns/approvals.py` `approval`,
`campaigns/pushes.py` `push`, `pushed_picture` and `pushed_path`, `web/api/writes.py` the API's other tables.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from newsletter.database.types import BigNumber, metadata

_UNAPPLIED = text("applied_at IS NULL")
_KEPT_TRYING = text("failed_at IS NULL")
_REPEATABLE = text("idempotency_key IS NOT NULL")

webhook_call = Table(  # calls of providers, verified, as they came; deleted after [events] keep
    "webhook_call",
    metadata,
    Column("id", BigNumber, primary_key=True, autoincrement=True),
    Column("provider", Text, nullable=False),
    Column("received_at", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # zlib
    Column("applied_at", Text),  # null = its events still have to be applied
    Index("webhook_call_waiting", "id", sqlite_where=_UNAPPLIED, postgresql_where=_UNAPPLIED),
    Index("webhook_call_by_time", "received_at"),
    sqlite_autoincrement=True,
)

push = Table(  # what was handed over from a repository: rows are appended and kept as evidence
    "push",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("campaign_id", Integer, ForeignKey("campaign.id"), nullable=False),
    Column("digest", Text, nullable=False),
    Column("name", Text, nullable=False),  # the name of the key
    Column("at", Text, nullable=False),
    Column("file", Text, nullable=False),  # the file's name
    Column("source", LargeBinary, nullable=False),  # the file, zlib
    Column("committed_at", Text, nullable=False, server_default=""),  # of its commit, UTC; "" = not known
    Index("push_by_campaign", "campaign_id", "digest"),
    sqlite_autoincrement=True,
)

pushed_picture = Table(  # by its hash, so that pictures of one name do not replace each other
    "pushed_picture",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # png jpeg gif webp svg
    Column("body", LargeBinary, nullable=False),
)

pushed_path = Table(  # which picture an issue names by which path
    "pushed_path",
    metadata,
    Column("path", Text, primary_key=True),  # below /images/
    Column("issue", Text, primary_key=True),  # slug
    Column("sha256", Text, ForeignKey("pushed_picture.sha256"), nullable=False),
    Column("at", Text, nullable=False),  # the newest is served
    sqlite_with_rowid=False,
)

approval = Table(  # who approved what is sent
    "approval",
    metadata,
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # of a key, or of a user of the system
    Column("at", Text, nullable=False),
    sqlite_with_rowid=False,
)

outbound_message = Table(  # what other programs are to be told; deleted once it is delivered
    "outbound_message",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("endpoint", Text, nullable=False),  # the URL in newsletter.toml
    Column("key", Text, nullable=False),  # names the message for the receiver, at each attempt
    Column("kind", Text, nullable=False),  # subscriber.confirmed, ...
    Column("subject", Text, nullable=False),  # an address key or campaign:<id>: its messages keep their order
    Column("body", Text, nullable=False),  # JSON
    Column("queued_at", Text, nullable=False),
    Column("due_at", Text, nullable=False),  # the next attempt; while it is being posted, the end of the lease
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("problem", Text, nullable=False, server_default=""),  # why the last attempt failed
    Column("failed_at", Text),  # when it was given up
    Index("outbound_message_due", "endpoint", "due_at", sqlite_where=_KEPT_TRYING, postgresql_where=_KEPT_TRYING),
    Index("outbound_message_by_subject", "endpoint", "subject", "id"),
    sqlite_autoincrement=True,
)

api_key = Table(  # keys of other programs; a revoked one stays, because evidence names it
    "api_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False, unique=True),  # SHA-256 of the key, hexadecimal; the key itself is nowhere
    Column("scopes", Text, nullable=False),  # names with commas between: read,subscribers
    Column("created_at", Text, nullable=False),
    Column("revoked_at", Text),
    sqlite_autoincrement=True,
)

api_write = Table(  # what other programs changed: rows are appended and kept as evidence
    "api_write",
    metadata,
    Column("id", BigNumber, primary_key=True, autoincrement=True),
    Column("key_id", Integer, ForeignKey("api_key.id"), nullable=False),
    Column("at", Text, nullable=False),
    Column("operation", Text, nullable=False),  # createSubscriber, pauseCampaign, ...
    Column("target", Text, nullable=False, server_default=""),  # campaign 12, subscriber 7; never an address
    Column("idempotency_key", Text),  # SHA-256 of the header; null without one, and after 24 hours
    Column("request_hash", Text, nullable=False, server_default=""),  # SHA-256 of method, path and body
    Column("status", Integer, nullable=False),  # of the answer
    Index("api_write_by_idempotency_key", "key_id", "idempotency_key", unique=True),
    Index("api_write_repeatable", "at", sqlite_where=_REPEATABLE, postgresql_where=_REPEATABLE),
    sqlite_autoincrement=True,
)

api_answer = Table(  # the answers that a repeated request gets; deleted after 24 hours, and with their reader
    "api_answer",
    metadata,
    Column("write_id", BigNumber, ForeignKey("api_write.id"), primary_key=True, autoincrement=False),
    Column("subscriber_id", BigNumber, ForeignKey("subscriber.id", ondelete="CASCADE")),
    Column("body", Text, nullable=False),
    Index("api_answer_by_subscriber", "subscriber_id"),
)

webhook_signature = Table(  # tokens of signatures that cover no body; deleted once nobody believes the signature
    "webhook_signature",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("token", Text, primary_key=True),
    Column("body_digest", Text, nullable=False),  # SHA-256 of the first body that came with it
    Column("seen_at", Text, nullable=False),
    Index("webhook_signature_by_time", "seen_at"),
    sqlite_with_rowid=False,
)

erased_reader = Table(  # until the kept calls are looked through for them
    "erased_reader",
    metadata,
    Column("id", BigNumber, primary_key=True, autoincrement=True),
    Column("subscriber_id", BigNumber, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("last_call_id", BigNumber, nullable=False, server_default="0"),  # calls up to here are looked through
    sqlite_autoincrement=True,
)
