"""Unsubscribing: by a mail program, by a reader on the page, and never by a scanner or a foreign link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from newsletter.signed_links import Purpose
from newsletter.subscribers import leaving_reasons
from tests.web.public.leaving import People
from tests.web.public.serving import Served, make_publication, serve, token_of

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
"""The body, to the letter (RFC 8058, section 3.2)."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("leave") / "news")) as running:
        yield running


@pytest.fixture
def ada(people: People, request: pytest.FixtureRequest) -> tuple[str, str]:
    """Add a reader; gives her address and the path of the link in her mail."""
    address = f"ada.{re.sub('[^a-z0-9]', '', request.node.name)[-40:]}@example.com"
    return address, f"/unsubscribe/{people.token(people.add(address))}"


def press(served: Served, path: str, **fields: str | list[str]) -> requests.Response:
    return requests.post(served.url + path, data=fields, timeout=60, allow_redirects=False)


def test_a_mail_programs_post_unsubscribes_at_once(served: Served, people: People, ada: tuple[str, str]) -> None:
    # As Gmail sends it: no cookie, no referrer, no origin, nothing but the two headers and the body.
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Mozilla/5.0 (via GoogleImageProxy)"}

    answer = requests.post(served.url + ada[1], "List-Unsubscribe=One-Click", headers=headers, timeout=60)

    assert (answer.status_code, answer.history) == (200, [])
    assert "set-cookie" not in answer.headers
    assert people.find(ada[0]).lists == {"daily": "unsubscribed", "weekly": "active"}


def test_unsubscribing_twice_changes_nothing_more(served: Served, people: People, ada: tuple[str, str]) -> None:
    answers = [press(served, ada[1], **ONE_CLICK).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert [one.status for one in people.find(ada[0]).consent if one.list == "daily"] == ["active", "unsubscribed"]


def test_the_way_a_reader_left_is_recorded(served: Served, people: People, ada: tuple[str, str]) -> None:
    press(served, ada[1], **ONE_CLICK)

    last = people.find(ada[0]).consent[-1]

    assert (last.list, last.status, last.source, last.detail) == ("daily", "unsubscribed", "one click", {"campaign": 7})


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""),
        (b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n",
         "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
        (b"\xff\xfe{", "application/json"),
        (b"List-Unsubscribe=One-Click", "text/plain"),
    ],
)  # fmt: skip
def test_a_malformed_post_still_unsubscribes(
    served: Served, people: People, ada: tuple[str, str], body: bytes, kind: str
) -> None:
    answer = requests.post(served.url + ada[1], body, headers={"Content-Type": kind} if kind else {}, timeout=60)

    assert answer.status_code == 200
    assert people.find(ada[0]).lists["daily"] == "unsubscribed"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_requests_of_scanners_change_nothing(served: Served, people: People, ada: tuple[str, str], method: str) -> None:
    for query in ("", "?List-Unsubscribe=One-Click", "?choice=all"):
        requests.request(method, f"{served.url}{ada[1]}{query}", timeout=60)

    assert people.find(ada[0]).lists == {"daily": "active", "weekly": "active"}


def test_the_pages_first_form_and_button_leave_the_list(served: Served, people: People, ada: tuple[str, str]) -> None:
    page = requests.get(served.url + ada[1], timeout=60).text
    action, button = re.search(r'<form[^>]*action="([^"]+)".*?<button[^>]*value="(\w+)"', page, re.DOTALL).groups()  # type: ignore[union-attr]

    answer = press(served, action, choice=button)

    assert (action, answer.status_code) == (ada[1], 200)
    assert people.find(ada[0]).lists == {"daily": "unsubscribed", "weekly": "active"}
    assert "Would you tell us why?" in answer.text
    assert "Would you tell us why?" not in page, "asked only afterwards"


def test_a_browser_gets_a_page_and_a_program_text_or_json(served: Served, ada: tuple[str, str]) -> None:
    answers = [
        requests.post(served.url + ada[1], ONE_CLICK, headers={"Accept": accepted}, timeout=60)
        for accepted in ("text/html,*/*;q=0.8", "application/json", "*/*")
    ]

    assert "You have left" in answers[0].text
    assert answers[1].json() == {"unsubscribed": []}
    assert answers[2].text == "unsubscribed\n"


def test_leaving_everything_leaves_every_list(served: Served, people: People, ada: tuple[str, str]) -> None:
    press(served, ada[1], choice="all")

    assert people.find(ada[0]).status == "unsubscribed"
    assert people.find(ada[0]).consent[-1].source == "unsubscribe page"


def test_a_pause_is_shown_until_it_ends(served: Served, people: People, ada: tuple[str, str]) -> None:
    answer = press(served, ada[1], choice="pause")

    reader = people.find(ada[0])
    assert "A break until" in answer.text
    assert reader.lists["daily"] == "active"
    assert reader.pauses.keys() == {"daily"}
    assert reader.consent[-1].status == "paused"
    assert "You are taking a break" in requests.get(served.url + ada[1], timeout=60).text


def test_a_reader_who_left_by_mistake_can_return(served: Served, people: People, ada: tuple[str, str]) -> None:
    page = press(served, ada[1], choice="all").text
    lists = re.findall(r'name="list" value="(\w+)"', page)

    press(served, ada[1], choice="return", list=lists)

    assert lists == ["daily", "weekly"]
    assert people.find(ada[0]).lists == {"daily": "active", "weekly": "active"}


def test_an_unconfirmed_reader_cannot_join_by_the_link(served: Served, people: People) -> None:
    id = people.add("pending@example.com", {"daily": "pending"})

    press(served, f"/unsubscribe/{people.token(id)}", choice="return", list="daily")

    assert people.find("pending@example.com").lists == {"daily": "pending"}


def test_reasons_are_counted_without_a_name(served: Served, people: People, ada: tuple[str, str]) -> None:
    today = datetime.now(UTC).date()
    page = press(served, ada[1], choice="list").text
    token = token_of(page)

    answer = press(served, ada[1], reason="too-much", token=token)
    press(served, ada[1], reason="too-much", token="forged")
    press(served, ada[1], reason="<script>", token=token)

    with people.database.read() as connection:
        counted = leaving_reasons.count_reasons(connection, today)
    assert "Thank you" in answer.text
    assert counted == [("daily", "too-much", 1)]


@pytest.mark.parametrize("spoil", ["cut", "flipped", "swapped", "padded", "other purpose", "made up", "long"])
def test_a_link_that_is_not_ours_does_nothing(served: Served, people: People, ada: tuple[str, str], spoil: str) -> None:
    token, other = ada[1].rpartition("/")[2], people.token(people.add("bob@example.com"))
    spoiled = {
        "cut": token[:-3],
        "flipped": ("A" if token[0] != "A" else "B") + token[1:],
        "swapped": token[:22] + other[22:],
        "padded": token + "=",
        "other purpose": people.token(people.find(ada[0]).id, purpose=Purpose.CONFIRM),
        "made up": "sample",
        "long": "A" * 5_000,
    }[spoil]

    answers = [
        press(served, f"/unsubscribe/{spoiled}", **ONE_CLICK),
        requests.get(f"{served.url}/unsubscribe/{spoiled}", timeout=60),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "This link does not work" in answers[1].text
    assert people.find(ada[0]).lists == people.find("bob@example.com").lists == {"daily": "active", "weekly": "active"}


def test_the_link_of_an_erased_reader_is_answered_kindly(served: Served, people: People) -> None:
    path = f"/unsubscribe/{people.token(4711)}"

    shown = requests.get(served.url + path, timeout=60)
    left = press(served, path, **ONE_CLICK)

    assert (shown.status_code, left.status_code) == (200, 200)
    assert "We have no address of yours" in shown.text


def test_the_link_of_a_removed_list_leaves_every_list(served: Served, people: People) -> None:
    id = people.add("old@example.com")
    path = f"/unsubscribe/{people.token(id, 'evening')}"

    shown = requests.get(served.url + path, timeout=60)
    press(served, path, **ONE_CLICK)

    assert "Leave Daily Inference?" in re.sub("</?bdi>", "", shown.text)
    assert people.find("old@example.com").status == "unsubscribed"


def test_the_page_speaks_the_readers_language(served: Served, people: People) -> None:
    id = people.add("aisha@example.com", {"daily": "active"}, "Aisha", "", "", "ar")
    path = f"{served.url}/unsubscribe/{people.token(id)}"

    own, asked = requests.get(path, timeout=60), requests.get(f"{path}?lang=fr", timeout=60)

    assert '<html lang="ar" dir="rtl">' in own.text
    assert '<html lang="fr" dir="ltr">' in asked.text


def test_the_requested_language_stays_on_the_next_page(served: Served, ada: tuple[str, str]) -> None:
    page = requests.get(f"{served.url}{ada[1]}?lang=de", timeout=60).text
    action = re.search(r'action="([^"]+)"', page)
    assert action

    assert action[1] == f"{ada[1]}?lang=de"
    assert "Pause bis" in press(served, action[1], choice="pause").text
    assert "lang=%22" not in requests.get(f'{served.url}{ada[1]}?lang="><b>', timeout=60).text


def test_the_pages_are_not_indexed_and_send_no_referrer(served: Served, ada: tuple[str, str]) -> None:
    answer = requests.get(served.url + ada[1], timeout=60)

    assert answer.headers["x-robots-tag"] == "noindex"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert len(answer.content) < 50_000
