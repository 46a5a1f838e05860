"""The static archive: it is whole, its links are relative, its bytes repeat, and foreign files stay."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import feedparser
import pytest
from click.testing import CliRunner, Result

from newsletter.cli.main import cli
from newsletter.errors import IssueError, NewsletterError
from tests import ROOT

UNTIL = ("--until", "2025-01-17")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the sample publication with an issue for a later day."""
    made = tmp_path / "news"
    made.mkdir()
    for name in ("issues", "images"):
        shutil.copytree(ROOT / name, made / name)
    shutil.copy(ROOT / "newsletter.toml", made)
    write(made, "2025-01-18-tomorrow")
    return made


def write(folder: Path, name: str, front: str = "", body: str = "Hello.") -> None:
    (folder / "issues" / f"{name}.md").write_text(f"---\nsubject: {name}\n{front}---\n{body}\n", encoding="utf-8")


def build(folder: Path, *arguments: str) -> Result:
    options = ["--config", str(folder / "newsletter.toml"), "build", "--site", str(folder / "public"), *arguments]
    return CliRunner().invoke(cli, options, catch_exceptions=True)


def site(folder: Path, *arguments: str) -> dict[str, bytes]:
    """Write a site and return its files."""
    done = build(folder, *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    public = folder / "public"
    return {str(file.relative_to(public)): file.read_bytes() for file in public.rglob("*") if file.is_file()}


def issues_of(files: dict[str, bytes]) -> set[str]:
    return {name.split("/")[1] for name in files if re.fullmatch(r"issues/[^/]+/index\.html", name)}


def test_a_site_has_its_pages_feed_map_and_the_pictures_that_are_shown(folder: Path) -> None:
    (folder / "images" / "unused.png").write_bytes((folder / "images" / "chips.png").read_bytes())

    files = site(folder, *UNTIL)

    assert issues_of(files) == {"chip-rules", "sanctions-so-far", "zero-sum"}
    assert {"index.html", "issues/index.html", "feed.xml", "sitemap.xml", "robots.txt", "style.css"} <= files.keys()
    assert files["images/chips.png"] == (ROOT / "images" / "chips.png").read_bytes()
    assert "images/unused.png" not in files
    assert not feedparser.parse(files["feed.xml"]).bozo


def test_every_link_of_ours_leads_to_a_file_or_to_the_server_that_takes_forms(folder: Path) -> None:
    files = site(folder, *UNTIL)

    for name, path in _links(files):
        known = path.strip("/") in files or f"{path}index.html".strip("/") in files
        assert known, f"{name}: {path}"
    assert b'action="https://news.example.com/subscribe' in files["issues/chip-rules/index.html"]
    assert b'action="https://news.example.com/subscribe' in files["index.html"]


def _links(files: dict[str, bytes]) -> Iterator[tuple[str, str]]:
    """Yield each file with the paths that its relative links and pictures lead to."""
    for name, content in files.items():
        if name.endswith(".html"):
            base = f"https://site.example/{name}"
            for link in re.findall(r'(?:href|src)="([^"#]+)"', content.decode()):
                if not re.match(r"[a-z]+:", link):
                    yield name, urlsplit(urljoin(base, link)).path


def test_the_same_day_gives_the_same_bytes_and_a_second_build_writes_nothing(folder: Path) -> None:
    first = site(folder, *UNTIL)
    again = build(folder, *UNTIL)
    shutil.rmtree(folder / "public")

    assert "0 written" in again.stderr
    assert site(folder, *UNTIL) == first


def test_files_of_others_stay(folder: Path) -> None:
    (folder / "public").mkdir()
    (folder / "public" / "CNAME").write_text("news.example.com")

    assert site(folder, *UNTIL)["CNAME"] == b"news.example.com"


def test_what_is_not_to_be_seen_yet_or_ever_is_left_out(folder: Path) -> None:
    write(folder, "2025-01-10-private", "archive: false\n")
    write(folder, "2025-01-10-welcome", "kind: welcome\n")
    write(folder, "2025-01-10-later", "send_at: 2025-01-20 07:00\n")

    files = site(folder, *UNTIL)

    assert issues_of(files) == {"chip-rules", "sanctions-so-far", "zero-sum"}
    assert b"private" not in files["sitemap.xml"]


def test_named_issues_are_shown_whatever_their_day(folder: Path) -> None:
    assert issues_of(site(folder, "tomorrow", "zero-sum")) == {"tomorrow", "zero-sum"}


def test_a_mistake_in_one_issue_writes_nothing_at_all(folder: Path) -> None:
    write(folder, "2025-01-12-broken", body=":::qoute\nx\n:::")

    done = build(folder, *UNTIL)

    assert isinstance(done.exception, IssueError)
    assert not (folder / "public").exists()


def test_a_name_that_would_be_another_file_is_refused(folder: Path) -> None:
    write(folder, "2025-01-12-index.html")

    done = build(folder, *UNTIL)

    assert isinstance(done.exception, NewsletterError)
    assert 'no page can be named "index.html"' in str(done.exception)


@pytest.mark.parametrize("name", [".", "issues", "images", "newsletter.toml"])
def test_a_site_does_not_mix_with_what_the_author_writes(folder: Path, name: str) -> None:
    before = sorted(folder.rglob("*"))

    refused = build(folder, "--site", str(folder / name))

    assert isinstance(refused.exception, NewsletterError)
    assert "--site public" in refused.exception.hint
    assert sorted(folder.rglob("*")) == before


def test_what_was_written_is_told_to_programs(folder: Path) -> None:
    told = json.loads(build(folder, *UNTIL, "--json").stdout)

    assert told["issues"] == ["chip-rules", "sanctions-so-far", "zero-sum"]
    assert "issues/chip-rules/index.html" in told["files"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build"], "--site DIR"),
        (["build", "zero-sum", "--until", "2025-01-17"], "--until works only with --site"),
        (["build", "--site", "x", "--until", "tomorrow"], '"tomorrow" is not a date'),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(folder: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), *arguments])

    assert done.exit_code == 2
    assert message in done.stderr


def test_a_long_archive_is_cut_into_pages_that_lead_to_each_other(folder: Path) -> None:
    for number in range(1, 29):
        write(folder, f"2024-12-{number:02d}-n{number}")

    files = site(folder, *UNTIL)

    assert b'href="../issues/page/2/"' in files["issues/index.html"]
    assert b'rel="prev" href="../../../issues/"' in files["issues/page/2/index.html"]
    assert b'href="../../../issues/n1/"' in files["issues/page/2/index.html"]
