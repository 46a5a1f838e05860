"""A signature that covers a token stands for one body."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from newsletter.database.connection import Database, open_database
from newsletter.database.program_tables import webhook_call, webhook_signature
from newsletter.events import calls, one_time_tokens
from newsletter.events.calls import KeptCall
from newsletter.events.one_time_tokens import KEPT, TokenUse
from newsletter.providers.webhooks import MAX_AGE
from tests.support.sending import NOW, settings

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(settings(tmp_path / "news"))
    yield opened
    opened.close()


def call(body: bytes, token: str = "t", provider: str = "mailgun") -> KeptCall:
    return KeptCall(provider=provider, body=body, at=NOW, token=token)


def keep(database: Database, *kept: KeptCall) -> list[TokenUse]:
    with database.begin() as connection:
        return calls.keep(connection, kept)


def number(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(webhook_call)).scalar_one())


@pytest.mark.parametrize("together", [False, True])
def test_another_body_under_a_known_token_is_not_kept_and_a_repeat_is_kept_once(
    database: Database, together: bool
) -> None:
    sent = [call(b"1"), call(b"2"), call(b"1"), call(b"2", token="u"), call(b"2", provider="other")]

    shown = keep(database, *sent) if together else [keep(database, each)[0] for each in sent]

    assert shown == ["new", "stolen", "repeated", "new", "new"]
    assert number(database) == 3


def test_calls_whose_signature_covers_the_body_have_no_token_and_are_all_kept(database: Database) -> None:
    assert keep(database, call(b"1", token=""), call(b"1", token=""), call(b"2", token="")) == ["new"] * 3
    assert number(database) == 3


def test_a_token_is_remembered_for_as_long_as_its_signature_is_believed(database: Database) -> None:
    keep(database, call(b"1"))

    with database.begin() as connection:
        one_time_tokens.prune(connection, NOW + 2 * MAX_AGE)
    assert keep(database, call(b"2")) == ["stolen"]
    with database.begin() as connection:
        one_time_tokens.prune(connection, NOW + KEPT + timedelta(seconds=1))
        assert connection.execute(select(webhook_signature)).all() == []
