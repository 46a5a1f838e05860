"""The command line as a whole: what it loads, and how it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from newsletter import __version__
from newsletter.cli.main import COMMANDS
from tests import ROOT
from tests.conftest import Run

HEAVY = (
    "alembic",
    "email_validator",
    "jinja2",
    "lxml",
    "msgspec",
    "premailer",
    "requests",
    "rich",
    "sqlalchemy",
    "yaml",
)
LOADED = """
import sys
from newsletter.cli.main import cli
sys.argv[0] = "newsletter"
try:
    cli(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(sys.modules), file=sys.stderr)
"""


def loaded_by(*arguments: str, cwd: Path) -> set[str]:
    """The modules a run of the command loads."""
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_the_help_lists_every_command_and_loads_nothing_heavy(newsletter: Run, tmp_path: Path) -> None:
    done = newsletter("--help")

    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout and line in done.stdout for name, line in COMMANDS.items())
    assert not loaded_by("--help", cwd=tmp_path) & set(HEAVY)


@pytest.mark.parametrize("command", ["build", "check"])
def test_building_and_checking_load_no_database_no_sender_no_server_and_no_progress_bars(
    publication_folder: Path, command: str
) -> None:
    issues = publication_folder / "issues"
    issues.mkdir()
    (issues / "2025-01-17-hello.md").write_text("---\nsubject: Hello\n---\nHello.\n", encoding="utf-8")

    loaded = loaded_by(command, "hello", cwd=publication_folder)

    # requests is loaded: premailer imports it at its top, whether a style sheet is fetched or not
    unwanted = "alembic babel email_validator feedparser rich sqlalchemy starlette trafilatura uvicorn watchfiles"
    assert not loaded & {*unwanted.split(), "newsletter.providers.transport", "newsletter.web"}
    assert command == "check" or not any(name.startswith("newsletter.checks") for name in loaded)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(newsletter: Run, name: str) -> None:
    done = newsletter(name, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: python -m newsletter {name}")


def test_a_command_that_is_not_there_gets_the_nearest_right_word(newsletter: Run) -> None:
    done = newsletter("biuld", "hello")

    assert done.returncode == 2
    assert 'No command is named "biuld".' in done.stderr
    assert 'Did you mean "build"?' in done.stderr


def test_the_version_is_the_packages_own(newsletter: Run) -> None:
    assert newsletter("--version").stdout == f"newsletter, version {__version__}\n"


def test_a_wrong_setting_is_one_error_with_its_line_and_ends_with_2(newsletter: Run, publication_folder: Path) -> None:
    settings = publication_folder / "newsletter.toml"
    settings.write_text(settings.read_text().replace("timezone =", "timezon ="))

    done = newsletter("new", "Hello", cwd=publication_folder)

    assert done.returncode == 2
    assert done.stderr.startswith("newsletter: error: newsletter.toml:5: ")
    assert 'Did you mean "timezone"?' in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("how", ["option", "variable"])
def test_another_newsletter_toml_can_be_named(publication_folder: Path, tmp_path: Path, how: str) -> None:
    path = str(publication_folder / "newsletter.toml")
    option = ["--config", path] if how == "option" else []
    environment = {"NEWSLETTER_CONFIG": path} if how == "variable" else {}

    done = subprocess.run(
        [sys.executable, "-m", "newsletter", *option, "new", "Hello", "--date", "2025-01-17"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "publication/issues/2025-01-17-hello.md\n"
