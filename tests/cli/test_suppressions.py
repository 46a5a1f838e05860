"""`newsletter suppressions` and `newsletter events`, run as users run them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from newsletter.database.connection import open_database
from newsletter.events import calls
from newsletter.events.calls import KeptCall
from tests.conftest import Run
from tests.support.api_servers import MailerSend, SparkPost
from tests.support.provider_server import KEY, Mailgun, Postmark, ProviderServer
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def run(newsletter: Run, publication_folder: Path) -> Run:
    def suppressions(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return newsletter("suppressions", *arguments, cwd=publication_folder, stdin=stdin)

    return suppressions


def listed(run: Run) -> dict[str, str]:
    return {row["email"]: row["reason"] for row in json.loads(run("list", "--json").stdout)}


def test_an_address_is_added_listed_and_removed(run: Run) -> None:
    added = run("add", "Ada@Example.com", "--reason", "complained", "--detail", "by phone")
    again = run("add", "ada@example.com")
    rows = json.loads(run("list", "--json").stdout)
    removed = run("remove", "ada@example.com")

    assert (added.returncode, added.stderr) == (0, "suppressed: Ada@example.com\n")
    assert again.stderr == "suppressed already: ada@example.com, complained\n"
    assert [{**row, "at": row["at"][10]} for row in rows] == [
        {"email": "ada@example.com", "reason": "complained", "detail": "by phone", "at": "T"}
    ]
    assert (removed.returncode, removed.stderr) == (0, "may be mailed again: ada@example.com\n")
    assert run("list", "--json").stdout.split() == ["[]"]


def test_a_reader_who_is_suppressed_without_a_note_is_shown_without_brackets(
    newsletter: Run, run: Run, publication_folder: Path
) -> None:
    newsletter("subscribers", "add", "ada@example.com", cwd=publication_folder)
    run("add", "ada@example.com")

    shown = newsletter("subscribers", "show", "ada@example.com", cwd=publication_folder).stdout

    assert re.search(r"suppressed since \S+: by-hand\n", shown)


def test_removing_what_is_not_suppressed_says_so_and_exits_1(run: Run) -> None:
    run("add", "ada@example.com")

    removed = run("remove", "ada@example.com", "bob@example.com")

    assert removed.returncode == 1
    assert "may be mailed again: ada@example.com" in removed.stderr
    assert "not suppressed: bob@example.com" in removed.stderr


def test_no_address_is_no_usage(run: Run) -> None:
    for arguments in (("add", "no address"), ("remove", "no address"), ("add", "a@example.com", "--reason", "why")):
        assert run(*arguments).returncode == 2


def test_a_list_is_imported_from_standard_input(run: Run) -> None:
    imported = run("import", "-", stdin="email\nada@example.com\nno address\n")

    assert imported.returncode == 0
    assert "standard input:3: " in imported.stderr
    assert "1 address suppressed, 0 known already, 1 refused" in imported.stderr
    assert listed(run) == {"ada@example.com": "by-hand"}


def test_an_export_is_imported_again_and_a_graver_reason_stays(run: Run, publication_folder: Path) -> None:
    run("add", "ada@example.com", "--reason", "complained", "--detail", '=1+1, "quoted"')
    run("add", "bob@example.com", "--reason", "bounced")
    exported = run("export").stdout
    (publication_folder / "list.csv").write_text(exported, encoding="utf-8")
    before = run("list", "--json").stdout
    run("remove", "ada@example.com", "bob@example.com")
    run("add", "bob@example.com", "--reason", "complained")

    imported = run("import", "list.csv", "--json")

    assert json.loads(imported.stdout) == {"rows": 2, "new": 1, "known": 1, "refused": 0}
    assert listed(run) == {"ada@example.com": "complained", "bob@example.com": "complained"}
    assert '=1+1, \\"quoted\\"' in before
    assert '=1+1, \\"quoted\\"' in run("list", "--json").stdout


def test_bad_rows_of_an_import_are_named_and_the_others_taken(run: Run, publication_folder: Path) -> None:
    rows = "email,reason,at\nada@example.com,,\nnobody,,\nbob@example.com,funny,\ncy@example.com,bounced,yesterday\n"
    (publication_folder / "list.csv").write_text(rows, encoding="utf-8")

    imported = run("import", "list.csv", "--json")

    assert json.loads(imported.stdout) == {"rows": 4, "new": 1, "known": 0, "refused": 3}
    for words in ('list.csv:3: "nobody"', 'list.csv:4: "funny" is no reason', 'list.csv:5: "yesterday" is not a time'):
        assert words in imported.stderr
    assert listed(run) == {"ada@example.com": "by-hand"}


def test_an_import_without_an_email_column_changes_nothing(run: Run, publication_folder: Path) -> None:
    (publication_folder / "list.csv").write_text("address\nada@example.com\n", encoding="utf-8")

    imported = run("import", "list.csv")

    assert imported.returncode == 1
    assert "list.csv:1: " in imported.stderr
    assert listed(run) == {}


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (Postmark, ("HardBounce", "SpamComplaint", "ManualSuppression")),
        (Mailgun, ("bounces", "complaints", "unsubscribes")),
        (MailerSend, ("hard-bounces", "spam-complaints", "blocklist")),
        (SparkPost, ("Bounce Rule", "Spam Complaint", "Manually Added")),
    ],
)
def test_the_provider_s_own_list_is_taken_over(
    newsletter: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: type[ProviderServer],
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    bounced, complained, unsubscribed = words
    with server() as provider:
        provider.suppressed = [(f"b{number}@example.com", bounced) for number in range(5)]
        provider.suppressed += [("c@example.com", complained), ("u@example.com", unsubscribed)]
        settings(tmp_path / "news", provider.toml)

        synced = newsletter("suppressions", "sync", "--json", cwd=tmp_path / "news")
        again = newsletter("suppressions", "sync", "--json", cwd=tmp_path / "news")

    rows = json.loads(newsletter("suppressions", "list", "--json", cwd=tmp_path / "news").stdout)
    assert json.loads(synced.stdout) == {provider.dialect: {"seen": 7, "new": 7}}
    assert json.loads(again.stdout) == {provider.dialect: {"seen": 7, "new": 0}}
    assert {row["email"]: row["reason"] for row in rows} == {
        **{f"b{number}@example.com": "bounced" for number in range(5)},
        "c@example.com": "complained",
        "u@example.com": "unsubscribed",
    }


def test_a_provider_without_a_list_says_so(run: Run) -> None:
    synced = run("sync")

    assert synced.returncode == 1
    assert "has no suppression list that can be read" in synced.stderr


def test_kept_calls_are_replayed_and_change_nothing_the_first_time_round(newsletter: Run, tmp_path: Path) -> None:
    publication = settings(tmp_path / "news", '[providers.postmark]\ntoken = "env:NOT_SET"\n')
    database = open_database(publication)
    add_readers(database, 3)
    with database.begin() as connection:
        campaign = start_campaign(connection, provider="postmark")
        bodies = [
            {
                "RecordType": "SpamComplaint",
                "MessageID": f"m{reader}",
                "Email": f"r{reader}@example.com",
                "BouncedAt": "2025-01-17T13:00:00Z",
                "Metadata": {"delivery_id": f"1.{reader}", "batch": f"{campaign.key}-1"},
            }
            for reader in (1, 2)
        ]
        calls.keep(
            connection, [KeptCall(provider="postmark", body=json.dumps(body).encode(), at=NOW) for body in bodies]
        )
    database.close()

    first = newsletter("events", "replay", "--json", cwd=tmp_path / "news")
    again = newsletter("events", "replay", "--json", cwd=tmp_path / "news")
    later = newsletter("events", "replay", "--since", "2025-01-17 12:01", "--json", cwd=tmp_path / "news")
    wrong = newsletter("events", "replay", "--since", "soon", cwd=tmp_path / "news")

    assert json.loads(first.stdout) == {"calls": 2, "new": 2, "foreign": 0}
    assert json.loads(again.stdout) == {"calls": 2, "new": 0, "foreign": 0}
    assert json.loads(later.stdout) == {"calls": 0, "new": 0, "foreign": 0}
    assert (wrong.returncode, "--since" in wrong.stderr) == (2, True)
