"""`newsletter stats`, run as users run it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import events
from newsletter.campaigns.events import Event, EventKind
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


def test_the_terminal_says_how_many_older_campaigns_it_leaves_out_and_programs_get_all(
    newsletter: Run, publication_folder: Path
) -> None:
    database = open_database(load_publication(publication_folder / "newsletter.toml"))
    add_readers(database, 1)
    for number in range(205):
        send_campaign(database, f"a-rather-long-name-of-an-issue-{number}", [1], NOW + number * DAY)
    database.close()

    shown = newsletter("stats", cwd=publication_folder).stdout
    printed = json.loads(newsletter("stats", "--json", cwd=publication_folder).stdout)
    records = csv.DictReader(io.StringIO(newsletter("stats", "--csv", cwd=publication_folder).stdout))

    assert max(map(len, shown.splitlines())) <= 80
    assert "\n185 older campaigns are not shown; --json and --csv have all.\n" in shown
    assert [row["campaign"] for row in printed["campaigns"]] == [*range(205, 0, -1)]
    accepted = [row["key"] for row in records if (row["table"], row["figure"]) == ("campaigns", "accepted")]
    assert (len(accepted), accepted[-1]) == (205, "1 a-rather-long-name-of-an-issue-0")


def test_twenty_campaigns_are_all_there_is_and_nothing_is_said_of_others(
    newsletter: Run, publication_folder: Path
) -> None:
    database = open_database(load_publication(publication_folder / "newsletter.toml"))
    add_readers(database, 1)
    for number in range(20):
        send_campaign(database, f"issue-{number}", [1], NOW + number * DAY)
    database.close()

    assert "older campaign" not in newsletter("stats", cwd=publication_folder).stdout


def test_the_terminal_says_how_many_weeks_of_growth_it_leaves_out(newsletter: Run, folder: Path) -> None:
    newsletter("subscribers", "add", "ada@example.com", cwd=folder)
    shown = newsletter("stats", "--days", "365", cwd=folder).stdout

    assert re.search(r"\n2[67] earlier weeks are not shown; --json and --csv have every day\.\n", shown)


def test_nobody_reads_zero_deliveries_where_the_provider_reports_none(newsletter: Run, folder: Path) -> None:
    shown = newsletter("stats", cwd=folder).stdout
    of_one = newsletter("stats", "hello", cwd=folder).stdout
    printed = json.loads(newsletter("stats", "hello", "--json", cwd=folder).stdout)

    assert re.search(r"^ *1 hello +\d\d-\d\d +3 +- +- +0 +0 +0 *$", shown, re.MULTILINE)
    assert "Delivered is not reported" in shown
    assert "Clicked is not counted" in shown  # the campaign of this folder had no tracking
    assert re.search(r"^delivered +not reported *$", of_one, re.MULTILINE)
    assert "Delivered is not reported" in of_one
    assert (printed["delivered"], printed["deliveries_reported"]) == (0, False)
    for words in (shown, of_one):
        assert not re.search(r"^(example\.com|other).* 3 +0 ", words, re.MULTILINE)


def test_a_delivery_that_came_back_all_the_same_is_counted(newsletter: Run, folder: Path) -> None:
    database = open_database(load_publication(folder / "newsletter.toml"))
    told = Event(kind=EventKind.DELIVERED, campaign_id=1, subscriber_id=1, at=NOW + DAY, key="told")
    with database.begin() as connection:
        events.record(connection, [told])
    database.close()

    of_one = newsletter("stats", "hello", cwd=folder).stdout

    assert re.search(r"^delivered +1 +33\.3 %", of_one, re.MULTILINE)
    assert "not reported" not in of_one


@pytest.mark.parametrize(("token", "said"), [('webhook_token = "env:HOOK"\n', "0 +0.0 %"), ("", "not reported")])
def test_a_provider_reports_deliveries_once_its_webhook_is_set_up(
    newsletter: Run, publication_folder: Path, token: str, said: str
) -> None:
    toml = publication_folder / "newsletter.toml"
    toml.write_text(f'{toml.read_text()}\n[providers.postmark]\ntoken = "env:POSTMARK"\n{token}')
    database = open_database(load_publication(toml))
    send_campaign(database, "hello", add_readers(database, 3), NOW, provider="postmark")
    database.close()

    assert re.search(
        rf"^delivered +{said} *$", newsletter("stats", "hello", cwd=publication_folder).stdout, re.MULTILINE
    )


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
