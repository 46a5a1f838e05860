"""`newsletter digest`: the issues of the last days become one issue that leads to each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.campaigns.campaign import change_state
from newsletter.cli.main import cli
from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.errors import ConfigError, NewsletterError
from newsletter.issues.parse import parse_issue
from newsletter.issues.templates import block_kinds, template_names
from tests.support.sending import NOW, start_campaign

TOML = """
[publication]
name = "News"
url = "https://news.example.com"
from = "News <news@example.com>"
[lists.daily]
title = "Daily"
default = true
[lists.weekly]
title = "Weekly"
digest_of = "daily"
"""
ISSUE = """---
subject: "{subject}"
---
Hello {{{{ first_name | default("there") }}}}. This is a greeting.

:::article title="{subject}, told" url=https://example.com/{slug}
{lead}
:::

:::news
- [A shared story](https://example.com/shared) It is in both.
- [Only in {slug}](https://example.com/only-{slug})
- **A bare title** without a link.
:::
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "issues").mkdir()
    (tmp_path / "newsletter.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


def write(folder: Path, day: str, slug: str, lead: str = "The lead.", subject: str = "", more: str = "") -> None:
    text = ISSUE.format(subject=subject or f"All about {slug}", slug=slug, lead=lead)
    (folder / "issues" / f"{day}-{slug}.md").write_text(text.replace("\n---\n", f"\n{more}---\n", 1), encoding="utf-8")


def digest(folder: Path, *options: str, day: str = "2025-01-17") -> Result:
    config = str(folder / "newsletter.toml")
    return CliRunner().invoke(cli, ["--config", config, "digest", "--date", day, *options], catch_exceptions=False)


def made(folder: Path, day: str = "2025-01-17") -> str:
    return (folder / "issues" / f"{day}-weekly-digest.md").read_text(encoding="utf-8")


def test_the_issues_of_a_week_become_one_issue_of_the_list_that_is_their_digest(folder: Path) -> None:
    write(folder, "2025-01-10", "too-old")
    write(folder, "2025-01-13", "monday", lead="A **bold** lead with [a link](https://example.com/a_b).")
    write(folder, "2025-01-16", "thursday")
    write(folder, "2025-01-18", "tomorrow")

    result = digest(folder)

    assert result.exit_code == 0
    assert result.stdout.strip().endswith("issues/2025-01-17-weekly-digest.md")
    assert made(folder) == (
        '---\nsubject: "January 13 to 16: All about thursday"\npreheader: "Also: All about monday"\nlist: "weekly"\n'
        '---\nGood morning {{ first_name | default("there") }}. '
        "Here are our issues of January 13 to 16, the latest first.\n\n"
        ':::article label="Thursday, January 16" title="All about thursday" '
        "url=https://news.example.com/issues/thursday\n"
        "The lead.\n\n- [A shared story](<https://example.com/shared>)\n"
        "- [Only in thursday](<https://example.com/only-thursday>)\n:::\n\n"
        ':::article label="Monday, January 13" title="All about monday" url=https://news.example.com/issues/monday\n'
        "A **bold** lead with [a link](<https://example.com/a_b>).\n\n"
        "- [Only in monday](<https://example.com/only-monday>)\n:::\n"
    )


def test_a_digest_is_an_issue_like_any_other(folder: Path) -> None:
    write(folder, "2025-01-16", "thursday")
    digest(folder)

    config = ["--config", str(folder / "newsletter.toml")]
    built = CliRunner().invoke(cli, [*config, "build", "weekly-digest", "--out", str(folder / "out")])
    assert built.exit_code == 0, built.output


def test_only_issues_that_were_sent_are_taken_where_there_is_a_database(folder: Path) -> None:
    write(folder, "2025-01-15", "hello", subject="Sent")
    write(folder, "2025-01-16", "waits", subject="Not sent")
    database = open_database(load_publication(folder / "newsletter.toml"))
    with database.begin() as connection:
        campaign = start_campaign(connection, provider="outbox")
        change_state(connection, campaign.id, "cancel", now=NOW)
    database.close()

    result = digest(folder, "--json")

    assert [each["title"] for each in json.loads(result.stdout)["issues"]] == ["Sent"]
    assert "1 not sent are left out" in result.stderr
    (folder / "issues" / "2025-01-17-weekly-digest.md").unlink()
    result = digest(folder, "--json", "--unsent")
    assert [each["title"] for each in json.loads(result.stdout)["issues"]] == ["Not sent", "Sent"]


def test_an_issue_that_was_withdrawn_is_not_mailed_again(folder: Path) -> None:
    write(folder, "2025-01-16", "gone")
    write(folder, "2025-01-15", "amended")
    change = {"at": "2025-01-16T12:00:00Z", "note": "", "date": "2025-01-16", "language": "en"}
    rows = {"gone": [{**change, "kind": "withdrawn"}], "amended": [{**change, "kind": "amended"}]}
    (folder / "archive.json").write_text(json.dumps(rows), encoding="utf-8")

    result = digest(folder, "--unsent", "--json")

    assert [each["slug"] for each in json.loads(result.stdout)["issues"]] == ["amended"]
    assert "1 issue; 1 withdrawn left out" in result.stderr


def test_an_issue_off_the_web_is_named_with_its_articles_own_address(folder: Path) -> None:
    write(folder, "2025-01-16", "private", more="archive: false\n")
    digest(folder)

    assert "url=https://example.com/private\n" in made(folder)
    assert "news.example.com/issues/private" not in made(folder)


def test_a_paragraph_with_a_merge_tag_gives_way_to_the_next(folder: Path) -> None:
    write(folder, "2025-01-16", "tagged", lead="For {{ first_name }} alone.\n\n- a point\n\nFor everyone.")
    digest(folder)

    assert "\nFor everyone.\n" in made(folder)
    assert "alone" not in made(folder)


def test_an_issue_with_errors_is_left_out_and_told(folder: Path) -> None:
    write(folder, "2025-01-15", "good")
    write(folder, "2025-01-16", "bad", lead=":::nonsense\n:::")

    result = digest(folder)

    assert result.exit_code == 0
    assert "warning: left out" in result.stderr
    assert "2025-01-16-bad.md:" in result.stderr
    assert "All about bad" not in made(folder)


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        ((), "there is no issue of daily from 2025-01-11 to 2025-01-17", 1),
        (("--list", "dayly"), 'no list is named "dayly"\n  Did you mean "daily"?', 2),
        (("--since", "a week"), '--since: "a week" is not a duration', 2),
        (("--since", "2h"), '--since: "2h" is less than a day', 2),
    ],
)
def test_what_cannot_be_made_is_one_error_and_no_file(
    folder: Path, options: Sequence[str], message: str, code: int
) -> None:
    with pytest.raises(NewsletterError) as refused:
        digest(folder, *options)

    assert message in str(refused.value)
    assert refused.value.exit_code == code
    assert list((folder / "issues").iterdir()) == []


@settings(max_examples=60)
@given(
    subject=st.text(st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn"]), min_size=1, max_size=60),
    lead=st.text(st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn"]), min_size=1, max_size=120),
)
def test_a_digest_of_any_issue_can_be_read_again(
    tmp_path_factory: pytest.TempPathFactory, subject: str, lead: str
) -> None:
    folder = tmp_path_factory.mktemp("digest")
    (folder / "issues").mkdir()
    (folder / "newsletter.toml").write_text(TOML, encoding="utf-8")
    write(folder, "2025-01-16", "any", lead=lead, subject=subject.replace("\\", "").replace('"', ""))
    publication = load_publication(folder / "newsletter.toml")
    try:
        result = digest(folder)
    except NewsletterError:  # the issue itself cannot be built: that is said of it, and no digest is made
        assert len(list((folder / "issues").iterdir())) == 1
        return

    assert result.exit_code == 0
    path = folder / "issues" / "2025-01-17-weekly-digest.md"
    parse_issue(path, publication, block_kinds(publication), template_names(publication))


@pytest.mark.parametrize(
    ("source", "message"),
    [("dayly", 'no other list is named "dayly"'), ("weekly", 'no other list is named "weekly"')],
)
def test_a_digest_of_no_list_is_a_mistake_with_its_line(folder: Path, source: str, message: str) -> None:
    path = folder / "newsletter.toml"
    path.write_text(TOML.replace('digest_of = "daily"', f'digest_of = "{source}"'), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as refused:
        load_publication(path)
    assert "newsletter.toml:11" in str(refused.value)


def test_a_digest_of_a_digest_is_a_mistake(folder: Path) -> None:
    path = folder / "newsletter.toml"
    path.write_text(TOML + '[lists.monthly]\ntitle = "Monthly"\ndigest_of = "weekly"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="weekly is a digest itself"):
        load_publication(path)
