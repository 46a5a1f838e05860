"""Open pages hear of figures that another process changes, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from newsletter.campaigns.events import EventKind
from newsletter.database.connection import Database, open_database
from newsletter.preview.workspace import Workspace
from newsletter.web.preview.database import PreviewDatabase
from newsletter.web.preview.open_pages import RESULTS, OpenPages
from newsletter.web.preview.results import figure_watch
from tests.support.sending import NOW, add_readers, settings
from tests.support.sent_campaigns import send_campaign
from tests.web.preview.results.sent_news import event, record

FIGURES: list[tuple[str, object]] = [("figures", {})]


async def heard(workspace: Workspace, database: Database, campaign: int) -> dict[str, list[object]]:
    """Return what the pages of two issues and of all results are told first, and after a click in one issue."""
    pages, opened = OpenPages(), PreviewDatabase()
    with pages.listener("hello") as hello, pages.listener("other") as other, pages.listener(RESULTS) as results:
        task = asyncio.create_task(figure_watch.watch(workspace, opened, pages))
        listeners = {"hello": hello, "other": other, "results": results}
        told: dict[str, list[object]] = {name: [await each.next_updates()] for name, each in listeners.items()}
        record(database, [event(EventKind.CLICKED, campaign, 1, NOW, link=0)])
        for name in ("hello", "results"):
            told[name].append(await listeners[name].next_updates())
        told["other"].append([*other._updates])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    opened.close()
    return told


@pytest.mark.usefixtures("each_database")
def test_a_click_reaches_the_pages_that_show_it_and_no_other(tmp_path: Path) -> None:
    publication = settings(tmp_path / "news", issue=True)
    database = open_database(publication)
    campaign = send_campaign(database, "hello", add_readers(database, 3), NOW)

    told = asyncio.run(heard(Workspace(tmp_path / "news" / "newsletter.toml"), database, campaign))

    assert told == {"hello": [FIGURES, FIGURES], "results": [FIGURES, FIGURES], "other": [FIGURES, []]}
    database.close()
