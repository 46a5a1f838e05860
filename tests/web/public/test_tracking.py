"""Counted links and pictures with a real server: from the email in the outbox to the report."""

from __future__ import annotations

import email
import json
import re
from email import policy
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import select, update

from newsletter.campaigns.tracking import track_token
from newsletter.cli.main import cli
from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.database.tables import batch, event
from newsletter.signed_links import Links, Purpose
from tests.web.public.serving import Served, make_publication, serve

ISSUE = """---
subject: Hello
---
[One](https://example.com/one?a=1&b=ü) and [two](https://example.com/two), <{{ web_url }}>.
"""
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.10.1"


def run(folder: Path, *arguments: str) -> str:
    """Run a command in this process: starting another takes longer than the command."""
    done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def published(folder: Path, level: str) -> Path:
    """Make a publication that sent one issue to Ada and Bob an hour ago."""
    make_publication(folder, f'[tracking]\nlevel = "{level}"')
    (folder / "issues").mkdir()
    (folder / "issues" / "2025-01-17-hello.md").write_text(ISSUE, encoding="utf-8")
    for address in ("ada@example.com", "bob@example.com"):
        run(folder, "subscribers", "add", address)
    run(folder, "send", "hello", "--yes")
    database = open_database(load_publication(folder / "newsletter.toml"))
    with database.begin() as connection:
        connection.execute(update(batch).values(handed_at="2025-01-17T12:00:00.000Z"))
    database.close()
    return folder


def html_of(folder: Path, address: str) -> str:
    for file in (folder / "outbox").rglob("*.eml"):
        message = email.message_from_bytes(file.read_bytes(), policy=policy.default)
        body = message.get_body(("html",))
        if address in message["To"] and body:
            return str(body.get_content())
    raise AssertionError(f"nothing for {address}")


def paths(html: str) -> tuple[list[str], str]:
    """Return the paths of the counted links and of the picture."""
    clicks = re.findall(r'href="https://news.example.com(/c/[^"]+)"', html)
    (pixel,) = re.findall(r'src="https://news.example.com(/o/[^"]+)"', html)
    return clicks, pixel


def ask(served: Served, path: str, agent: str = PERSON, method: str = "GET") -> requests.Response:
    return requests.request(method, served.url + path, headers={"User-Agent": agent}, timeout=60, allow_redirects=False)


def rows(folder: Path) -> list[tuple[object, ...]]:
    database = open_database(load_publication(folder / "newsletter.toml"))
    with database.read() as connection:
        columns = (event.c.kind, event.c.subscriber_id, event.c.link_no, event.c.times, event.c.machine)
        found = [tuple(row) for row in connection.execute(select(*columns).order_by(event.c.kind, event.c.id))]
    database.close()
    return found


def test_a_readers_clicks_and_opens_are_counted_and_reported(tmp_path: Path) -> None:
    folder = published(tmp_path / "news", "individual")
    clicks, pixel = paths(html_of(folder, "ada@example.com"))
    with serve(folder) as served:
        first = ask(served, clicks[0])
        ask(served, clicks[0])
        picture = ask(served, pixel)
        served.stop()

    assert (first.status_code, first.headers["location"]) == (302, "https://example.com/one?a=1&b=%C3%BC")
    assert first.headers["cache-control"] == "no-store"
    assert (picture.headers["content-type"], picture.content[:6]) == ("image/gif", b"GIF89a")
    assert rows(folder) == [("clicked", 1, 1, 2, ""), ("opened", 1, None, 1, "")]
    assert "clicked 2 times by 1 reader" in run(folder, "status", "hello")
    assert "clicked https://example.com/one" in run(folder, "why", "ada@example.com", "hello")
    assert "clicked" not in run(folder, "why", "bob@example.com", "hello")
    assert json.loads(run(folder, "status", "hello", "--json"))["events"]["clicked"] == 1


def test_in_aggregate_no_reader_is_in_the_mail_or_in_the_database(tmp_path: Path) -> None:
    folder = published(tmp_path / "news", "aggregate")
    ada, bob = paths(html_of(folder, "ada@example.com")), paths(html_of(folder, "bob@example.com"))
    with serve(folder) as served:
        ask(served, ada[0][0])
        ask(served, bob[0][0])
        ask(served, bob[1])
        served.stop()

    assert ada == bob
    assert rows(folder) == [("clicked", None, 1, 2, ""), ("opened", None, None, 1, "")]
    database = open_database(load_publication(folder / "newsletter.toml"))
    with database.read() as connection:
        assert all(at.endswith(":00:00.000Z") for at in connection.execute(select(event.c.at)).scalars())
    database.close()


def test_requests_of_programs_are_not_counted(tmp_path: Path) -> None:
    folder = published(tmp_path / "news", "individual")
    clicks, pixel = paths(html_of(folder, "ada@example.com"))
    with serve(folder) as served:
        for agent in ("Mozilla/5.0", "curl/8.5.0", ""):
            assert ask(served, pixel, agent).status_code == 200
        assert ask(served, clicks[0], method="HEAD").headers["location"].startswith("https://example.com/one")
        for path in clicks:  # all there are, at once
            ask(served, path)
        served.stop()

    assert {row[4] for row in rows(folder)} == {"proxy apple", "program", "nameless", "burst"}
    assert "opened 0 times; 3 times by programs, not counted" in run(folder, "status", "hello")


def test_without_tracking_links_are_unchanged_and_old_counted_ones_still_redirect(tmp_path: Path) -> None:
    folder = published(tmp_path / "news", "none")
    html = html_of(folder, "ada@example.com")
    links = Links(load_publication(folder / "newsletter.toml"))
    with serve(folder) as served:
        old = ask(served, f"/c/{track_token(links, 1, 1)}.2")
        served.stop()

    assert "/c/" not in html
    assert "/o/" not in html
    assert 'href="https://example.com/two"' in html
    assert old.headers["location"] == "https://example.com/two"
    assert rows(folder) == []


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("attacked") / "news", "individual")


def test_forged_swapped_and_lengthened_tokens_are_refused(attacked: Path) -> None:
    links = Links(load_publication(attacked / "newsletter.toml"))
    good = track_token(links, 1, 1)
    other = links.token(Purpose.READER, 1, 1, "daily")
    forged = [
        "/c/https://evil.example/",
        "/c/https:%2f%2fevil.example",
        f"/c/{good}",
        f"/c/{good}.",
        f"/c/{good}.99",
        f"/c/{good}.-1",
        f"/c/{good}.٣",
        f"/c/{good}.1.1",
        f"/c/{good[:-1]}.1",
        f"/c/{good[:-1]}{'A' if good[-1] != 'A' else 'B'}.1",
        f"/c/{good}A.1",
        f"/c/{other}.1",
        f"/c/{track_token(links, 1, 999)}.1",
        f"/c/{good}.1?url=https://evil.example",
        f"/o/{other}",
        f"/o/{good[1:]}",
        "/c/.0",
        "/o/%00",
        f"/c/{'A' * 5000}.1",
    ]
    with serve(attacked) as served:
        answers = [ask(served, path) for path in forged]

    assert [one.headers.get("location", "") for one in answers if "evil" in one.headers.get("location", "")] == []
    assert [one.status_code for one in answers if one.status_code != 404] == [302]  # the one with a needless ?url=


def test_erasing_a_reader_erases_their_clicks_and_opens(attacked: Path) -> None:
    clicks, _pixel = paths(html_of(attacked, "bob@example.com"))
    others = rows(attacked)
    with serve(attacked) as served:
        ask(served, clicks[0])
        served.stop()
    assert [row[1] for row in rows(attacked)] == [*(row[1] for row in others), 2]

    run(attacked, "subscribers", "remove", "bob@example.com")
    with serve(attacked) as served:
        still = ask(served, clicks[0])
        served.stop()

    assert still.status_code == 302
    assert rows(attacked) == others
