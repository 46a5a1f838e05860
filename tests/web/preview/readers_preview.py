"""A publication with readers and an issue that differs by reader, for the preview's pages about readers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import select

from newsletter.campaigns.campaign import Campaign
from newsletter.campaigns.campaign_queries import all_campaigns
from newsletter.config import load_publication
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import subscriber
from newsletter.subscribers.files.imports import import_csv
from tests.web.preview.preview_server import SETTINGS, publish

NOW = datetime(2025, 1, 17, 12, tzinfo=UTC)
ISSUE = """---
subject: "Chip rules and a camera"
preheader: "What the new export controls change, whom they slow down, in four minutes."
---
Good morning {{ first_name | default("there") }}.

{% if plan == "pro" %}
The webinar is at noon, for you alone.
{% endif %}

:::article title="The first story" image=images/chips.png alt="A processor seen from above."
It has a paragraph about wafers.
:::

:::button https://example.com/read
Read the full story
:::
"""
MORE = """
[fields]
plan = "text"
score = "number"

[preview]
test_addresses = ["me@example.com", "Ada <ada@example.com>"]
"""
PLANS = ("pro", "free", "free", "")


def publish_with_readers(root: Path, readers: int = 40, *, issue: str = ISSUE, more: str = "") -> Path:
    """Add `r0@example.com` and so on: a quarter of them with the plan `pro`, every other one without a name."""
    publish(root, issue=issue, settings=SETTINGS + MORE + more)
    rows = [f"r{n}@example.com,{'' if n % 2 else f'Reader{n}'},{PLANS[n % 4]}" for n in range(readers)]
    with open_publication_database(root) as database:
        csv = io.BytesIO("\n".join(["email,first_name,plan", *rows]).encode())
        import_csv(database, load_publication(root / "newsletter.toml"), csv, "some.csv", now=NOW)
    return root


@contextmanager
def open_publication_database(root: Path) -> Iterator[Database]:
    """Open the publication's database."""
    database = open_database(load_publication(root / "newsletter.toml"))
    try:
        yield database
    finally:
        database.close()


def campaigns_of(root: Path) -> list[Campaign]:
    with open_publication_database(root) as database, database.read() as connection:
        return all_campaigns(connection)


def addresses(root: Path) -> list[str]:
    with open_publication_database(root) as database, database.read() as connection:
        return list(connection.scalars(select(subscriber.c.email)))


def mailed(root: Path) -> list[EmailMessage]:
    """Return the messages in the outbox that belong to no campaign: the tests, the earliest first."""
    files = sorted((root / "outbox" / "other").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
