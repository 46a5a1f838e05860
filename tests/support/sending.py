"""What tests of sending share: a publication with an issue and readers, and a silent watcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, insert

from newsletter.campaigns.campaign import Campaign, approve_issue, change_state
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database
from newsletter.database.tables import subscriber, subscription
from newsletter.messages.types import About, CompiledMessage, WebPage
from newsletter.times import stamp
from tests.support.databases import database_setting

NOW = datetime(2025, 1, 17, 12, tzinfo=UTC)
MESSAGE = CompiledMessage(
    slug="hello",
    subject="Hello NLM00000xNL",
    preheader="",
    html='<html><body><p>Hello NLM00000xNL</p><a href="NLM00001xNL">leave</a></body></html>',
    text="Hello NLM00000xNL, NLM00001xNL",
    tags=('{{ first_name | default("there") }}', "{{ unsubscribe_url }}"),
)
PAGE = WebPage(
    about=About(slug="hello", title="Hello", description="", date="2025-01-17"),
    html="<html><head></head><body><main><p>Hello</p></main></body></html>",
)
ISSUE = "---\nsubject: Hello\ndate: 2025-01-17\n---\n\nHello {{ first_name }}.\n"


def settings(folder: Path, more: str = "", *, issue: bool = False) -> PublicationSettings:
    """newsletter.toml with two lists and `more` at its end."""
    folder.mkdir(exist_ok=True)
    (folder / "newsletter.toml").write_text(
        '[publication]\nname = "News"\nurl = "https://news.example.com"\nfrom = "News <news@example.com>"\n'
        '[lists.daily]\ntitle = "Daily"\ndefault = true\n[lists.weekly]\ntitle = "Weekly"\n'
        + more
        + database_setting(folder),
        encoding="utf-8",
    )
    if issue:
        (folder / "issues").mkdir(exist_ok=True)
        (folder / "issues" / "2025-01-17-hello.md").write_text(ISSUE, encoding="utf-8")
    return load_publication(folder / "newsletter.toml")


def add_readers(database: Database, number: int, lists: Sequence[str] = ("daily",)) -> list[int]:
    """`r1@example.com` and so on, active on these lists; their ids."""
    if not number:
        return []
    with database.begin() as connection:
        rows = [_reader(n) for n in range(1, number + 1)]
        connection.execute(insert(subscriber), rows)
        at = stamp(NOW)
        active = [
            {"list": name, "subscriber_id": n, "status": "active", "changed_at": at}
            for name in lists
            for n in range(1, number + 1)
        ]
        connection.execute(insert(subscription), active)
    return list(range(1, number + 1))


def _reader(number: int) -> dict[str, object]:
    address = f"r{number}@example.com"
    times = {"created_at": stamp(NOW), "updated_at": stamp(NOW)}
    return {"id": number, "email": address, "email_key": address, "first_name": f"Reader {number}", **times}


def start_campaign(
    connection: Connection, list_name: str = "daily", provider: str = "outbox", segment: str = ""
) -> Campaign:
    """Of MESSAGE, approved and sending."""
    made = approve_issue(
        connection, message=MESSAGE, page=PAGE, list=list_name, segment=segment, provider=provider, now=NOW
    )
    return change_state(connection, made.id, "start", now=NOW)


class Quiet:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.seen: list[dict[str, int]] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        self.seen.append(dict(counted))
