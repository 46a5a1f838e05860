"""`newsletter report`: what a change does to issues, with pictures, before anybody merges it."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from newsletter.cli.main import cli
from newsletter.errors import ConfigError, NewsletterError
from newsletter.rendering import build as building
from newsletter.report import compare as comparing
from newsletter.report import screenshots
from tests.remote.repository import ISSUE, WRITING, png
from tests.support.programs import program


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    done = subprocess.run([program("git"), *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "Change")
    return git(folder, "rev-parse", "HEAD")


def write(site: Path, slug: str, words: str = "What is new.", more: str = "", day: str = "2025-01-17") -> Path:
    path = site / "issues" / f"{day}-{slug}.md"
    path.write_text(ISSUE.format(subject=slug, words=words, more=more), encoding="utf-8")
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A publication in a folder of a repository, with three issues, committed."""
    site = tmp_path / "repository" / "site"
    (site / "issues").mkdir(parents=True)
    (site / "images").mkdir()
    (site / "newsletter.toml").write_text(WRITING, encoding="utf-8")
    (site / "images" / "a.png").write_bytes(png(200))
    for number in range(1, 4):
        write(site, f"issue{number}", day=f"2025-01-1{number}")
    git(site.parent, "init", "--quiet", "--initial-branch", "main")
    commit(site.parent)
    return site


def run(site: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(site / "newsletter.toml"), "report", *options])


def report(site: Path, *options: str) -> dict[str, Any]:
    result = run(site, "--format", "json", *options)
    if isinstance(result.exception, NewsletterError):
        raise result.exception
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def test_only_what_a_change_touches_is_built(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def counting(publication: Any, path: Path, theme: Any = None) -> Any:
        built.append(path.name)
        return building.build_issue(publication, path, theme)

    monkeypatch.setattr(comparing, "build_issue", counting)
    git(site, "checkout", "--quiet", "-b", "change")
    write(site, "issue2", "Other words.", day="2025-01-12")
    write(site, "fresh", day="2025-01-20")
    commit(site)

    issues = report(site, "--since", "main")["issues"]

    assert [(issue["slug"], issue["kind"]) for issue in issues] == [("fresh", "new"), ("issue2", "changed")]
    assert sorted(built) == ["2025-01-12-issue2.md", "2025-01-12-issue2.md", "2025-01-20-fresh.md"]


def test_what_is_not_committed_yet_counts_too(site: Path) -> None:
    write(site, "fresh", day="2025-01-20")
    write(site, "issue1", "Edited.", day="2025-01-11")
    assert [issue["slug"] for issue in report(site, "--since", "HEAD")["issues"]] == ["fresh", "issue1"]


def test_changes_of_others_since_the_branch_began_are_not_ours(site: Path) -> None:
    git(site, "checkout", "--quiet", "-b", "change")
    write(site, "mine", day="2025-01-20")
    commit(site)
    git(site, "checkout", "--quiet", "main")
    write(site, "theirs", day="2025-01-21")
    commit(site)
    git(site, "checkout", "--quiet", "change")

    assert [issue["slug"] for issue in report(site, "--since", "main")["issues"]] == ["mine"]


def test_another_picture_shows_the_issues_that_name_it(site: Path) -> None:
    write(site, "without", day="2025-01-20").write_text("---\nsubject: No picture\n---\nWords.\n", encoding="utf-8")
    base = commit(site)
    (site / "images" / "a.png").write_bytes(png(10))
    issues = report(site, "--since", base)["issues"]
    assert {(issue["slug"], issue["kind"]) for issue in issues} == {(f"issue{n}", "picture") for n in (1, 2, 3)}


def test_a_template_shows_the_newest_issues_and_counts_the_others(site: Path) -> None:
    for number in range(10, 16):
        write(site, f"more{number}", day=f"2025-02-{number}")
    base = commit(site)
    (site / "templates" / "blocks").mkdir(parents=True)
    (site / "templates" / "blocks" / "divider.mjml").write_text("<mj-section></mj-section>", encoding="utf-8")

    shown = report(site, "--since", base)

    assert [issue["slug"] for issue in shown["issues"]] == [f"more{number}" for number in range(15, 10, -1)]
    assert shown["remarks"] == ["4 more issues look different by the same change of templates or settings."]


def test_settings_that_no_reader_sees_change_no_issue(site: Path) -> None:
    toml = site / "newsletter.toml"
    toml.write_text(WRITING + '[send]\nrate = "10/s"\n', encoding="utf-8")
    assert report(site, "--since", "HEAD")["issues"] == []
    toml.write_text(WRITING + '[theme]\naccent = "#AA0000"\n', encoding="utf-8")
    assert {issue["kind"] for issue in report(site, "--since", "HEAD")["issues"]} == {"settings"}


def test_findings_that_a_change_brings_and_mends_are_told_apart_though_lines_move(site: Path) -> None:
    write(site, "issue1", "A [link](http://example.com/plain) stays.", day="2025-01-11")
    base = commit(site)
    write(site, "issue1", "\n\nMoved down.\n\nA [link](http://example.com/plain) stays. <b>New</b>.", day="2025-01-11")

    result = run(site, "--since", base, "--format", "json")
    (issue,) = json.loads(result.stdout)["issues"]

    assert "NL302" in {finding["rule"] for finding in issue["findings"]["new"]}
    assert not [finding for finding in issue["findings"]["new"] if "example.com/plain" in finding["message"]]
    assert issue["findings"]["gone"] == []
    assert {finding["rule"] for finding in issue["findings"]["all"]} >= {"NL302"}
    assert result.exit_code == (1 if issue["after"]["errors"] else 0)


def test_an_issue_that_is_gone_is_told_and_hurts_nobody(site: Path) -> None:
    (site / "issues" / "2025-01-11-issue1.md").unlink()
    result = run(site, "--since", "HEAD")
    assert "`2025-01-11-issue1.md` removed" in result.stdout
    assert result.exit_code == 0


def test_an_issue_that_would_not_be_sent_makes_the_run_red(site: Path) -> None:
    write(site, "broken", "A line.\n\n:::nonsense\n:::", day="2025-01-20")
    result = run(site, "--since", "HEAD")
    assert result.exit_code == 1
    assert "it would not be sent" in result.stdout
    assert ":::nonsense" not in result.stdout


def test_links_and_the_subject_are_compared(site: Path) -> None:
    path = write(site, "issue1", "[New](https://example.com/new).", day="2025-01-11")
    path.write_text(
        path.read_text(encoding="utf-8").replace('"issue1"', '"A new *subject* for @everyone"'), encoding="utf-8"
    )
    text = run(site, "--since", "HEAD").stdout
    assert "- `https://example.com/new`" in text
    assert "The subject was: issue1" in text
    assert "\\*subject\\*" in text
    assert "@everyone" not in text  # nobody is mentioned


@pytest.mark.parametrize("ref", ["nothing", "0" * 40])
def test_a_commit_that_is_not_there_is_one_error_that_says_how_to_get_it(site: Path, ref: str) -> None:
    with pytest.raises(NewsletterError, match=f"the commit {ref} is not in this clone") as refused:
        report(site, "--since", ref)
    assert "fetch-depth: 0" in str(refused.value)


def test_a_publication_that_is_not_in_git_is_told_how_to_begin(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text(WRITING, encoding="utf-8")

    error = run(tmp_path, "--since", "main").exception

    assert isinstance(error, ConfigError)
    assert str(error).startswith(f"{tmp_path}: this is not a git repository\n")
    assert "git init" in error.hint


def test_sarif_says_where_and_whether_it_is_new(site: Path) -> None:
    write(site, "issue1", "Raw <b>HTML</b>.", day="2025-01-11")
    sarif = json.loads(run(site, "--since", "HEAD", "--format", "sarif").stdout)

    (run_,) = sarif["runs"]
    assert sarif["version"] == "2.1.0"
    (result,) = [each for each in run_["results"] if each["ruleId"] == "NL302" and "<b>" in each["message"]["text"]][:1]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("issues/2025-01-11-issue1.md")
    assert place["region"]["startLine"] == 5
    assert result["baselineState"] == "new"
    assert {rule["id"] for rule in run_["tool"]["driver"]["rules"]} >= {"NL302"}


def test_without_a_chromium_there_is_a_sentence_instead_of_pictures(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screenshots, "PROGRAMS", ())
    write(site, "fresh", day="2025-01-20")
    assert run(site, "--since", "HEAD", "--out", str(tmp_path / "out")).exit_code == 0
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "There are no pictures: no Chromium or Chrome is on this machine." in text


@pytest.mark.process
@pytest.mark.slow
def test_pictures_show_both_versions_side_by_side_in_every_view(site: Path, tmp_path: Path) -> None:
    program("chromium")
    write(site, "issue1", "Other words.", day="2025-01-11")
    out = tmp_path / "out"

    assert run(site, "--since", "HEAD", "--out", str(out), "--pictures-url", "https://img.example.com/7").exit_code == 0

    text = (out / "report.md").read_text(encoding="utf-8")
    sizes = {}
    for view in ("phone", "desktop", "dark", "no-images", "outlook", "text"):
        assert f"(https://img.example.com/7/issue1-{view}.png)" in text
        sizes[view] = struct.unpack(">II", (out / f"issue1-{view}.png").read_bytes()[16:24])
    assert sizes["phone"][0] == 2 * 375 + 24
    assert sizes["desktop"][0] == 2 * 700 + 24
    assert all(300 < height < 6000 for _width, height in sizes.values())
