"""`newsletter subscribers import` with other systems' files: the questions it asks, and the rows it refuses."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.fixture
def subscribers(newsletter: Run, publication_folder: Path) -> Run:
    """`newsletter subscribers ...` in a publication's folder."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return newsletter("subscribers", *arguments, cwd=publication_folder, stdin=stdin)

    return run


def test_a_stopped_import_says_how_to_go_on_and_imports_nothing(subscribers: Run, publication_folder: Path) -> None:
    (publication_folder / "crm.csv").write_text("email,Account state\na@example.com,gold\nb@example.com,Opted out\n")

    run = subscribers("import", "crm.csv")

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines() == [
        'newsletter: error: crm.csv:1:7: the column "Account state" may say who must not be mailed, and is not '
        'understood; values: "gold", "Opted out"',
        "  Nothing was imported. Say what they mean, or leave them out:",
        "    --map 'Account state=status:gold=pending,Opted out=unsubscribed'",
        "    --ignore 'Account state'",
    ]
    assert json.loads(subscribers("list", "--json").stdout) == []


def test_everything_that_is_wrong_with_the_columns_is_said_at_once_each_at_its_place(
    subscribers: Run, publication_folder: Path
) -> None:
    header = 'email,"Account state", Plan,1st visit,plan,web_url'
    (publication_folder / "crm.csv").write_text(
        f"{header}\na@example.com,gold,pro,2020,pro,x\nb@example.com,Opted out,,,,\n"
    )

    run = subscribers("import", "crm.csv", "--ignore", "Emial", "--map", "citty=city", "--ignore", "paln")

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines() == [
        'newsletter: error: crm.csv:1: no column is named "citty"',
        'crm.csv:1: no column is named "emial"',
        '  Did you mean "email"?',
        'crm.csv:1: no column is named "paln"',
        '  Did you mean "plan"? Columns: 1st visit, account state, email, plan, web url.',
        'crm.csv:1:7: the column "Account state" may say who must not be mailed, and is not understood; '
        'values: "gold", "Opted out"',
        'crm.csv:1:29: "1st_visit" cannot be a field: use letters, digits and _, and start with a letter',
        'crm.csv:1:39: two columns are named "plan"',
        'crm.csv:1:44: "web_url" cannot be a field: it has a meaning of its own',
        "  Nothing was imported. Say what they mean, or leave them out:",
        "    --map 'Account state=status:gold=pending,Opted out=unsubscribed'",
        "    --ignore 'Account state'",
        "    --map '1st visit=field_1st_visit'",
        "    --ignore '1st visit'",
        "    --ignore web_url",
        "  Of two columns for one thing, rename one, or leave it out with --ignore.",
        "  A column whose name begins with _ is skipped.",
    ]
    assert json.loads(subscribers("list", "--json").stdout) == []


def test_all_wrong_options_are_said_at_once(subscribers: Run) -> None:
    run = subscribers("import", "-", "--map", "x", "--map", "y=2nd", "--map", "z=status:a=gone", stdin="email\n")

    assert run.returncode == 2
    for words in ('--map "x" has no field', '"2nd" cannot be a field', "gives a value no status"):
        assert words in run.stderr


def test_every_file_of_a_zip_file_says_what_is_unclear(subscribers: Run, publication_folder: Path) -> None:
    with zipfile.ZipFile(publication_folder / "all.zip", "w") as archive:
        archive.writestr("a.csv", "email,opt\na@example.com,perhaps\n")
        archive.writestr("b.csv", "sep=;\r\nemail;2nd\r\nb@example.com;1\r\n")

    run = subscribers("import", "all.zip")

    assert run.returncode == 1
    assert 'all.zip/a.csv:1:7: the column "opt" may say' in run.stderr
    assert 'all.zip/b.csv:2:7: "2nd" cannot be a field' in run.stderr
    assert run.stderr.count("Nothing was imported.") == 1


def test_an_import_says_which_columns_became_fields(subscribers: Run) -> None:
    text = "email,Vorname,City of birth,status,tags,_row\na@example.com,Ada,Paris,active,vip,1\n"
    run = subscribers("import", "-", stdin=text)
    report = json.loads(subscribers("import", "-", "--json", stdin=text).stdout)

    assert run.stderr == "Columns kept as fields: first_name, city_of_birth.\n"
    assert report["fields"] == ["first_name", "city_of_birth"]


def test_the_entries_of_a_json_column_are_named_as_fields_too(subscribers: Run, publication_folder: Path) -> None:
    text = 'email,name,attributes,status\na@example.com,Ada Byron,"{""city"": ""Paris""}",enabled\n'
    (publication_folder / "listmonk.csv").write_text(text)

    run = subscribers("import", "listmonk.csv", "--from", "listmonk")

    assert "Columns kept as fields: first_name, last_name, city.\n" in run.stderr


def test_an_import_of_addresses_alone_says_nothing_of_fields(subscribers: Run) -> None:
    assert subscribers("import", "-", stdin="email\na@example.com\n").stderr == ""


def test_the_report_names_the_platform_and_who_is_not_to_be_mailed(subscribers: Run, publication_folder: Path) -> None:
    text = "id,email,subscribed_to_emails,deleted_at\n1,a@example.com,true,\n2,b@example.com,false,\n"
    (publication_folder / "members.csv").write_text(text)

    run = subscribers("import", "members.csv", "--json")

    report = json.loads(run.stdout)
    assert (report["platform"], report["rows"], report["unsubscribed"]) == ("ghost", 2, 1)
    assert "read as an export of Ghost" in run.stderr
    assert "1 reader is not to be mailed, by the file, and unsubscribed here" in run.stderr


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b'email,first_name\nq@example.com,"Q "quick" Q"\nz@example.com,Z\n', b'q@example.com,"Q "quick" Q"\n'),
        (b"email;first_name\r\nbad;Zo\xeb\r\nz@example.com;Z\xe9\r\n", b"bad;Zo\xeb\r\n"),
        (b"email,x\rbad,1\rz@example.com,2\r", b"bad,1\r"),
        (b'email,x\nbad@,"a\n\nb"\nz@example.com,', b'bad@,"a\n\nb"\n'),
        (b"email,x\nz@example.com,1\nbad,2", b"bad,2\n"),
        (b"email,x\nbad," + b"y" * 3_000_000 + b"\nz@example.com,1\n", b"bad," + b"y" * 3_000_000 + b"\n"),
        (b'email,x\nann@example.com,"open\nz@example.com,Z\n', b'ann@example.com,"open\n'),
        (b"email,x\n\xc3\xa9@,\n\xff\xfe,broken\nz@example.com,1\n", b"\xff\xfe,broken\n"),
    ],
)
def test_a_refused_row_is_kept_whole_in_its_bytes(
    subscribers: Run, publication_folder: Path, raw: bytes, kept: bytes
) -> None:
    (publication_folder / "readers.csv").write_bytes(raw)

    run = subscribers("import", "readers.csv", "--rejects", "rejects.csv")

    rejects = (publication_folder / "rejects.csv").read_bytes()
    assert run.returncode == 0
    assert rejects.endswith(kept)
    assert (publication_folder / "rejects.csv").stat().st_mode & 0o077 == 0
    assert rejects.startswith(b"_row" + raw[5:6] + b"_reason" + raw[5:6] + b"email")


def test_the_address_of_a_row_that_cannot_be_read_is_reported(subscribers: Run) -> None:
    run = subscribers("import", "-", "--json", stdin='email,x\nq@example.com,"Q "q" Q"\nz@example.com,1\n')

    assert json.loads(run.stdout)["refusals"][0]["email"] == "q@example.com"


def test_refused_rows_of_a_zip_file_are_kept_by_file(subscribers: Run, publication_folder: Path) -> None:
    with zipfile.ZipFile(publication_folder / "all.zip", "w") as archive:
        archive.writestr("a.csv", "email\na@example.com\nbad\n")
        archive.writestr("b.csv", "email;x\nworse;1\n")

    run = subscribers("import", "all.zip", "--rejects", "rejects.csv")

    assert (publication_folder / "rejects.a.csv").read_text().endswith("bad\n")
    assert (publication_folder / "rejects.b.csv").read_text().endswith("worse;1\n")
    assert "2 refused rows are in rejects.a.csv, rejects.b.csv" in run.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--map", "x"], "has no field"),
        (["--map", "x=status:a"], "gives a value no status"),
        (["--map", "x=status:a=gone"], "gives a value no status"),
        (["--map", "x=2nd"], '"2nd" cannot be a field'),
        (["--map", "x=plan", "--ignore", "X"], "is named by --map and by --ignore"),
        (["--from", "myspace"], "'myspace' is not one of"),
    ],
)
def test_a_wrong_option_is_a_usage_error(subscribers: Run, options: list[str], message: str) -> None:
    run = subscribers("import", "-", *options, stdin="email,x\na@example.com,1\n")

    assert run.returncode == 2
    assert message in run.stderr


def test_a_column_that_no_file_has_cannot_be_mapped(subscribers: Run) -> None:
    run = subscribers("import", "-", "--ignore", "statsu", stdin="email,x\na@example.com,1\n")

    assert run.returncode == 1
    assert 'no column is named "statsu"' in run.stderr


def test_many_rows_that_are_not_utf_8_get_one_answer(newsletter: Run, publication_folder: Path) -> None:
    rows = "".join(f"k{n}@example.com,Zoë\n" for n in range(40)).encode()
    broken = "".join(f"l{n}@example.com,Zoë\n" for n in range(30)).encode("latin-1")
    (publication_folder / "mixed.csv").write_bytes(b"email,first_name\n" + rows + broken + b"nobody,Ann\n")

    done = newsletter("subscribers", "import", "mixed.csv", cwd=publication_folder)

    assert "71 rows: 40 added, 31 refused" in done.stdout
    assert done.stderr.count("not UTF-8 (byte") == 1
    assert "mixed.csv:72: " in done.stderr
    assert "and 29 more rows are not UTF-8" in done.stderr
    assert "--encoding windows-1252" in done.stderr
    assert "more refused" not in done.stderr


def test_a_guessed_encoding_says_how_to_name_another(newsletter: Run, publication_folder: Path) -> None:
    (publication_folder / "old.csv").write_bytes("email,first_name\nzoe@example.com,Анна\n".encode("koi8-r"))

    guessed = newsletter("subscribers", "import", "old.csv", cwd=publication_folder)
    named = newsletter("subscribers", "import", "old.csv", "--encoding", "koi8-r", "--json", cwd=publication_folder)

    assert "--encoding NAME" in guessed.stderr
    assert json.loads(named.stdout)["updated"] == 1
    assert "guess" not in named.stderr
