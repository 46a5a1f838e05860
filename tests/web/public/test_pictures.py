"""Pictures as a server gives them out: those of `images/` and of sent issues, and nothing else of the publication."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests import ROOT
from tests.web.public.serving import Mail, Served, join, make_publication, path_in, serve

OPEN = '[signup]\nmin_time = "0s"\nper_network = "off"\nper_address = "off"\n[theme]\nlogo = "brand/logo.png"'
PICTURE = (ROOT / "images" / "chips.png").read_bytes()
ISSUE = '---\nsubject: A day\n{}---\n\nGood morning.\n\n:::image src={} alt="A chip" /\n'
PRIVATE = "<svg a private note"


def command(folder: Path, *arguments: str) -> None:
    """Run a command in a process of its own, as an operator does beside the server."""
    done = subprocess.run([sys.executable, "-m", "newsletter", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = make_publication(tmp_path_factory.mktemp("pictures") / "news", OPEN)
    for name in ("images", "photos", "brand", "issues", "outbox/x", "build", "exports"):
        (folder / name).mkdir(parents=True)
    for name in ("images/a.png", "photos/sent.png", "photos/draft.png", "photos/off web.png", "brand/logo.png"):
        (folder / name).write_bytes(PICTURE)
    for name in ("issues/a.png", "outbox/x/a.png", "build/a.png", "exports/a.png", "images/wrong.gif", "images/a.txt"):
        (folder / name).write_bytes(PICTURE)
    for name in ("note.svg", "images/note.svg", "images/note.txt", "issues/2025-02-01-note.md", "readers.csv"):
        (folder / name).write_text(PRIVATE, encoding="utf-8")
    (folder / "images" / "page.svg").write_text(f"<html><body>{PRIVATE}</body></html>", encoding="utf-8")
    (folder / "images" / "text.svg").write_text(f"a text, then {PRIVATE} />", encoding="utf-8")
    (folder / "images" / "good.svg").write_text(
        '\ufeff<?xml version="1.0"?>\n<!-- <html> -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8"
    )
    for link, target in (
        ("db.png", "newsletter.db"),
        ("wal.svg", "newsletter.db-wal"),
        ("draft.png", "photos/draft.png"),
    ):
        (folder / "images" / link).symlink_to(folder / target)
    (folder / "images" / "all").symlink_to(folder)
    for slug, front, picture in (
        ("sent", "", "photos/sent.png"),
        ("off-web", "archive: false\n", '"photos/off web.png"'),
        ("draft", "", "photos/draft.png"),
    ):
        (folder / "issues" / f"2025-01-15-{slug}.md").write_text(ISSUE.format(front, picture), encoding="utf-8")
    command(folder, "subscribers", "add", "ada@example.com")
    command(folder, "send", "sent", "--yes")
    command(folder, "send", "off-web", "--yes")
    with serve(folder) as running:
        join(running, "eve@example.com", name="<svg")
        yield running


def picture(served: Served, path: str) -> requests.Response:
    request = requests.Request("GET", served.url).prepare()
    request.url = f"{served.url}/images/{path}"  # as it stands: nobody tidies the path up
    return requests.Session().send(request, timeout=60, allow_redirects=False)


@pytest.mark.parametrize("path", ["a.png", "images/a.png", "photos/sent.png", "photos/off%20web.png", "brand/logo.png"])
def test_a_reader_sees_the_pictures_of_images_of_sent_issues_and_the_logo(served: Served, path: str) -> None:
    answer = picture(served, path)

    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", PICTURE)


def test_a_drawing_with_declaration_and_comment_is_shown_and_runs_nothing(served: Served) -> None:
    answer = picture(served, "good.svg")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        *(f"newsletter.db{more}" for more in ("", "-wal", "-shm", "-journal", ".lock")),
        *("db.png", "wal.svg", "all/newsletter.db", "all/newsletter.db-wal", "all/photos/draft.png"),
        *("photos/draft.png", "draft.png", "note.svg.", "all/note.svg"),
        *("issues/a.png", "outbox/x/a.png", "build/a.png", "exports/a.png", "all/build/a.png"),
        *("issues/2025-02-01-note.md", "readers.csv", "newsletter.toml"),
        *("wrong.gif", "a.txt", "note.txt", "page.svg", "text.svg"),
    ],
)
def test_a_stranger_gets_nothing_else_of_the_publication(served: Served, path: str) -> None:
    answer = picture(served, path)

    assert answer.status_code == 404
    assert b"private note" not in answer.content
    assert b"eve@example.com" not in answer.content


def test_a_picture_outside_images_is_there_once_its_issue_was_sent(served: Served) -> None:
    shutil.copy(served.folder / "images" / "a.png", served.folder / "photos" / "later.png")
    (served.folder / "issues" / "2025-01-16-later.md").write_text(
        ISSUE.format("", "photos/later.png"), encoding="utf-8"
    )
    before = picture(served, "photos/later.png")
    command(served.folder, "send", "later", "--yes")
    time.sleep(1.1)

    assert (before.status_code, picture(served, "photos/later.png").status_code) == (404, 200)


def test_a_picture_of_a_welcome_is_there_once_a_reader_was_welcomed(served: Served) -> None:
    shutil.copy(served.folder / "images" / "a.png", served.folder / "photos" / "hello.png")
    text = ISSUE.format("kind: welcome\n", "photos/hello.png")
    (served.folder / "issues" / "hello.md").write_text(text, encoding="utf-8")
    before = picture(served, "photos/hello.png")
    with closing(sqlite3.connect(served.folder / "newsletter.db")) as database, database:
        names = "subscriber_id, kind, message, list, language, state, due_at, queued_at, first_handed_at"
        values = "1, 'welcome', 'hello', 'daily', '', 'accepted', '2025', '2025', '2025'"
        database.execute(f"INSERT INTO transactional_message ({names}) VALUES ({values})")
    time.sleep(1.1)

    assert (before.status_code, picture(served, "photos/hello.png").status_code) == (404, 200)


def test_sign_ups_after_somebody_asked_for_the_database_as_a_picture_are_kept(served: Served) -> None:
    for path in ("newsletter.db", "newsletter.db-wal", "db.png", "wal.svg", "all/newsletter.db"):
        picture(served, path)
    command(served.folder, "subscribers", "list")  # the last to close a database removes its log
    answer = join(served, "kept@example.com")

    assert answer.status_code == 200
    assert path_in(Mail(served.folder).to("kept@example.com")[0], "confirm")
    with closing(sqlite3.connect(served.folder / "newsletter.db")) as database:
        query = "SELECT count(*) FROM subscriber WHERE email = 'kept@example.com'"
        assert database.execute(query).fetchall() == [(1,)]
