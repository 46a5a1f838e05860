"""`newsletter init` and `newsletter new`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from newsletter.config import load_publication
from newsletter.errors import NewsletterError
from newsletter.issues.scaffold import write_new
from newsletter.issues.templates import package_templates
from tests.conftest import Run


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_new_publication_has_settings_that_are_right_and_says_what_is_next(newsletter: Run, tmp_path: Path) -> None:
    done = newsletter("init", "morning-news")

    publication = load_publication(tmp_path / "morning-news" / "newsletter.toml")
    assert done.returncode == 0
    assert done.stdout == "morning-news/newsletter.toml\n"
    assert 'cd morning-news\n    newsletter new "Hello"\n    newsletter preview' in done.stderr
    assert publication.config.publication.name == "Morning News"
    assert publication.config.publication.sender == "Morning News <news@example.com>"
    assert publication.config.send.provider == "outbox"
    assert files_below(tmp_path) == {
        "morning-news/newsletter.toml",
        "morning-news/.gitignore",
        "morning-news/.vscode/extensions.json",
        "morning-news/.vscode/newsletter.schema.json",
        "morning-news/.vscode/tasks.json",
        "morning-news/templates/README.md",
    }


@pytest.mark.parametrize("name", ['Say "hi", daily', "Früh & spät", "日刊", "a\\b", "It's; (new)", "$name", "🎉"])
def test_a_publication_may_have_any_name(newsletter: Run, tmp_path: Path, name: str) -> None:
    done = newsletter("init", "news", "--name", name)

    settings = load_publication(tmp_path / "news" / "newsletter.toml").config.publication
    assert done.returncode == 0
    assert settings.name == name
    assert settings.sender.name == name
    assert settings.sender.address == "news@example.com"


def test_options_fill_in_the_settings(newsletter: Run, tmp_path: Path) -> None:
    options = ("--url", "https://n.example/x/", "--from", "N <n@n.example>", "--timezone", "Asia/Kolkata")

    assert newsletter("init", ".", "--name", "N", *options).returncode == 0

    settings = load_publication(tmp_path / "newsletter.toml").config.publication
    assert (settings.url, settings.sender, str(settings.timezone)) == (
        "https://n.example/x",
        "N <n@n.example>",
        "Asia/Kolkata",
    )


@pytest.mark.parametrize("option", ["--url=news", "--from=news", "--timezone=Mars", "--name= ", "--name=a\nb"])
def test_a_wrong_option_makes_no_publication(newsletter: Run, tmp_path: Path, option: str) -> None:
    done = newsletter("init", "news", option)

    assert done.returncode == 2
    assert option.split("=")[0] in done.stderr
    assert not (tmp_path / "news").exists()


def test_init_overwrites_nothing_and_makes_nothing_when_a_file_exists(newsletter: Run, tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text("mine")

    done = newsletter("init")

    assert done.returncode == 1
    assert done.stderr == "newsletter: error: newsletter.toml: this file exists and is left as it is\n"
    assert files_below(tmp_path) == {"newsletter.toml"}
    assert not (tmp_path / "issues").exists()


def test_init_keeps_a_gitignore_and_says_what_it_should_hold(newsletter: Run, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")

    done = newsletter("init")

    assert done.returncode == 0
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert "newsletter.db*" in done.stderr


def test_the_editors_task_understands_what_check_prints(newsletter: Run, tmp_path: Path) -> None:
    newsletter("init", ".")
    newsletter("new", "Hello", "--date", "2025-01-17")
    task = json.loads((tmp_path / ".vscode" / "tasks.json").read_text())["tasks"][0]

    printed = newsletter(*task["command"].split()[1:]).stdout

    found = re.findall(task["problemMatcher"]["pattern"]["regexp"], printed, re.MULTILINE)
    places = {(file, severity, rule) for file, _, _, severity, _, rule in found}
    assert ("issues/2025-01-17-hello.md", "warning", "NL507") in places
    assert task["problemMatcher"]["fileLocation"] == ["relative", "${workspaceFolder}"]
    assert json.loads((tmp_path / ".vscode" / "extensions.json").read_text())["recommendations"]


def test_init_leaves_an_editors_folder_alone(newsletter: Run, tmp_path: Path) -> None:
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "tasks.json").write_text("mine")

    assert newsletter("init").returncode == 0

    assert files_below(tmp_path / ".vscode") == {"tasks.json"}
    assert (tmp_path / ".vscode" / "tasks.json").read_text() == "mine"


def test_init_can_bring_every_template_along(newsletter: Run, tmp_path: Path) -> None:
    assert newsletter("init", "--with-templates").returncode == 0

    mine, theirs = files_below(tmp_path / "templates"), files_below(package_templates())
    assert {file for file in theirs if not file.startswith("starter/")} <= mine
    assert "issue.mjml" in mine


def test_what_cannot_be_written_whole_is_not_written_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(NewsletterError, match="Nothing was made"):
        write_new(tmp_path, {"a/b/c.md": b"c", "file/d.md": b"d"})

    assert files_below(tmp_path) == {"file"}
    assert not (tmp_path / "a").exists()


def test_a_new_issue_prints_its_path(newsletter: Run, publication_folder: Path) -> None:
    done = newsletter("new", "Chip rules, explained", "--date", "2025-01-17", cwd=publication_folder)

    assert done.returncode == 0
    assert done.stdout == "issues/2025-01-17-chip-rules-explained.md\n"
    assert "newsletter preview chip-rules-explained" in done.stderr
    assert (publication_folder / done.stdout.strip()).is_file()


def test_an_issue_that_exists_is_left_as_it_is(newsletter: Run, publication_folder: Path) -> None:
    path = publication_folder / "issues" / "2025-01-17-hello.md"
    path.parent.mkdir()
    path.write_text("mine")

    done = newsletter("new", "Hello", "--date", "2025-01-17", cwd=publication_folder)

    assert done.returncode == 1
    assert done.stderr.startswith("newsletter: error: issues/2025-01-17-hello.md: this issue exists")
    assert "another title or day" in done.stderr
    assert path.read_text() == "mine"


def test_a_title_used_on_another_day_gets_a_slug_of_its_own(newsletter: Run, publication_folder: Path) -> None:
    newsletter("new", "Weekly review", "--date", "2025-01-10", cwd=publication_folder)

    done = newsletter("new", "Weekly review", "--date", "2025-01-17", cwd=publication_folder)

    assert done.stdout == "issues/2025-01-17-weekly-review-2.md\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Hello", "--date", "tomorrow"], '"tomorrow" is not a date'),
        (["Hello", "--date", "2025-02-30"], '"2025-02-30" is not a date'),
        (["Hello", "--date", "20250117"], '"20250117" is not a date'),
        (["Hello", "--date", "../../x"], '"../../x" is not a date'),
        (["Hello", "--template", "isue"], 'no template is named "isue"\n  Did you mean "issue"?'),
        (["Hello", "--template", "../issue"], 'no template is named "../issue"'),
        (["🎉"], "has no letter and no digit"),
        (["bell\x07"], "the title holds a control character"),
    ],
)
def test_what_cannot_be_an_issue_is_refused_in_words(
    newsletter: Run, publication_folder: Path, arguments: list[str], message: str
) -> None:
    done = newsletter("new", *arguments, cwd=publication_folder)

    assert done.returncode == 2
    assert message in done.stderr
    assert not (publication_folder / "issues").exists()


def test_new_outside_a_publication_says_how_to_make_one(newsletter: Run) -> None:
    done = newsletter("new", "Hello")

    assert done.returncode == 2
    assert "newsletter init" in done.stderr


def test_a_template_of_the_publication_can_be_named(newsletter: Run, publication_folder: Path) -> None:
    own = publication_folder / "templates"
    (own / "starter").mkdir(parents=True)
    (own / "letter.mjml").write_bytes((package_templates() / "issue.mjml").read_bytes())
    (own / "starter" / "issue-short.md").write_text('---\nsubject: "$subject"\n---\nFor $$100, $0 and ${that}.\n')

    letter, short = (
        publication_folder / newsletter("new", name, "--template", name, cwd=publication_folder).stdout.strip()
        for name in ("letter", "short")
    )

    assert 'template: "letter"\n' in letter.read_text()
    assert short.read_text() == '---\nsubject: "short"\n---\nFor $100, $0 and ${that}.\n'


def test_a_weekly_issue_has_a_story_the_news_and_its_list(newsletter: Run, publication_folder: Path) -> None:
    with (publication_folder / "newsletter.toml").open("a") as settings:
        settings.write('[lists.weekly]\ntitle = "Weekly"\n')

    done = newsletter("new", "Five stories that mattered", "--template", "weekly", cwd=publication_folder)

    text = (publication_folder / done.stdout.strip()).read_text()
    assert 'list: "weekly"\n' in text
    assert [line for line in text.splitlines() if line.startswith(":::") and len(line) > 3] == [
        ':::article title="Five stories that mattered"',
        ':::news title="Also this week"',
        ':::note title="Next week"',
    ]
    assert newsletter("build", done.stdout.strip(), cwd=publication_folder).returncode == 0
    assert errors(newsletter("check", cwd=publication_folder)) == {"NL024"}


TITLES = [
    'Say "hello" \\ goodbye',
    "Braces {{ first_name }} and {% if %} are words here",
    "Colons: hashes # and 'quotes'",
    "<b>Bold</b> & <!-- hidden -->",
    "- a list? | > [brackets](x) *stars* `ticks`",
    "A $100 camera, ${slug} and %s",
    "नमस्ते 👋🏽 مرحبا",
    "More braces {{{% and {%%",
    "null",
    "2025-01-17",
    ":::article",
]


def errors(checked: CompletedProcess[str]) -> set[str]:
    """Return the rules of the errors that `check` printed."""
    return set(re.findall(r": error: .* \[(NL\d+)\]$", checked.stdout, re.MULTILINE))


def test_an_unedited_new_issue_builds_whatever_its_title(newsletter: Run, publication_folder: Path) -> None:
    paths = [newsletter("new", "--", title, cwd=publication_folder).stdout.strip() for title in TITLES]

    done = newsletter("build", "--json", *paths, cwd=publication_folder)

    assert done.returncode == 0, done.stderr
    assert [built["subject"] for built in json.loads(done.stdout)] == TITLES
    assert " error" not in done.stderr
    assert errors(newsletter("check", cwd=publication_folder)) == {"NL024"}


def test_init_new_and_build_work_one_after_the_other(newsletter: Run, tmp_path: Path) -> None:
    newsletter("init", "news")
    newsletter("new", "Hello", cwd=tmp_path / "news")

    done = newsletter("build", "hello", cwd=tmp_path / "news")

    assert done.returncode == 0
    assert (tmp_path / "news" / "build" / "hello" / "message.html").is_file()
