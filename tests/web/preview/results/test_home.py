"""The start page begins with today: its issue, the last result, what comes next, and what is wrong."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newsletter.campaigns.campaign import approve_issue, change_state, schedule_campaign
from tests.support.sending import MESSAGE, PAGE
from tests.web.preview.preview_server import Preview, running
from tests.web.preview.readers_preview import open_publication_database
from tests.web.preview.results.sent_news import publish_sent

DAILY = '\n[schedule]\ndaily = "23:59"\n'


def words(preview: Preview) -> str:
    """Return the words of the head of the start page."""
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", preview.get("/home").text).split()))


def test_today_the_last_result_and_the_next_schedule_and_what_is_wrong_stand_above_the_issues(tmp_path: Path) -> None:
    root = tmp_path / "news"
    publish_sent(root, more=DAILY)
    with running(root) as preview:
        assert "Chip rules and a camera Sent to 38" in words(preview)
        assert "35 delivered 20.0 % clicked 0 left" in words(preview)
        assert "There is no issue dated tomorrow" in words(preview)
        assert preview.get("/").text.index('id="home"') < preview.get("/").text.index('id="rows"')

        now = datetime.now(UTC)
        with open_publication_database(root) as database, database.begin() as connection:
            made = [
                approve_issue(
                    connection, message=MESSAGE, page=PAGE, list="daily", segment=segment, provider="outbox", now=now
                ).id
                for segment in ("", "vip")
            ]
            schedule_campaign(connection, made[0], send_at=now + timedelta(hours=30), wall=None, now=now)
            change_state(connection, made[1], "start", now=now - timedelta(days=9))
            change_state(connection, made[1], "pause", now=now, reason="the provider refuses the sender")

        shown = words(preview)
        assert re.search(r"Next Hello there \d{4}-.*?, in \d", shown)
        assert "Nothing is running that would send it: start and keep newsletter run running." in shown
        assert (
            f"“Hello there” is paused: the provider refuses the sender. Let it go on: newsletter resume {made[1]}"
            in shown
        )


def test_a_database_that_cannot_be_used_is_said_and_the_issues_are_shown(tmp_path: Path) -> None:
    root = tmp_path / "news"
    publish_sent(root)
    file = next(root.glob("*.db"))
    for each in root.glob(f"{file.name}*"):
        each.unlink()
    file.write_text("not a database, and long enough to look like one" * 100, encoding="utf-8")
    with running(root) as preview:
        assert "is not a database" in words(preview) or "cannot" in words(preview)
        page = preview.get("/results").text
        assert "The figures cannot be read" in page
        assert "Nothing to show yet" not in page
        assert preview.get("/").status_code == 200


def test_a_database_that_breaks_while_the_preview_runs_takes_no_page_away(tmp_path: Path) -> None:
    root = tmp_path / "news"
    publish_sent(root)
    with running(root) as preview:
        assert "Sent to 38" in words(preview)
        for file in root.glob("*.db*"):
            file.write_bytes(b"nothing of a database " * 2_000)

        answer = preview.get("/")

        assert answer.status_code == 200
        assert "A problem" in words(preview)
        assert "Chip rules and a camera" in answer.text
        assert preview.get("/results").status_code in (200, 503)
