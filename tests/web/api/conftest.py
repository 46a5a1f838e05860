"""Fixtures of the tests of the HTTP API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import database_setting
from tests.support.writing import write
from tests.web.api.serving import ServedApi, serve_api
from tests.web.public.serving import make_publication

MORE = """
[fields]
plan = "text"
visits = "number"

[segments.pro]
plan = "pro"

[send]
provider = "outbox"
"""
ISSUE = """---
subject: "Chips"
preheader: "What the new rules change."
date: 2025-01-17
---
Good morning {{ first_name | default("there") }}, these are the news of today in a few words.
"""


def make_news(folder: Path) -> Path:
    """Make a publication with two lists, fields, a segment and issues that may be sent, one that may not."""
    make_publication(folder, MORE + database_setting(folder))
    for name in ("2025-01-17-chips.md", "2025-01-18-rules.md", "2025-01-19-later.md"):
        write(folder, ISSUE.replace("Chips", name[11:-3]), name)
    write(folder, ISSUE.replace("Good morning", ":::qoute\nGood"), "2025-01-20-broken.md")
    return folder


@pytest.fixture(scope="module")
def api(each_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApi]:
    """Serve the API of a publication that the tests of one file share, on SQLite and on PostgreSQL."""
    with serve_api(make_news(tmp_path_factory.mktemp("api"))) as served:
        yield served
