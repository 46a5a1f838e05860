"""An inactive reader says that they stay: by the page's button, and never by a scanner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.web.public.leaving import People
from tests.web.public.serving import Served, make_publication, serve


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("stay") / "news")) as running:
        yield running


def path_of(people: People, address: str) -> str:
    return f"/stay/{people.token(people.add(address))}"


def test_the_button_records_that_the_reader_stays_and_the_link_alone_does_not(served: Served, people: People) -> None:
    path = path_of(people, "ada@example.com")
    before = len(people.find("ada@example.com").consent)

    shown = requests.get(served.url + path, timeout=60)
    assert len(people.find("ada@example.com").consent) == before
    pressed = requests.post(served.url + path, timeout=60)

    assert shown.status_code == pressed.status_code == 200
    assert "Yes, keep it coming" in shown.text
    assert "Good to have you" in pressed.text
    assert "noindex" in pressed.headers["X-Robots-Tag"]
    last = people.find("ada@example.com").consent[-1]
    assert (last.list, last.status, last.source) == ("daily", "active", "stay page")
    assert people.find("ada@example.com").lists == {"daily": "active", "weekly": "active"}


def test_who_has_left_is_not_brought_back(served: Served, people: People) -> None:
    path = path_of(people, "bob@example.com")
    requests.post(served.url + path.replace("/stay/", "/unsubscribe/"), "List-Unsubscribe=One-Click", timeout=60)

    pressed = requests.post(served.url + path, timeout=60)

    assert "You are not on" in pressed.text
    assert people.find("bob@example.com").lists["daily"] == "unsubscribed"


def test_a_link_that_nobody_made_is_refused(served: Served) -> None:
    assert requests.get(served.url + "/stay/abc", timeout=60).status_code == 404
    assert requests.post(served.url + "/stay/abc", timeout=60).status_code == 404


def test_the_page_is_in_the_readers_language(served: Served, people: People) -> None:
    shown = requests.get(served.url + path_of(people, "eva@example.com"), headers={"Accept-Language": "de"}, timeout=60)

    assert "Ja, weiter so" in shown.text
