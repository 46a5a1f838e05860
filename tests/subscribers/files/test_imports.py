"""Imports: good rows become readers, and bad rows cost no good ones."""

from __future__ import annotations

import csv
import hashlib
import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.errors import NewsletterError
from newsletter.subscribers import suppressions
from newsletter.subscribers.csv import LONGEST_LINE
from newsletter.subscribers.files.exports import export_csv
from newsletter.subscribers.files.imports import ImportReport
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.writes import MOST_ENTRIES
from tests.support.readers import NOW, UNREAD, Readers, nobody_reading

pytestmark = pytest.mark.usefixtures("each_database")


def counts(report: ImportReport) -> str:
    """Return the numbers of rows added, updated, unchanged and refused."""
    return f"{report.added} {report.updated} {report.unchanged} {report.refused}"


def test_a_file_of_addresses_makes_active_readers_of_the_default_list(readers: Readers) -> None:
    report = readers.read("email\nada@example.com\nbob@example.com\n")

    assert counts(report) == "2 0 0 0"
    assert [(reader.email, dict(reader.lists)) for reader in readers.all()] == [
        ("ada@example.com", {"daily": "active"}),
        ("bob@example.com", {"daily": "active"}),
    ]


def test_every_column_arrives_and_others_become_fields(readers: Readers) -> None:
    readers.read(
        "E Mail,Email,First Name,LAST-NAME,status,lists,tags,timezone,language,plan,score,joined,beta,_note\n"
        'x,Ada@Example.COM, Ada ,"Love\n lace",pending,"daily, weekly","vip, early bird,vip",Europe/London,en,pro,'
        "2.50,2025-01-02,Yes,skipped\n"
    )

    ada = readers.find("ada@example.com")
    assert ada.email == "Ada@example.com"
    assert ada.lists == {"daily": "pending", "weekly": "pending"}
    assert ada.tags == ("early bird", "vip")
    assert ada.fields == {
        "first_name": "Ada",
        "last_name": "Love lace",
        "timezone": "Europe/London",
        "language": "en",
        "e_mail": "x",
        "Plan": "pro",
        "score": 2.5,
        "joined": "2025-01-02",
        "beta": True,
    }


@pytest.mark.parametrize(
    "titles",
    [
        "E-Mail;Vorname;Nachname",
        "E-Mail-Adresse;Vorname;Familienname",
        "Adresse e-mail;Prénom;family_name",
        "E-mailadres;Voornaam;Achternaam",
        "Email Address;Forename;Surname",
    ],
)
def test_columns_of_addresses_and_names_are_known_in_other_languages(readers: Readers, titles: str) -> None:
    readers.read(f"{titles}\nada@example.com;Ada;Lovelace\n")

    assert readers.find("ada@example.com").fields == {"first_name": "Ada", "last_name": "Lovelace"}


def test_the_file_and_its_digest_are_the_evidence(readers: Readers) -> None:
    readers.read("email\nada@example.com\n")

    [proof] = readers.find("ada@example.com").consent
    assert (proof.list, proof.status, proof.source) == ("daily", "active", "import")
    assert proof.at == "2025-01-17T12:00:00.000Z"
    assert proof.detail == {
        "file": "some.csv",
        "sha256": hashlib.sha256(b"email\nada@example.com\n").hexdigest(),
    }


@pytest.mark.parametrize(
    "text",
    [
        "email;first_name\nada@example.com;Ada\n",
        "first_name\temail\nAda\tada@example.com\n",
        '"email","first_name"\r\n"ada@example.com","Ada"\r\n',
        "\ufeffemail,first_name\nada@example.com,Ada",
        "\n\nemail,first_name\n\nada@example.com,Ada\n,\n\n",
        "first_name;email\n'Ada;ada@example.com\n".replace("'", ""),
    ],
    ids=["semicolons", "tabs", "crlf", "byte order mark", "blank lines", "other order"],
)
def test_files_of_every_spreadsheet_are_read(readers: Readers, text: str) -> None:
    assert counts(readers.read(text)) == "1 0 0 0"
    assert readers.find("ada@example.com").fields == {"first_name": "Ada"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "the file is empty"),
        (b"\n , ,\n\n", "the file is empty"),
        (b"mail,name\na@example.com,A\n", 'no column is named "email"; columns: mail, name'),
        (b"\xff\xfee\0m\0a\0i\0l\0\n\0\0", "this begins as UTF-16 and is not"),
        (b"email,pr\xe9nom,caf\xc3\xa9\n", "not UTF-8 (byte 9 of the line)"),
        (b'email,"name\nada@example.com,A\n', "the header cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not UTF-8"),
        (b"email," + b"x" * LONGEST_LINE + b"\n", "the line is longer"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_refused_whole(readers: Readers, text: bytes, message: str) -> None:
    with pytest.raises(NewsletterError) as caught:
        readers.read(text)
    assert message in caught.value.message
    assert caught.value.place == "some.csv:1"
    assert readers.all() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"email,Email\na@example.com,b@example.com\n", 'two columns are named "email"'),
        (b"email,2nd name\na@example.com,A\n", '"2nd_name" cannot be a field'),
        (b"email,web_url\na@example.com,A\n", "it has a meaning of its own"),
    ],
)
def test_a_column_that_cannot_be_read_is_refused_at_its_place(readers: Readers, text: bytes, message: str) -> None:
    with pytest.raises(NewsletterError) as caught:
        readers.read(text)
    assert message in caught.value.message
    assert caught.value.place == "some.csv:1:7"
    assert readers.all() == []


def test_a_refused_row_says_all_that_is_wrong_with_it(readers: Readers) -> None:
    header = "email,score,joined,timezone,language,status"
    readers.read(f"{header}\nbad@,many,soon,Mars/Base,klingon!,gone\nb@example.com,1,,,,\n")

    [(row, why)] = readers.reasons()
    assert row == 2
    for words in ("not an email address", '"many" is not', '"soon" is not', "Mars/Base", "klingon!", '"gone"'):
        assert words in why
    assert readers.statuses() == {"b": "active"}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("email", "bad@", "not an email address"),
        ("email", "", "no address"),
        ("lists", "dayly", 'no list is named "dayly". Did you mean "daily"?'),
        ("lists", "weekly:gone", '"gone" is not a status'),
        ("status", "activ", '"activ" is not a status. Did you mean "active"?'),
        ("timezone", "Mars/Olympus", '"Mars/Olympus" is not a time zone'),
        ("language", "englisch!", 'language "englisch!" is not one'),
        ("score", "ten", 'score "ten" is not a number'),
        ("joined", "soon", 'joined "soon" is not a date'),
        ("beta", "perhaps", 'beta "perhaps" is neither true nor false'),
        ("first_name", "A\0B", "first_name has a control character"),
        ("first_name", '"A"B', "text follows a closing quote"),
        ("first_name", "x" * 200_000, "a cell is longer than"),
        ("first_name", "x" * 10_000_000, "the line is longer than"),
        ("first_name", "A,B", "has 3 cells, the header has 2"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_costs_no_good_one(
    readers: Readers, column: str, value: str, reason: str
) -> None:
    rows = [f"{value},X" if column == "email" else f"b@example.com,{value}"]
    header = "email,x" if column == "email" else f"email,{column}"
    report = readers.read("\n".join([header, "a@example.com,", *rows, "c@example.com,", ""]))

    assert counts(report) == "2 0 0 1"
    [(row, why)] = readers.reasons()
    assert row == 3
    assert reason in why
    assert [reader.email[0] for reader in readers.all()] == ["a", "c"]


def test_a_quote_that_is_never_closed_swallows_no_row(readers: Readers) -> None:
    good = "".join(f"r{n}@example.com,R\n" for n in range(9_000))
    report = readers.read(f'email,first_name\nbad@example.com,"Ann\n{good}')

    assert counts(report) == "9000 0 0 1"
    assert "its quote is never closed" in readers.refused[0].reason


def test_rows_that_are_not_utf_8_are_refused_one_by_one(readers: Readers) -> None:
    report = readers.read(b"email,first_name\na@example.com,Ren\xe9\nb@example.com,Ren\xc3\xa9\n")

    assert counts(report) == "1 0 0 1"
    assert readers.reasons() == [(2, "not UTF-8 (byte 18 of the line); save the file as CSV UTF-8")]


def test_an_empty_cell_erases_nothing_and_tags_only_grow(readers: Readers) -> None:
    readers.read("email,first_name,tags,plan\nada@example.com,Ada,vip,pro\n")

    report = readers.read("email,first_name,tags,plan\nADA@example.com,,early,\n")

    ada = readers.find("ada@example.com")
    assert counts(report) == "0 1 0 0"
    assert (ada.email, ada.tags) == ("ada@example.com", ("early", "vip"))
    assert ada.fields == {"first_name": "Ada", "Plan": "pro"}


def test_importing_a_file_again_changes_nothing_and_adds_no_evidence(readers: Readers) -> None:
    text = "email,first_name,tags,score\nada@example.com,Ada,vip,1\nADA@example.com,Ada,,\n"
    assert counts(readers.read(text)) == "1 0 1 0"

    assert counts(readers.read(text)) == "0 0 2 0"
    assert len(readers.find("ada@example.com").consent) == 1


def test_rows_for_one_address_are_applied_in_turn(readers: Readers) -> None:
    report = readers.read("email,first_name,lists\na@example.com,One,\nA@example.com,Two,weekly\na@example.com,,\n")

    assert counts(report) == "1 1 1 0"
    reader = readers.find("a@example.com")
    assert (reader.fields, reader.lists) == ({"first_name": "Two"}, {"daily": "active", "weekly": "active"})


def test_people_who_left_are_not_brought_back_by_an_import(readers: Readers) -> None:
    readers.read("email,status\nada@example.com,unsubscribed\n")

    rows = "ada@example.com,active,,Ada\nada@example.com,pending,weekly,\n"
    report = readers.read(f"email,status,lists,first_name\n{rows}")

    assert (counts(report), report.kept_unsubscribed) == ("0 1 1 0", 2)
    ada = readers.find("ada@example.com")
    assert (ada.status, ada.lists, ada.fields) == ("unsubscribed", {"daily": "unsubscribed"}, {"first_name": "Ada"})


def test_whoever_is_named_is_brought_back_with_evidence(readers: Readers) -> None:
    readers.read("email,status\nada@example.com,unsubscribed\nbob@example.com,unsubscribed\n")

    report = readers.read("email\nada@example.com\nbob@example.com\n", resubscribe={"ada@example.com"})

    assert (counts(report), report.kept_unsubscribed) == ("0 1 1 0", 1)
    assert [reader.status for reader in readers.all()] == ["active", "unsubscribed"]
    assert [proof.status for proof in readers.find("ada@example.com").consent] == ["unsubscribed", "active"]


def test_a_reader_who_left_one_list_keeps_that_and_may_join_another(readers: Readers) -> None:
    readers.read('email,lists\nada@example.com,"daily,weekly:unsubscribed"\n')

    report = readers.read('email,lists\nada@example.com,"daily,weekly"\n')

    assert report.kept_unsubscribed == 1
    assert readers.find("ada@example.com").lists == {"daily": "active", "weekly": "unsubscribed"}


def test_leaving_without_naming_a_list_is_leaving_all(readers: Readers) -> None:
    readers.read("email,lists\nada@example.com,weekly\n")

    readers.read("email,status\nada@example.com,unsubscribed\n")

    assert readers.find("ada@example.com").lists == {"weekly": "unsubscribed", "daily": "unsubscribed"}


def test_a_pending_row_does_not_undo_an_active_reader(readers: Readers) -> None:
    readers.read("email\nada@example.com\n")

    assert counts(readers.read("email,status\nada@example.com,pending\n")) == "0 0 1 0"
    assert readers.find("ada@example.com").status == "active"


def test_a_suppressed_address_is_not_imported_unless_named(readers: Readers) -> None:
    with readers.database.begin() as connection:
        suppressions.suppress(connection, "Ada@example.com", Reason.COMPLAINED, "", NOW)

    assert counts(readers.read("email\nada@example.com\n")) == "0 0 0 1"
    assert readers.reasons() == [(2, "this address is suppressed (complained)")]
    assert counts(readers.read("email\nada@example.com\n", resubscribe={"ada@example.com"})) == "1 0 0 0"


def test_a_report_counts_all_refusals_and_keeps_the_first_thousand(readers: Readers) -> None:
    report = readers.read("email\n" + "bad\n" * 1_500)

    assert (report.rows, report.refused, len(report.refusals)) == (1_500, 1_500, 1_000)


def test_what_a_terminal_would_act_on_is_not_repeated(readers: Readers) -> None:
    readers.read("email\n\x1b[31mbad\x07@\n")

    assert all(sign.isprintable() for sign in readers.refused[0].reason + readers.refused[0].email)


def test_more_rows_than_one_transaction_takes_all_arrive(readers: Readers) -> None:
    many = 2 * MOST_ENTRIES + 7
    report = readers.read("email,n\n" + "".join(f"r{n}@example.com,{n}\n" for n in range(many)))

    assert report.added == many
    with readers.database.read() as connection:
        ids = connection.exec_driver_sql("SELECT count(*), max(id), count(DISTINCT email_key) FROM subscriber").one()
    assert tuple(ids) == (many, many, many)


def test_an_import_killed_half_way_keeps_its_rows_and_finishes_when_run_again(readers: Readers, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    good = [f"reader{n}@example.com\n" for n in range(2 * MOST_ENTRIES + 10)]
    file.write_text("".join(["email\n", *good[:-5], *["nobody\n"] * UNREAD, *good[-5:]]))
    command = [sys.executable, "-m", "newsletter", "--config", str(readers.publication.path), "subscribers", "import"]
    with nobody_reading(tmp_path / "rejects") as pipe:
        running = subprocess.Popen([*command, str(file), "--rejects", str(pipe)], stderr=subprocess.DEVNULL)
        while not _count(readers):
            assert running.poll() is None
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        running.wait()

    kept = _count(readers)
    assert kept % MOST_ENTRIES == 0
    assert kept < len(good)
    finished = subprocess.run([*command, str(file)], capture_output=True, text=True, check=True)
    added, rows = len(good) - kept, len(good) + UNREAD
    assert finished.stdout == f"{rows:,} rows: {added:,} added, {kept:,} unchanged, {UNREAD:,} refused\n"


def _count(readers: Readers) -> int:
    with readers.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM subscriber").scalar_one())


def test_memory_does_not_grow_with_the_file(readers: Readers, tmp_path: Path) -> None:
    peaks = []
    config = str(readers.publication.path)
    for count in (10_000, 40_000):
        file = tmp_path / f"{count}.csv"
        file.write_text("email,first_name\n" + "".join(f"r{n}.{count}@example.com,Reader {n}\n" for n in range(count)))
        code = (
            "import sys; from newsletter.cli.main import cli; cli(sys.argv[1:], standalone_mode=False);"
            "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"  # ru_maxrss knows the parent's
        )
        command = [sys.executable, "-c", code, "--config", config, "subscribers", "import", str(file)]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]) / 1024)
    assert peaks[1] < 150
    assert peaks[1] - peaks[0] < 15


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12).map(str.strip)
COLUMNS = ["email", "first_name", "plan", "note", "score", "beta", "tags", "status", "lists"]
NAMES = st.sampled_from(["ada", "bob", "+cyd", "=dan", "-eve", "'fay", "'+gus", "hal.b"])
ROWS = st.fixed_dictionaries(
    {
        "email": NAMES.map(lambda name: f"{name}@example.com"),
        "first_name": CELL,
        "plan": CELL,
        "note": st.sampled_from(["", "=1+1", "'=1", "''", "'", "@x", "-1", "+1", "a\nb", 'say "hi"', "a;b"]) | CELL,
        "score": st.sampled_from(["", "-5", "0.5", "12"]),
        "beta": st.sampled_from(["", "true", "no"]),
        "tags": st.lists(CELL.map(lambda tag: tag.replace(",", "")), max_size=2).map(",".join),
        "status": st.sampled_from(["", "active", "pending", "unsubscribed"]),
        "lists": st.sampled_from(["", "daily", "weekly", "daily,weekly", "daily:active, weekly:unsubscribed"]),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, max_size=6))
def test_what_is_exported_and_imported_again_changes_nothing(readers: Readers, rows: list[dict[str, str]]) -> None:
    with readers.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM subscriber")
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    readers.read(text.getvalue())
    before = [(reader.email, reader.lists, reader.fields, reader.tags) for reader in readers.all()]
    exported = io.StringIO()
    export_csv(readers.database, readers.publication, exported)

    report = readers.read(exported.getvalue())

    assert (report.unchanged, report.kept_unsubscribed) == (len(before), 0)
    with readers.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM subscriber")
    readers.read(exported.getvalue())
    after = [(reader.email, reader.lists, reader.fields, reader.tags) for reader in readers.all()]
    assert after == before
    for cells in csv.reader(io.StringIO(exported.getvalue())):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
