"""The preferences page: changes need the reader's link and our form."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from sqlalchemy import Text, select

from newsletter.database.tables import metadata
from newsletter.subscribers import suppressions
from newsletter.subscribers.files.imports import import_csv
from tests.web.public.leaving import People
from tests.web.public.serving import Mail, Served, join, make_publication, path_in, serve, token_of


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    quick = '[signup]\nmin_time = "0s"\nper_network = "off"'
    with serve(make_publication(tmp_path_factory.mktemp("preferences") / "news", quick)) as running:
        yield running


@pytest.fixture
def ada(people: People, request: pytest.FixtureRequest) -> tuple[str, str]:
    """Add a reader; gives her address and the path of her preferences."""
    address = f"ada.{re.sub('[^a-z0-9]', '', request.node.name)[-40:]}@example.com"
    people.add(address, {"daily": "active"}, "Ada", "Lovelace", "Europe/Berlin", "")
    return address, f"/preferences/{people.token(people.find(address).id)}"


def send(served: Served, path: str, headers: dict[str, str] | None = None, **fields: Any) -> requests.Response:
    said = {"token": token_of(requests.get(served.url + path, timeout=60).text), **fields}
    return requests.post(served.url + path, data=said, headers=headers, timeout=60, allow_redirects=False)


def test_the_page_shows_the_readers_preferences(served: Served, ada: tuple[str, str]) -> None:
    page = requests.get(served.url + ada[1], timeout=60).text

    assert re.search(r'value="daily" checked', page)
    assert not re.search(r'value="weekly" checked', page)
    assert 'value="Ada Lovelace"' in page
    assert re.search(r'<select id="timezone"[^>]*>\s*<option value="Europe/Berlin" selected>Berlin', page)
    assert 'value="Asia/Tokyo"' in page
    assert len(requests.get(f"{served.url}{ada[1]}?lang=ar", timeout=60).content) < 50_000


def test_everything_is_changed_at_once_with_evidence(served: Served, people: People, ada: tuple[str, str]) -> None:
    chosen: dict[str, Any] = {
        "list": ["weekly"],
        "name": "  Ada  King Noel ",
        "timezone": "Asia/Tokyo",
        "language": "de",
    }

    answer = send(served, ada[1], action="save", **chosen)

    reader = people.find(ada[0])
    assert answer.status_code == 200
    assert "Gespeichert" in answer.text
    assert reader.lists == {"daily": "unsubscribed", "weekly": "active"}
    assert reader.fields == {"first_name": "Ada", "last_name": "King Noel", "timezone": "Asia/Tokyo", "language": "de"}
    assert [(one.list, one.status, one.source) for one in reader.consent[1:]] == [
        ("daily", "unsubscribed", "preferences page"),
        ("weekly", "active", "preferences page"),
    ]


def test_saving_without_a_change_changes_nothing(served: Served, people: People, ada: tuple[str, str]) -> None:
    before = people.find(ada[0])

    send(served, ada[1], list="daily", name="Ada Lovelace", timezone="Europe/Berlin", language="")

    assert people.find(ada[0]) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_of_another_site_is_refused(
    served: Served, people: People, ada: tuple[str, str], headers: dict[str, str]
) -> None:
    answer = send(served, ada[1], headers, action="save")

    assert answer.status_code == 403
    assert people.find(ada[0]).lists == {"daily": "active"}


@pytest.mark.parametrize("form", ["", "forged", "subscribe"])
def test_a_form_that_we_did_not_show_changes_nothing(
    served: Served, people: People, ada: tuple[str, str], form: str
) -> None:
    if form == "subscribe":  # a form of ours, but another
        shown = requests.get(f"{served.url}/subscribe", timeout=60).text
        form = token_of(shown)

    for action in ("save", "forget", "resume", "download"):
        said = {"token": form, "action": action, "sure": "yes", "name": "Eve"}
        answer = requests.post(served.url + ada[1], said, timeout=60)
        assert "open for too long" in answer.text
        assert answer.status_code == 400

    assert people.find(ada[0]).lists == {"daily": "active"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "x" * 1_000},
        {"name": "Ada\x00\r\nBcc: eve@example.com\x07"},
        {"timezone": "Europe/Atlantis"},
        {"timezone": "../../etc/passwd"},
        {"language": "<b>"},
    ],
)
def test_values_that_our_form_does_not_offer_are_refused_whole(
    served: Served, people: People, ada: tuple[str, str], wrong: dict[str, Any]
) -> None:
    before = people.find(ada[0])

    answer = send(served, ada[1], list="weekly", **wrong)

    assert "could not be saved" in answer.text
    assert people.find(ada[0]) == before


def test_a_megabyte_of_name_is_refused_before_it_is_read(served: Served, people: People, ada: tuple[str, str]) -> None:
    assert send(served, ada[1], name="x" * 1_000_000).status_code == 413
    assert people.find(ada[0]).fields["first_name"] == "Ada"


def test_html_in_a_name_is_shown_as_text(served: Served, ada: tuple[str, str]) -> None:
    page = send(served, ada[1], list="daily", name='"><script>alert(1)</script>').text

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_unknown_lists_are_ignored(served: Served, people: People, ada: tuple[str, str]) -> None:
    send(served, ada[1], list=["daily", "secret", "*"], name="Ada Lovelace", timezone="Europe/Berlin")

    assert people.find(ada[0]).lists == {"daily": "active"}


def test_a_pause_is_shown_and_ends_when_the_reader_says_so(
    served: Served, people: People, ada: tuple[str, str]
) -> None:
    requests.post(served.url + ada[1].replace("preferences", "unsubscribe"), {"choice": "pause"}, timeout=60)
    page = requests.get(served.url + ada[1], timeout=60).text
    command = [sys.executable, "-m", "newsletter", "subscribers", "show", ada[0]]
    shown = subprocess.run(command, cwd=served.folder, capture_output=True, text=True, check=True)

    send(served, ada[1], action="resume")

    assert "Paused until" in page
    assert "list daily: active, paused until 20" in shown.stdout
    assert people.find(ada[0]).pauses == {}
    assert [one.status for one in people.find(ada[0]).consent] == ["active", "paused", "active"]


def test_a_reader_downloads_everything_that_is_kept(served: Served, people: People, ada: tuple[str, str]) -> None:
    answer = send(served, ada[1], action="download")

    held = json.loads(answer.content)
    assert answer.headers["content-disposition"] == 'attachment; filename="newsletter-data.json"'
    assert held["email"] == ada[0]
    assert held["fields"]["last_name"] == "Lovelace"
    assert held["consent"][0]["source"] == "test"
    assert {"since", "letters", "signups", "deliveries", "suppressed"} <= held.keys()


def test_the_download_says_since_when_and_why_no_mail_goes_to_an_address(served: Served, people: People) -> None:
    page = f"/preferences/{people.token(people.add('dead@example.com'))}"
    at = datetime(2025, 1, 17, tzinfo=UTC)
    with people.database.begin() as connection:
        suppressions.suppress(connection, "dead@example.com", suppressions.Reason.BOUNCED, "postmark: 550 5.1.1", at)

    told = json.loads(send(served, page, action="download").content)["suppressed"]

    assert (told["reason"], told["detail"]) == ("bounced", "postmark: 550 5.1.1")
    assert told["at"].startswith("2025-01-17T00:00")


def test_erasure_asks_for_confirmation(served: Served, people: People, ada: tuple[str, str]) -> None:
    answer = send(served, ada[1], action="forget")

    assert "Shall we forget you?" in answer.text
    assert people.find_or_none(ada[0])


def test_an_erased_reader_is_nowhere_and_no_import_brings_them_back(
    served: Served, people: People, ada: tuple[str, str]
) -> None:
    join(served, ada[0], name="Ada of the form")
    Mail(served.folder).to(ada[0])
    send(served, ada[1], action="forget", sure="yes")
    file = io.BytesIO(f"email\n{ada[0]}\n".encode())

    report = import_csv(people.database, people.publication, file, "old.csv", now=datetime.now(UTC))

    assert everything_with(people, ada[0]) == []
    assert [refusal.reason for refusal in report.refusals] == ["this address is suppressed (erased)"]
    assert "We have no address of yours" in requests.get(served.url + ada[1], timeout=60).text


def test_an_erased_reader_who_signs_up_again_is_a_new_reader(
    served: Served, people: People, ada: tuple[str, str]
) -> None:
    before = people.find(ada[0]).id
    send(served, ada[1], action="forget", sure="yes")

    join(served, ada[0])
    requests.post(served.url + path_in(Mail(served.folder).to(ada[0])[0], "confirm"), timeout=60)

    again = people.find(ada[0])
    assert again.status == "active"
    assert again.id > before, "old links are nobody's"
    assert "first_name" not in again.fields
    with people.database.read() as connection:
        assert suppressions.suppressed(connection, [ada[0]]) == {}


def everything_with(people: People, address: str) -> list[str]:
    """Return every column of every table that holds the address, or its part before the @."""
    found = []
    with people.database.read() as connection:
        for table in metadata.sorted_tables:
            for column in table.columns:
                values = connection.scalars(select(column)).all() if isinstance(column.type, Text) else []
                found += [f"{table}.{column.name}" for value in values if value and address[:-12] in value]
    return found


def test_the_link_of_an_unknown_reader_is_answered_kindly(served: Served, people: People) -> None:
    nobody = requests.get(f"{served.url}/preferences/{people.token(4711)}", timeout=60)
    broken = requests.get(f"{served.url}/preferences/sample", timeout=60)

    assert (nobody.status_code, broken.status_code) == (200, 404)
    assert "There is nothing to change" in nobody.text
    assert "This link does not work" in broken.text
