"""Hostile requests: each is refused and changes nothing, and the server goes on answering."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.web.public.serving import Mail, Served, join, make_publication, path_in, serve, token_of

QUICK = '[signup]\nmin_time = "0s"'
TRIES = 10_000 if os.environ.get("NEWSLETTER_SOAK") else 300


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("site") / "news", QUICK)) as running:
        yield running


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = f'{QUICK}\nper_network = "off"\nper_address = "off"'
    with serve(make_publication(tmp_path_factory.mktemp("site") / "news", settings)) as running:
        yield running


def rows(served: Served, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(served.folder / "newsletter.db")) as database:
        return database.execute(query).fetchall()


def raw(served: Served, *pieces: bytes, pause: float = 0.0, wait: float = 60.0) -> bytes:
    """Send these bytes, and return the answer up to the end of the connection."""
    where = urlsplit(served.url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=wait) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        found = b""
        while chunk := connection.recv(65536):
            found += chunk
            if b"\r\n\r\n" in found:
                break
        return found


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com\r\nBcc: all@example.com",
        "ada@example.com\nSubject: x",
        "ada@example.com, grace@example.com",
        '"ada\r\nBcc: x@example.com"@example.com',
        "<script>@example.com",
        "ada@example.com%0d%0aBcc:x@example.com",
        "ada@" + "a" * 300 + ".com",
        "@",
        "",
    ],
)
def test_no_header_can_be_injected_through_an_address(open_to_all: Served, address: str) -> None:
    answer = join(open_to_all, address)

    assert answer.status_code == 400
    assert rows(open_to_all, "SELECT count(*) FROM subscriber WHERE email LIKE '%bcc%'") == [(0,)]


def test_html_in_a_name_stays_text_wherever_it_is_shown(open_to_all: Served) -> None:
    name = "<img src=x onerror=alert(1)>\"'&{{ email }}"

    asked = join(open_to_all, "html@example.com", name=name)
    letter = Mail(open_to_all.folder).to("html@example.com")[0]
    requests.post(open_to_all.url + path_in(letter, "confirm"), timeout=60)
    again = join(open_to_all, "not an address", name=name)

    assert "<img src=x" not in asked.text + again.text
    assert "&lt;img src=x" in again.text
    assert "<img src=x" not in letter.as_string()


def test_a_name_of_a_megabyte_is_refused_before_it_is_read(open_to_all: Served) -> None:
    answer = join(open_to_all, "long@example.com", name="x" * 1_000_000)

    assert answer.status_code == 413
    assert rows(open_to_all, "SELECT count(*) FROM subscriber WHERE email = 'long@example.com'") == [(0,)]


def test_a_body_without_an_end_is_cut_off(open_to_all: Served) -> None:
    head = b"POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"

    answer = raw(open_to_all, head, *[b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * 6)

    assert b" 413 " in answer.split(b"\r\n")[0]


def test_a_body_that_trickles_is_given_ten_seconds(open_to_all: Served) -> None:
    head = b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"

    began = time.monotonic()
    answer = raw(open_to_all, head, b"email=")

    assert b" 408 " in answer.split(b"\r\n")[0]
    assert 8 < time.monotonic() - began < 50


def test_headers_without_an_end_are_cut_off(open_to_all: Served) -> None:
    with pytest.raises(ConnectionError):
        raw(open_to_all, b"GET / HTTP/1.1\r\n", *[b"X-Long: " + b"x" * 1_000 + b"\r\n"] * 5_000)


def test_headers_that_trickle_do_not_hold_a_connection(open_to_all: Served) -> None:
    began = time.monotonic()
    answer = raw(open_to_all, b"GET / HTTP/1.1\r\nHost:")

    assert answer == b""
    assert time.monotonic() - began < 50


@pytest.mark.parametrize("body", [b"%", b"a" * 60_000, b"&" * 60_000, b"=" * 60_000, b"\xff\xfe\x00"])
def test_a_form_of_nonsense_is_answered_without_an_error_of_ours(open_to_all: Served, body: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = requests.post(f"{open_to_all.url}/subscribe", data=body, headers=kind, timeout=60)

    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("body", ["", "[]", "1", '{"email": 1}', '{"email": {"a": 1}}', "[" * 50_000, "null", "{"])
def test_json_of_nonsense_is_a_400(open_to_all: Served, body: str) -> None:
    kind = {"Content-Type": "application/json"}

    answer = requests.post(f"{open_to_all.url}/subscribe", data=body, headers=kind, timeout=60)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"


def test_a_file_is_no_field(open_to_all: Served) -> None:
    answer = requests.post(f"{open_to_all.url}/subscribe", files={"email": ("x", b"x")}, timeout=60)

    assert answer.status_code == 400


def test_sign_ups_from_one_address_are_thirty_an_hour_however_many_are_tried(served: Served) -> None:
    session, token = requests.Session(), token_of(requests.get(f"{served.url}/subscribe", timeout=60).text)

    def status(number: int) -> int:
        data = {"email": f"reader{number}@example.com", "token": token}
        return session.post(f"{served.url}/subscribe", data=data, timeout=60).status_code

    statuses = [status(number) for number in range(TRIES)]
    limited = session.post(f"{served.url}/subscribe", data={"email": "x@example.com", "token": token}, timeout=60)

    assert statuses == [200] * 30 + [429] * (TRIES - 30)
    assert limited.headers["retry-after"]
    assert rows(served, "SELECT count(*) FROM subscriber") == [(30,)]


def test_a_forged_header_of_a_proxy_is_no_way_round_the_limit(tmp_path: Path) -> None:
    with serve(make_publication(tmp_path / "news", f'{QUICK}\nper_network = "2/h"')) as served:
        token = token_of(requests.get(f"{served.url}/subscribe", timeout=60).text)

        def status(number: int) -> int:
            headers = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"198.51.100.{number}"}
            data = {"email": f"proxy{number}@example.com", "token": token}
            return requests.post(f"{served.url}/subscribe", data=data, headers=headers, timeout=60).status_code

        statuses = [status(number) for number in range(5)]

    assert statuses == [200] * 2 + [429] * 3


def test_tokens_that_are_forged_cut_swapped_or_made_for_something_else_confirm_nobody(open_to_all: Served) -> None:
    join(open_to_all, "token@example.com")
    letter = Mail(open_to_all.folder).to("token@example.com")[0]
    path = path_in(letter, "confirm")
    own = str(letter["list-unsubscribe"]).strip("<>").rpartition("/")[2]
    token = path.rpartition("/")[2]
    forged = [token[:-1], token + "A", token[1:], token.swapcase(), own, "x", "%00", "..%2f..", "A" * 5_000]

    answers = [requests.post(f"{open_to_all.url}/confirm/{one}", timeout=60).status_code for one in forged]

    assert set(answers) == {404}
    found = "SELECT status FROM subscription JOIN subscriber ON id = subscriber_id WHERE email = 'token@example.com'"
    assert rows(open_to_all, found) == [("pending",)]


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "/?next=https://evil.example", "/%2f%2fevil.example"]
)
def test_no_address_redirects_to_another_site(open_to_all: Served, path: str) -> None:
    answer = requests.get(open_to_all.url + path, timeout=60, allow_redirects=False)

    assert answer.status_code in (200, 404)
    assert "location" not in answer.headers


def test_the_server_still_answers(open_to_all: Served) -> None:
    assert requests.get(f"{open_to_all.url}/readyz", timeout=60).status_code == 200
    assert "Traceback" not in "".join(open_to_all.lines)
