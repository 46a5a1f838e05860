"""`newsletter subscribers`, run as users run it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from newsletter.cli.terminal import BAR_AFTER
from tests.conftest import Run
from tests.support.readers import UNREAD, nobody_reading

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def subscribers(newsletter: Run, publication_folder: Path) -> Run:
    """`newsletter subscribers ...` in a publication's folder."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return newsletter("subscribers", *arguments, cwd=publication_folder, stdin=stdin)

    return run


def test_a_reader_is_added_shown_and_removed(subscribers: Run) -> None:
    added = subscribers("add", "Ada@example.com", "--first-name", "Ada", "--tag", "vip,early", "--field", "plan=pro")
    shown = subscribers("show", "ada@example.com", "--json")
    removed = subscribers("remove", "ada@example.com")

    assert (added.returncode, added.stdout) == (0, "")
    assert added.stderr == "added: Ada@example.com, active\n"
    found = json.loads(shown.stdout)
    assert [proof.pop("at")[10] for proof in found["consent"]] == ["T"]
    assert found == {
        "email": "Ada@example.com",
        "status": "active",
        "lists": {"daily": "active"},
        "fields": {"first_name": "Ada", "plan": "pro"},
        "tags": ["early", "vip"],
        "consent": [
            {
                "list": "daily",
                "status": "active",
                "source": "command line",
                "detail": {"command": "subscribers add"},
            }
        ],
    }
    assert removed.returncode == 0
    assert subscribers("show", "ada@example.com").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "nonsense"], "is not an email address"),
        (["add", "ada@example.com", "--list", "dayly"], 'Did you mean "daily"?'),
        (["add", "ada@example.com", "--field", "plan"], "write --field plan=pro"),
        (["add", "ada@example.com", "--field", "web_url=x"], "has a meaning of its own"),
        (["add", "ada@example.com", "--timezone", "Mars"], "is not a time zone"),
        (["add", "ada@example.com", "--status", "gone"], "'gone' is not one of"),
        (["list", "--list", "dayly"], 'Did you mean "daily"?'),
        (["list", "--segment", "vips"], 'no segment is named "vips"'),
        (["import", "missing.csv"], "'missing.csv' does not exist"),
        (["import", "."], "is a directory"),
    ],
)
def test_a_wrong_argument_is_one_clear_error_and_changes_nothing(
    subscribers: Run, arguments: list[str], words: str
) -> None:
    run = subscribers(*arguments)

    assert (run.returncode, run.stdout) == (2, "")
    assert words in run.stderr
    assert "Traceback" not in run.stderr
    assert json.loads(subscribers("list", "--json").stdout) == []


def test_whoever_left_is_brought_back_only_when_told(subscribers: Run) -> None:
    subscribers("add", "ada@example.com", "--status", "unsubscribed")

    refused = subscribers("add", "ada@example.com", "--first-name", "Ada")
    brought = subscribers("add", "ada@example.com", "--resubscribe", "--json")

    assert refused.returncode == 1
    assert "has left" in refused.stderr
    assert "Nothing was changed" in refused.stderr
    assert json.loads(brought.stdout)["status"] == "active"
    assert json.loads(brought.stdout)["fields"] == {}


def test_removing_several_removes_all_or_none(subscribers: Run) -> None:
    subscribers("add", "ada@example.com")

    assert subscribers("remove", "ada@example.com", "bob@example.com").returncode == 1
    assert subscribers("show", "ada@example.com").returncode == 0


def test_an_import_reports_on_stdout_and_refused_rows_on_stderr(subscribers: Run) -> None:
    run = subscribers("import", "-", stdin="email,first_name\nada@example.com,Ada\nbad,\n")

    assert (run.returncode, run.stdout) == (0, "2 rows: 1 added, 1 refused\n")
    assert run.stderr.startswith('standard input:3: "bad" is not an email address')


def test_an_imports_report_is_json_when_asked(subscribers: Run) -> None:
    run = subscribers("import", "-", "--json", stdin="email\nada@example.com\nbad\n")

    report = json.loads(run.stdout)
    [refusal] = report.pop("refusals")
    assert report == {"rows": 2, "added": 1, "updated": 0, "unchanged": 0, "refused": 1, "kept_unsubscribed": 0}
    assert (refusal["row"], refusal["email"]) == (3, "bad")


@pytest.mark.parametrize("text", ["email\nbad\n", "email\n", "", "name\nAda\n"])
def test_an_import_without_a_good_row_exits_with_1(subscribers: Run, text: str) -> None:
    run = subscribers("import", "-", stdin=text)

    assert run.returncode == 1
    assert "newsletter: error: standard input" in run.stderr


def test_only_the_first_refused_rows_are_printed_and_the_rest_counted(subscribers: Run) -> None:
    run = subscribers("import", "-", stdin="email\nada@example.com\n" + "bad\n" * 50)

    assert run.stderr.count("is not an email address") == 20
    assert "and 30 more refused; --rejects FILE keeps them all" in run.stderr


def test_refused_rows_are_kept_mended_and_imported(subscribers: Run, publication_folder: Path) -> None:
    rejects = publication_folder / "rejects.csv"
    rows = "email,first_name\nada@,=Ada\nbob@example.com,Bob\n"
    run = subscribers("import", "-", "--rejects", "rejects.csv", stdin=rows)
    assert "1 refused row is in rejects.csv" in run.stderr
    assert rejects.read_text().splitlines()[0] == "_row,_reason,email,first_name"

    rejects.write_text(rejects.read_text().replace(",ada@,", ",ada@example.com,"))
    subscribers("import", "rejects.csv")

    assert json.loads(subscribers("show", "ada@example.com", "--json").stdout)["fields"] == {"first_name": "=Ada"}


def test_the_file_to_import_is_never_overwritten(subscribers: Run, publication_folder: Path) -> None:
    file = publication_folder / "readers.csv"
    file.write_text("email\nada@example.com\n")

    run = subscribers("import", "readers.csv", "--rejects", "./readers.csv")

    assert run.returncode == 2
    assert file.read_text() == "email\nada@example.com\n"


def test_an_export_is_csv_that_no_spreadsheet_runs(subscribers: Run) -> None:
    subscribers("import", "-", stdin='email,first_name,tags\nada@example.com,=HYPERLINK("x"),"b,a"\n')

    run = subscribers("export")

    assert run.stdout == (
        "email,first_name,last_name,status,lists,tags,timezone,language\n"
        'ada@example.com,"\'=HYPERLINK(""x"")",,active,daily,"a,b",,\n'
    )
    assert run.stderr == "1 reader\n"


def test_readers_are_listed_by_list_status_segment_and_tag(subscribers: Run, publication_folder: Path) -> None:
    with (publication_folder / "newsletter.toml").open("a") as settings:
        settings.write("[segments.named]\nfirst_name = { missing = false }\n")
    rows = "ada@example.com,Ada,vip,\nbob@example.com,,vip,unsubscribed\ncyd@example.com,Cyd,,pending\n"
    subscribers("import", "-", stdin=f"email,first_name,tags,status\n{rows}")

    def listed(*options: str) -> str:
        found = json.loads(subscribers("list", "--json", *options).stdout)
        return "".join(one["email"][0] for one in found)

    assert listed() == "abc"
    assert listed("--status", "active") == "a"
    assert listed("--list", "daily", "--status", "pending") == "c"
    assert listed("--tag", "vip") == "ab"
    assert listed("--segment", "named") == "ac"
    assert listed("--segment", "named", "--tag", "vip") == "a"
    assert subscribers("list", "--tag", "vip").stdout.split()[::3][:1] == ["ada@example.com"]


def test_a_long_import_draws_a_bar_on_a_terminal_and_nothing_elsewhere(publication_folder: Path) -> None:
    file = publication_folder / "many.csv"
    file.write_text("email\n" + "nobody\n" * UNREAD + "".join(f"reader{n}@example.com\n" for n in range(15_000)))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "newsletter", "subscribers", "import", "many.csv", "--rejects", "rejects"]
    with nobody_reading(publication_folder / "rejects", seconds=BAR_AFTER):
        running = subprocess.Popen(command, cwd=publication_folder, stdout=subprocess.PIPE, stderr=theirs, text=True)
        os.close(theirs)
        drawn = b""
        with suppress(OSError):  # Linux says so at the end
            while piece := os.read(ours, 65_536):
                drawn += piece
    os.close(ours)

    assert running.communicate()[0] == f"{15_000 + UNREAD:,} rows: 15,000 added, {UNREAD:,} refused\n"
    assert b" rows, " in drawn
    assert b"/s" in drawn


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", b"ad\xffa@example.com"],
        ["add", "ada@example.com", "--first-name", b"Ad\xff"],
        ["add", "ada@example.com", b"--last-name=L\xe9"],
        ["add", "ada@example.com", "--tag", b"v\xffip"],
        ["add", "ada@example.com", "--list", b"d\xff"],
        ["add", "ada@example.com", "--field", b"plan=p\xff"],
        ["add", "ada@example.com", "--field", b"pl\xff=pro"],
        ["show", b"ad\xffa@example.com"],
        ["remove", b"ad\xffa@example.com"],
        ["list", "--tag", b"\xed\xa0\x80"],
    ],
)
def test_an_argument_that_is_not_utf_8_is_one_clear_error(
    publication_folder: Path, arguments: list[str | bytes]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", "subscribers", *arguments],
        cwd=publication_folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "is not UTF-8 text; write it in UTF-8." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_whose_name_is_not_utf_8_is_imported(publication_folder: Path) -> None:
    name = os.fsencode(publication_folder) + b"/readers-\xe9.csv"
    with open(name, "w", encoding="utf-8") as file:
        file.write("email\nada@example.com\n")

    done = subprocess.run(
        [sys.executable, "-m", "newsletter", "subscribers", "import", name],
        cwd=publication_folder,
        capture_output=True,
        check=False,
    )

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
