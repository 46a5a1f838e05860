"""`newsletter stats`, run as users run it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.counters import table
from newsletter.database.connection import open_database
from tests.conftest import Run
from tests.support.sending import NOW, add_readers
from tests.support.sent_campaigns import send_campaign

DAY = timedelta(days=1)


@pytest.fixture
def folder(publication_folder: Path) -> Path:
    """Make a publication with one campaign that counted nothing."""
    database = open_database(load_publication(publication_folder / "newsletter.toml"))
    send_campaign(database, "hello", add_readers(database, 3), NOW, tracking="none")
    database.close()
    return publication_folder


def test_a_new_publication_has_figures_and_says_what_to_do(newsletter: Run, publication_folder: Path) -> None:
    shown = newsletter("stats", cwd=publication_folder)
    printed = json.loads(newsletter("stats", "--json", cwd=publication_folder).stdout)

    assert shown.returncode == 0
    assert "No campaign has started yet. Send an issue with: newsletter send ISSUE" in shown.stdout
    assert printed["readers"]["active"] == 0
    assert len(printed["growth"]) == 30
    assert printed["campaigns"] == printed["domains"] == []


def test_a_campaign_that_counted_nothing_says_so_instead_of_zeros(newsletter: Run, folder: Path) -> None:
    shown = newsletter("stats", "hello", cwd=folder).stdout

    assert "Opens and clicks were not counted" in shown
    assert "accepted" in shown
    assert "Links" not in shown


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("nobody-knows",), 1, 'no campaign named "nobody-knows"'),
        (("--json", "--csv"), 2, "--json and --csv cannot be used together"),
        (("hello", "--days", "7"), 2, "--days is for the publication's figures"),
        (("--days", "0"), 2, "--days"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(
    newsletter: Run, folder: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    refused = newsletter("stats", *words, cwd=folder)

    assert (refused.returncode, refused.stdout) == (code, "")
    assert sentence in refused.stderr


def test_two_hundred_campaigns_fit_and_the_rest_is_in_the_json(newsletter: Run, publication_folder: Path) -> None:
    database = open_database(load_publication(publication_folder / "newsletter.toml"))
    add_readers(database, 1)
    for number in range(205):
        send_campaign(database, f"a-rather-long-name-of-an-issue-{number}", [1], NOW + number * DAY)
    database.close()

    shown = newsletter("stats", cwd=publication_folder).stdout
    printed = json.loads(newsletter("stats", "--json", cwd=publication_folder).stdout)

    assert max(map(len, shown.splitlines())) <= 80
    assert "and 180 more; --json has all" in shown
    assert [row["campaign"] for row in printed["campaigns"]] == [*range(205, 5, -1)]


def test_a_recount_says_how_many_figures_were_wrong(newsletter: Run, folder: Path) -> None:
    newsletter("stats", "--recount", cwd=folder)  # the readers of this test were inserted by hand
    database = open_database(load_publication(folder / "newsletter.toml"))
    with database.begin() as connection:
        table.add(connection, {(table.ACCEPTED, 1, ""): 5})
    database.close()

    mended = newsletter("stats", "--recount", "--json", cwd=folder)

    assert mended.stderr == "Counted anew; 1 figure changed.\n"
    assert json.loads(mended.stdout)["campaigns"][0]["accepted"] == 3


def test_a_terminal_gets_colours(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "newsletter", "stats"]
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, cwd=folder, stdout=theirs, env=environment) as child:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65_536):
                shown += part
        except OSError:  # Linux says so at the end
            pass
        os.close(ours)

    assert child.returncode == 0
    assert b"\x1b[" in shown
