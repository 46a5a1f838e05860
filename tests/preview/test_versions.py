from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from newsletter.campaigns.campaign import approve_issue
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import open_database
from newsletter.errors import NewsletterError
from newsletter.preview.versions import filled, find_version, known_versions
from newsletter.rendering.build import build_issue, sample_recipient
from newsletter.rendering.theme import Theme
from tests.support.programs import program
from tests.support.sending import NOW
from tests.support.writing import write

TEXT = '---\nsubject: {}\n---\n\nHello {{{{ first_name | default("there") }}}}.\n'


@pytest.fixture
def publication(publication_folder: Path) -> PublicationSettings:
    write(publication_folder, TEXT.format("Written"))
    return load_publication(publication_folder / "newsletter.toml")


@pytest.fixture
def path(publication: PublicationSettings) -> Path:
    return publication.issues / "2025-01-17-hello.md"


def git(folder: Path, *arguments: str) -> None:
    named = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run([program("git"), *named, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def commit(folder: Path, *names: str) -> None:
    git(folder, "init", "--quiet")
    git(folder, "add", *names)
    git(folder, "commit", "--quiet", "--message", "An issue")


def subject(publication: PublicationSettings, path: Path, key: str) -> str:
    version = find_version(Theme(publication=publication), None, path, key)
    return filled(version.message, sample_recipient(publication, "hello")).subject


def test_the_version_in_git_is_that_of_head_however_the_file_was_edited(
    publication: PublicationSettings, path: Path
) -> None:
    commit(publication.root, "issues")
    path.write_text(TEXT.format("Edited"))

    assert subject(publication, path, "head") == "Written"
    assert subject(publication, path, "file") == "Edited"
    label = find_version(Theme(publication=publication), None, path, "head").label
    assert label.startswith("Commit ")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        ([], "not in a git repository"),
        (["init"], "nothing was ever committed"),
        (["init", "add newsletter.toml", "commit --message=x"], "the issue was never committed"),
    ],
)
def test_where_there_is_no_version_in_git_it_says_why(
    publication: PublicationSettings, path: Path, prepare: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(publication.root.parent))
    program("git")  # the product asks it
    for arguments in prepare:
        git(publication.root, *arguments.split())

    with pytest.raises(NewsletterError, match=words):
        subject(publication, path, "head")


def test_a_version_that_cannot_be_built_says_where(publication: PublicationSettings, path: Path) -> None:
    path.write_text("---\nsubject: x\n---\n:::qoute\n:::\n")
    commit(publication.root, "issues")

    with pytest.raises(NewsletterError, match="cannot be built") as refused:
        subject(publication, path, "head")

    assert 'no block is named "qoute"' in refused.value.hint


def test_what_a_campaign_approved_is_shown_word_for_word(publication: PublicationSettings, path: Path) -> None:
    built = build_issue(publication, path)
    database = open_database(publication)
    with database.begin() as connection:
        approve_issue(
            connection, message=built.message, page=built.page, list="daily", segment="", provider="outbox", now=NOW
        )
    path.write_text(TEXT.format("Edited"))

    with database.read() as connection:
        approved = find_version(Theme(publication=publication), connection, path, "campaign:1")
        offered = list(known_versions(publication, connection, path))
    database.close()

    assert approved.message.digest == built.message.digest
    assert offered[:2] == [
        ("head", "The last commit (git HEAD)"),
        ("campaign:1", "As campaign 1 approved it (draft, daily)"),
    ]


def test_another_issue_can_be_compared_and_what_there_is_not_is_refused(
    publication: PublicationSettings, path: Path
) -> None:
    write(publication.root, TEXT.format("Other"), "2025-01-18-other.md")

    assert subject(publication, path, "issue:other") == "Other"
    for key in ("campaign:7", "issue:nothing", "tag:v1", ""):
        with pytest.raises(NewsletterError):
            subject(publication, path, key)


def test_a_version_is_filled_for_one_reader(publication: PublicationSettings, path: Path) -> None:
    version = find_version(Theme(publication=publication), None, path, "file")

    shown = filled(version.message, sample_recipient(publication, "hello"))

    assert "Hello there." in shown.text
    assert "Hello there." in shown.html
