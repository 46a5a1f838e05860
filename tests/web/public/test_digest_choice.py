"""A reader chooses between every issue and a digest of them, on the preferences page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from tests.web.public.leaving import People
from tests.web.public.serving import DIGEST, Served, make_publication, serve, token_of


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("digest") / "news", DIGEST)) as running:
        yield running


def page_of(served: Served, people: People, name: str, lists: dict[str, str]) -> tuple[str, str]:
    """Add a reader; return the address, and the address of the preferences."""
    email = f"{name}@example.com"
    people.add(email, lists)
    return email, f"{served.url}/preferences/{people.token(people.find(email).id)}"


def choose(page: str, **fields: str) -> requests.Response:
    shown = requests.get(page, timeout=60).text
    was = re.findall(r'name="was" value="([^"]*)"', shown)[0]
    return requests.post(page, {"token": token_of(shown), "was": was, **fields}, timeout=60)


def test_a_reader_takes_the_digest_instead_of_every_issue(served: Served, people: People) -> None:
    email, page = page_of(served, people, "less", {"daily": "active", "weekly": "active"})

    shown = requests.get(page, timeout=60).text
    assert re.search(r'type="radio" name="often-daily" value="daily" checked', shown)
    assert re.search(r'type="radio" name="often-daily" value="month">', shown)
    assert not re.search(r'type="checkbox" name="list" value="(daily|month)"', shown)
    answer = choose(page, **{"often-daily": "month", "list": "weekly"})

    assert answer.status_code == 200
    assert re.search(r'value="month" checked', answer.text)
    reader = people.find(email)
    assert reader.lists == {"daily": "unsubscribed", "month": "active", "weekly": "active"}
    assert [(proof.list, proof.status, proof.source) for proof in reader.consent[-2:]] == [
        ("daily", "unsubscribed", "preferences page"),
        ("month", "active", "preferences page"),
    ]


def test_none_of_them_leaves_both(served: Served, people: People) -> None:
    email, page = page_of(served, people, "none", {"daily": "active"})
    choose(page, **{"often-daily": ""})
    assert people.find(email).lists == {"daily": "unsubscribed"}


def test_who_has_both_keeps_both_until_they_choose(served: Served, people: People) -> None:
    email, page = page_of(served, people, "both", {"daily": "active", "month": "active"})

    assert re.search(r'name="often-daily" value="daily month" checked', requests.get(page, timeout=60).text)
    choose(page, **{"often-daily": "daily month"})
    assert people.find(email).lists == {"daily": "active", "month": "active"}
    choose(page, **{"often-daily": "daily"})
    assert people.find(email).lists == {"daily": "active", "month": "unsubscribed"}


def test_a_choice_that_is_not_offered_changes_nothing(served: Served, people: People) -> None:
    email, page = page_of(served, people, "odd", {"daily": "active"})

    assert choose(page, **{"often-daily": "weekly"}).status_code == 400
    assert people.find(email).lists == {"daily": "active"}


def test_a_form_without_the_choice_means_what_it_ticks(served: Served, people: People) -> None:
    email, page = page_of(served, people, "old", {"daily": "active"})
    choose(page, list="weekly")
    assert people.find(email).lists == {"daily": "unsubscribed", "weekly": "active"}
