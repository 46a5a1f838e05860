"""Leaving reasons: counted by list and day, and shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.subscribers import leaving_reasons
from newsletter.subscribers.leaving_reasons import LeavingAnswer, LeavingReason
from tests.conftest import Run
from tests.support.readers import Readers

pytestmark = pytest.mark.usefixtures("each_database")


def test_answers_are_counted_by_list_and_shown_for_as_long_as_asked(newsletter: Run, publication_folder: Path) -> None:
    readers = Readers.of(publication_folder)
    today = datetime.now(UTC).date()
    answers = [
        (LeavingReason.TOO_LONG, 0),
        (LeavingReason.TOO_MUCH, 0),
        (LeavingReason.TOO_MUCH, 20),
        (LeavingReason.OTHER, 100),
    ]
    with readers.database.begin() as connection:
        leaving_reasons.record_answers(
            connection,
            [LeavingAnswer(list="daily", day=today - timedelta(days=ago), reason=reason) for reason, ago in answers],
        )
    readers.database.close()

    shown = newsletter("subscribers", "reasons", cwd=publication_folder)
    lately = newsletter("subscribers", "reasons", "--days", "7", "--json", cwd=publication_folder)

    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["2", "too-much", "daily"],
        ["1", "too-long", "daily"],
    ]
    assert shown.stderr == "3 readers\n"
    assert {(row["reason"], row["readers"]) for row in json.loads(lately.stdout)} == {("too-long", 1), ("too-much", 1)}
