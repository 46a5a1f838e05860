"""Stored evidence is read however damaged it is, and shown without the keys of readers' pages."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from newsletter.signed_links import Links, Purpose
from newsletter.subscribers.evidence import read_details, read_list, read_object, without_tokens
from tests.web.public.leaving import People
from tests.web.public.serving import make_publication, serve, token_of

TOKEN = "Suzd0bclE7D6JGYhXS2fADWcif33GHGvifNR-Wk"
SITE = "https://news.example.com"
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters()), lambda part: st.lists(part))
HALVES = st.text(st.characters(categories=["Cs", "L", "P"]))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"{SITE}/preferences/{TOKEN}", f"{SITE}/preferences"),
        (f"{SITE}/preferences/{TOKEN}?lang=de#top", f"{SITE}/preferences"),
        (f"{SITE}/news/daily/confirm/{TOKEN}", f"{SITE}/news/daily/confirm"),
        (f"{SITE}/unsubscribe/{TOKEN}/", f"{SITE}/unsubscribe"),
        (f"{SITE}/c/{TOKEN}.12", f"{SITE}/c"),
        (f"{SITE}/news/o/{TOKEN}", f"{SITE}/news/o"),
        (f"/unsubscribe/{TOKEN}", "/unsubscribe"),
        (f"{SITE}/preferences%2F{TOKEN}", f"{SITE}/preferences"),
        (f"{SITE}%2fpreferences%2f{TOKEN}", f"{SITE}%2fpreferences"),
        (f"from {SITE}/confirm/{TOKEN} on", f"from {SITE}/confirm on"),
        (f"{SITE}/subscribe", f"{SITE}/subscribe"),
        (f"{SITE}/preferences", f"{SITE}/preferences"),
        (f"{SITE}/issues/c/o", f"{SITE}/issues/c/o"),
        ("https://other.example/c/article", "https://other.example/c/article"),
    ],
)
def test_a_reader_s_own_page_is_shown_as_its_route(address: str, shown: str) -> None:
    assert without_tokens(address) == shown
    assert read_details(json.dumps({"page": address, "pages": [address]})) == {"page": shown, "pages": [shown]}


@given(JSON | st.dictionaries(st.text(), JSON), st.integers(min_value=0))
def test_any_stored_text_is_read_and_can_be_written(value: object, cut: int) -> None:
    stored = json.dumps(value)

    for text in (stored, stored[: cut % (len(stored) + 1)]):
        json.dumps([read_details(text), read_object(text), read_list(text)], ensure_ascii=False).encode()


@given(HALVES)
def test_half_a_character_becomes_the_sign_for_one(text: str) -> None:
    details = read_details(json.dumps({text: text}))

    assert all("\ud800" <= letter <= "\udfff" or letter in str(details) for letter in text if letter.isalpha())
    str(details).encode()


def test_what_is_no_json_is_shown_as_it_is() -> None:
    assert read_details('{"page": ') == {"unreadable": '{"page": '}
    assert read_details("[1]") == {"unreadable": "[1]"}
    assert read_list('{"a": 1}') == []


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a publication with a reader whose evidence, sign-up, fields and tags are damaged or hold a token.

    On SQLite alone: PostgreSQL takes no such JSON.
    """
    folder = make_publication(tmp_path_factory.mktemp("damaged") / "news", '[signup]\nmin_time = "0s"')
    people = People(folder)
    people.add("ada@example.com")
    people.database.close()
    page = f"{SITE}/preferences/{TOKEN}"
    broken = ('{"page": ', '{"page": "\\ud800"}', json.dumps({"page": page}), "[]", "")
    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        for no, text in enumerate(broken, start=3):
            database.execute("INSERT INTO consent VALUES (1, ?, 'daily', 'active', '2025', 1, ?)", [no, text])
            row = "INSERT INTO signup (subscriber_id, lists, language, source_id, proof, asked_at)"
            database.execute(f"{row} VALUES (1, '[\"daily\"]', 'en', 1, ?, '2026-11-29T12:00:00.000Z')", [text])
        database.execute('UPDATE consent_source SET detail = \'{"text": "\\udfff"}\'')
        database.execute('UPDATE subscriber SET fields = \'{"plan": "\\ud800"}\', tags = \'["\\ud800"\'')
        database.commit()
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "newsletter", "subscribers", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ["show", "ada@example.com"],
        ["show", "ada@example.com", "--json"],
        ["list"],
        ["list", "--json"],
        ["export"],
    ],
    ids=" ".join,
)
def test_commands_show_readers_whose_evidence_is_damaged(damaged: Path, command: list[str]) -> None:
    done = run(damaged, *command)

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert b"ada@example.com" in done.stdout
    assert TOKEN.encode() not in done.stdout


def test_a_reader_whose_evidence_is_damaged_sees_saves_and_downloads(damaged: Path) -> None:
    people = People(damaged)
    links = Links(people.publication)
    reader = people.find("ada@example.com")
    path = f"/preferences/{people.token(reader.id)}"
    with serve(damaged) as served:
        page = requests.get(served.url + path, timeout=60)
        form = {"token": token_of(page.text), "list": "daily", "name": "Ada"}
        saved = requests.post(served.url + path, form, timeout=60)
        file = requests.post(served.url + path, {**form, "action": "download"}, timeout=60)
        confirmed = [
            requests.post(
                f"{served.url}/confirm/"
                + links.token(Purpose.CONFIRM, reader.id, number, "20261129120000000", reader.link_key),
                timeout=60,
            )
            for number in range(1, 6)
        ]
    people.database.close()

    assert [page.status_code, saved.status_code, file.status_code] == [200, 200, 200]
    assert file.json()["email"] == "ada@example.com"
    assert TOKEN not in file.text
    assert [answer.status_code for answer in confirmed] == [200] * 5


def test_a_reader_whose_fields_are_damaged_is_mailed_and_told_more_about(damaged: Path) -> None:
    (damaged / "issues").mkdir()
    issue = "---\nsubject: Hello\ndate: 2025-01-17\n---\n\nHello {{ plan | default('you') }}.\n"
    (damaged / "issues" / "2025-01-17-hello.md").write_text(issue, encoding="utf-8")

    added = run(damaged, "add", "ada@example.com", "--field", "city=Bern", "--tag", "vip")
    sent = subprocess.run(
        [sys.executable, "-m", "newsletter", "send", "hello", "--yes"], cwd=damaged, capture_output=True, check=False
    )

    assert [added.returncode, sent.returncode] == [0, 0]
    assert len(list(damaged.glob("outbox/*-hello/*.eml"))) == 1


def test_a_reader_whose_evidence_is_damaged_can_be_removed(damaged: Path) -> None:
    assert run(damaged, "remove", "ada@example.com").returncode == 0
