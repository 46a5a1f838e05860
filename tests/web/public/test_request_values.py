"""Requests with texts, addresses and numbers that are none: each gets an answer, and evidence keeps no reader's key."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from tests.web.public.serving import Mail, Served, join, make_publication, path_in, serve, token_of

OPEN = '[signup]\nmin_time = "0s"\nper_network = "off"\nper_address = "off"'
JSON = {"Content-Type": "application/json"}
HALF = "\ud800"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("values") / "news", OPEN)) as running:
        yield running


def evidence(served: Served, address: str) -> str:
    """Return the page that is kept as evidence of an address's sign-up."""
    with closing(sqlite3.connect(served.folder / "newsletter.db")) as database:
        query = "SELECT proof FROM signup JOIN subscriber ON subscriber.id = subscriber_id WHERE email = ?"
        proof = database.execute(query, [address]).fetchone()[0]
    return str(json.loads(proof)["page"])


def form_token(served: Served) -> str:
    return token_of(requests.get(f"{served.url}/subscribe", timeout=60).text)


@pytest.mark.parametrize("field", ["name", "email", "list", "page", "token", "else", HALF])
def test_a_program_is_told_that_half_a_character_cannot_be_kept(served: Served, field: str) -> None:
    body = {"email": "half@example.com", "token": form_token(served), field: f"x{HALF}@example.com"}

    answer = requests.post(f"{served.url}/subscribe", data=json.dumps(body), headers=JSON, timeout=60)

    assert (answer.status_code, "type it again" in answer.json()["error"]) == (400, True)
    listed = subprocess.run(
        [sys.executable, "-m", "newsletter", "subscribers", "list"], cwd=served.folder, capture_output=True, text=True
    )
    assert (listed.returncode, "half@example.com" in listed.stdout) == (0, False)


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "undefined", "idna", "punycode", "x", "utf-16"])
def test_a_form_in_a_charset_of_tricks_is_no_error_of_ours(served: Served, charset: str) -> None:
    head = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    fields = {"email": "tricks@example.com", "token": form_token(served), "name": "a\\ud800+2AA-"}
    body = "".join(part.format(*field) for field in fields.items()) + "--b--\r\n"

    answer = requests.post(f"{served.url}/subscribe", data=body.encode(), headers=head, timeout=60)

    assert answer.status_code in (200, 400)
    assert requests.get(f"{served.url}/readyz", timeout=60).status_code == 200


def test_a_reader_s_preferences_refuse_half_a_character_and_still_open(served: Served) -> None:
    join(served, "prefs@example.com")
    letter = Mail(served.folder).to("prefs@example.com")[0]
    path = "/preferences/" + str(letter["list-unsubscribe"]).strip("<>").rpartition("/")[2]
    token = token_of(requests.get(served.url + path, timeout=60).text)
    body = json.dumps({"token": token, "name": HALF})

    answer = requests.post(served.url + path, data=body, headers=JSON, timeout=60)

    assert answer.status_code == 400
    assert requests.get(served.url + path, timeout=60).status_code == 200


@pytest.mark.parametrize("header", ["Referer", "Origin", "Host"])
@pytest.mark.parametrize(
    "value", ["http://[", "http://[x]/", "https://a:99999999/", "http://\xff", "[", "//", "data:x"]
)
def test_a_header_that_is_no_address_is_answered(served: Served, header: str, value: str) -> None:
    headers = {header: value, "Accept": "text/html"}
    pages = [requests.get(served.url + path, headers=headers, timeout=60) for path in ("/", "/subscribe", "/embed")]
    data = {"email": "header@example.com", "token": form_token(served)}
    sent = requests.post(f"{served.url}/subscribe", data=data, headers=headers, timeout=60)

    assert all(page.status_code in (200, 400) for page in [*pages, sent])


@pytest.mark.parametrize("digits", [9, 10, 4_400, 20_000])
def test_a_page_number_without_an_end_is_a_page_that_is_not_there(served: Served, digits: int) -> None:
    assert requests.get(f"{served.url}/issues/page/{'9' * digits}", timeout=60).status_code == 404


def test_a_length_of_thousands_of_digits_is_refused(served: Served) -> None:
    session, request = requests.Session(), requests.Request("POST", f"{served.url}/subscribe", data="x").prepare()
    request.headers["Content-Length"] = "9" * 4_400

    assert 400 <= session.send(request, timeout=60).status_code < 500


@pytest.mark.parametrize("way", ["referer", "field"])
@pytest.mark.parametrize(
    ("page", "kept"),
    [
        ("{site}/preferences/{token}?lang=de", "{site}/preferences"),
        ("{site}/unsubscribe/{token}", "{site}/unsubscribe"),
        ("{site}/confirm/{token}/", "{site}/confirm"),
        ("{server}/preferences/{token}", "{site}/preferences"),
        ("{site}/preferences%2F{token}", "{site}/"),
        ("{site}/issues/{token}", "{site}/"),
        ("{site}/c/{token}.1", "{site}/"),
        ("https://{token}@news.example.com/subscribe", "{site}/subscribe"),
        ("{site}/subscribe?email=ada@example.com&t={token}#{token}", "{site}/subscribe"),
        ("{site}/issues/first-%C3%A9", "{site}/issues/first-%C3%A9"),
        ("{site}/issues/page/2", "{site}/issues/page/2"),
        ("https://friend.example/reset/{token}?t={token}", "https://friend.example/"),
        ("javascript:{token}", "{site}/subscribe"),
    ],
)
def test_evidence_of_consent_names_a_public_page_and_holds_no_reader_s_key(
    served: Served, way: str, page: str, kept: str
) -> None:
    join(served, "owner@example.com")
    token = path_in(Mail(served.folder).to("owner@example.com")[0], "confirm").rpartition("/")[2]
    names = {"site": "https://news.example.com", "server": served.url, "token": token}
    address = f"{abs(hash((way, page)))}@example.com"
    written = page.format(**names)

    sent = {"email": address, "token": form_token(served), **({"page": written} if way == "field" else {})}
    headers = {"Referer": written} if way == "referer" else {}
    shown = requests.get(f"{served.url}/", headers=headers, timeout=60).text
    answer = requests.post(f"{served.url}/subscribe", data=sent, headers=headers, timeout=60)

    assert answer.status_code == 200
    assert evidence(served, address) == kept.format(**names)
    assert token not in shown
    assert token not in "".join(served.lines)


@pytest.mark.parametrize("body", ["name=%ED%A0%80", "name=%FF", "name=Jos%E9", "%FF=x", b"name=\xe9"])
def test_a_form_that_is_not_utf_8_is_refused_and_changes_nothing(served: Served, body: str | bytes) -> None:
    rest = f"email=latin@example.com&token={form_token(served)}&".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    data = rest + (body if isinstance(body, bytes) else body.encode())

    answer = requests.post(f"{served.url}/subscribe", data=data, headers=kind, timeout=60)

    assert answer.status_code == 400
    assert Mail(served.folder).now("latin@example.com") == []


@pytest.mark.parametrize("field", ["email", "name", "list", "page", "token"])
@pytest.mark.parametrize("as_json", [True, False], ids=["JSON", "form"])
def test_nul_is_never_kept(served: Served, field: str, as_json: bool) -> None:
    address = f"nul-{field}-{as_json}@example.com".lower()
    fields = {"email": address, "token": form_token(served), "name": "Ada", "list": "daily", "page": "/"}
    fields[field] += "\0"
    body = {"data": json.dumps(fields), "headers": JSON} if as_json else {"data": fields}

    answer = requests.post(f"{served.url}/subscribe", timeout=60, **body)

    assert answer.status_code in (200, 400)
    with closing(sqlite3.connect(served.folder / "newsletter.db")) as database:
        kept = "\n".join(row for row in database.iterdump())
    assert "\0" not in kept
    assert "u0000" not in kept


def test_nothing_of_all_this_was_an_error_of_the_server(served: Served) -> None:
    assert "Traceback" not in "".join(served.lines)
