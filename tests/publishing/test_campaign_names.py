"""Campaigns are named as issues are: by number, slug, file, or a unique part."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from newsletter.campaigns.campaign import approve_issue
from newsletter.config import PublicationSettings
from newsletter.database.connection import open_database
from newsletter.errors import NewsletterError
from newsletter.publishing.campaign_names import named_campaign
from tests.conftest import Run
from tests.support.sending import MESSAGE, NOW, PAGE, settings

SLUGS = ("chip-rules", "chip-prices", "camera", "gone")


def issue(folder: Path, slug: str) -> None:
    (folder / "issues").mkdir(exist_ok=True)
    text = f"---\nsubject: Everything about {slug}\ndate: 2025-01-17\n---\n\n## Today\n\nHello.\n"
    (folder / "issues" / f"2025-01-17-{slug}.md").write_text(text, encoding="utf-8")


@contextmanager
def campaigns(folder: Path) -> Iterator[tuple[Connection, PublicationSettings]]:
    """Campaigns 1 to 4, one for each slug; the file of the last is gone."""
    publication = settings(folder)
    for slug in (*SLUGS[:-1], "unsent-story"):
        issue(folder, slug)
    database = open_database(publication)
    try:
        with database.begin() as connection:
            for slug in SLUGS:
                message = replace(MESSAGE, slug=slug)
                approve_issue(
                    connection, message=message, page=PAGE, list="daily", segment="", provider="outbox", now=NOW
                )
            yield connection, publication
    finally:
        database.close()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("2", "chip-prices"),
        ("chip-rules", "chip-rules"),
        ("rules", "chip-rules"),
        ("RULES", "chip-rules"),
        ("2025-01-17-cam", "camera"),
        ("2025-01-17-camera", "camera"),
        ("issues/2025-01-17-camera.md", "camera"),
        ("gone", "gone"),
        ("gon", "gone"),
        ("2025-01-17-gone.md", "gone"),
        (None, "gone"),
    ],
)
def test_a_campaign_is_named_by_number_slug_file_or_part(tmp_path: Path, name: str | None, slug: str) -> None:
    with campaigns(tmp_path) as (connection, publication):
        assert named_campaign(connection, publication, name).issue == slug


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chip", '"chip" names 2 campaigns: chip-prices, chip-rules'),
        ("2025-01-17", '"2025-01-17" names 3 campaigns: camera, chip-prices, chip-rules'),
        ("unsent", 'no campaign named "unsent"'),
        ("camrea", 'no campaign named "camrea"'),
        ("17", 'no campaign named "17"'),
        ("", 'no campaign named ""'),
    ],
)
def test_a_name_that_fits_none_or_several_is_refused_with_the_candidates(
    tmp_path: Path, name: str, message: str
) -> None:
    with campaigns(tmp_path) as (connection, publication):
        with pytest.raises(NewsletterError) as caught:
            named_campaign(connection, publication, name)
        assert caught.value.message == message
        assert caught.value.hint


def test_without_a_campaign_status_says_how_to_make_one(newsletter: Run, publication_folder: Path) -> None:
    done = newsletter("status", cwd=publication_folder)

    assert done.returncode == 1
    assert "there are no campaigns yet\n  Make one with: newsletter send ISSUE" in done.stderr


@pytest.fixture
def two_issues(newsletter: Run, tmp_path: Path) -> Path:
    """A publication with two issues and a reader, in the current folder."""
    settings(tmp_path)
    issue(tmp_path, "chip-rules")
    issue(tmp_path, "camera")
    newsletter("subscribers", "add", "ada@example.com", cwd=tmp_path)
    return tmp_path


def test_what_build_understands_every_command_about_a_campaign_does(newsletter: Run, two_issues: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return newsletter(*words, cwd=two_issues)

    run("schedule", "rules", "--at", "tomorrow 7am", "--yes")

    for words in (["pause"], ["resume"], ["status"], ["reconcile"], ["cancel", "--json"], ["resolve", "--assume-sent"]):
        done = run(words[0], "rules", *words[1:])
        assert done.returncode == 0, done.stderr
    assert "campaign 1 is cancelled: nothing of it can be sent again" in run("retry", "rules").stderr
    assert "ada@example.com did not get chip-rules" in run("why", "ada@example.com", "rules").stderr


def test_a_schedule_is_said_back_with_its_zone_and_the_time_left(newsletter: Run, two_issues: Path) -> None:
    done = newsletter("schedule", "camera", "--at", "in 2 hours", "--yes", cwd=two_issues)

    assert " UTC. That is in 1 h 59 min." in done.stderr or " UTC. That is in 2 h 0 min." in done.stderr
    assert "Start one, and leave it running: newsletter run" in done.stderr
    assert json.loads(newsletter("status", "--json", cwd=two_issues).stdout)["issue"] == "camera"


@pytest.mark.parametrize("name", ["camera", "chip-rules"])
def test_a_dry_run_of_any_issue_names_a_provider_that_does_not_exist(
    newsletter: Run, two_issues: Path, name: str
) -> None:
    newsletter("send", "camera", "--yes", cwd=two_issues)
    with (two_issues / "newsletter.toml").open("a", encoding="utf-8") as config:
        config.write('[send]\nprovider = "postmrk"\n')

    done = newsletter("send", name, "--dry-run", cwd=two_issues)

    assert done.returncode == 2
    assert 'no provider is named "postmrk"\n  Did you mean "postmark"?' in done.stderr


def test_the_approved_campaign_of_a_broken_file_is_sent_by_a_part_of_its_name(
    newsletter: Run, two_issues: Path
) -> None:
    newsletter("schedule", "camera", "--at", "tomorrow 7am", "--yes", cwd=two_issues)
    path = two_issues / "issues" / "2025-01-17-camera.md"
    path.write_text(path.read_text(encoding="utf-8") + "\n:::qoute\nWords.\n:::\n", encoding="utf-8")

    done = newsletter("send", "came", "--yes", cwd=two_issues)

    assert done.returncode == 0, done.stderr
    assert "what was approved as campaign 1 is sent" in done.stderr
