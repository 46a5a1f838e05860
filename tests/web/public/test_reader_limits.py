"""A reader's link changes things only so often; it always lets its reader leave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.web.public.leaving import People
from tests.web.public.serving import Served, make_publication, serve, token_of

SETTINGS = '[serve]\nchanges_per_reader = "3/h"\nchanges_per_network = "8/h"\nproxies = ["127.0.0.1"]'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("limits") / "news", SETTINGS)) as running:
        yield running


def change(served: Served, token: str, network: str, **fields: str) -> requests.Response:
    page = f"{served.url}/preferences/{token}"
    data = {"token": token_of(requests.get(page, timeout=60).text), "list": "daily", **fields}
    return requests.post(page, data=data, headers={"X-Forwarded-For": network}, timeout=60)


def test_preferences_are_changed_only_so_often(served: Served, people: People) -> None:
    token = people.token(people.add("often@example.com"))
    actions = [{"name": "One"}, {"action": "download"}, {"action": "forget"}, {"name": "Four"}]

    answers = [change(served, token, f"192.0.2.{n}", **fields) for n, fields in enumerate(actions)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "3600"
    assert "Too many tries" in answers[3].text
    assert people.find("often@example.com").fields["first_name"] == "One"
    assert requests.get(f"{served.url}/preferences/{token}", timeout=60).status_code == 200
    page = f"{served.url}/preferences/{token}"
    data = {"token": token_of(requests.get(page, timeout=60).text), "list": "daily"}
    told = requests.post(page, data=data, headers={"Accept": "application/json"}, timeout=60)
    assert (told.status_code, "too many" in told.json()["error"]) == (429, True)


@pytest.mark.parametrize("spread", ["198.51.100.7", "2001:db8:7:7::{}"])
def test_one_network_cannot_change_every_reader(served: Served, people: People, spread: str) -> None:
    names = [f"n{n}.{len(spread)}@example.com" for n in range(10)]
    tokens = [people.token(people.add(name)) for name in names]

    answers = [change(served, token, spread.format(n + 1)).status_code for n, token in enumerate(tokens)]

    assert answers == [200] * 8 + [429] * 2


def test_who_takes_every_tick_away_leaves_however_often_the_form_was_sent(served: Served, people: People) -> None:
    token = people.token(people.add("unticks@example.com"))
    for _ in range(4):
        change(served, token, "192.0.2.99", name="One")

    left = change(served, token, "192.0.2.99", list="")

    assert left.status_code == 200
    assert people.find("unticks@example.com").status == "unsubscribed"
    assert change(served, token, "192.0.2.99").status_code == 429


def test_leaving_is_never_refused_and_coming_back_is_limited(served: Served, people: People) -> None:
    token = people.token(people.add("leaves@example.com"))
    page, proxy = f"{served.url}/unsubscribe/{token}", {"X-Forwarded-For": "203.0.113.9"}
    one_click = {"List-Unsubscribe": "One-Click"}

    returned = []
    for _ in range(5):
        assert requests.post(page, data=one_click, headers=proxy, timeout=60).status_code == 200
        back = requests.post(page, data={"choice": "return", "list": "daily"}, headers=proxy, timeout=60)
        returned.append(back.status_code)
    many = [people.token(people.add(f"m{n}@example.com")) for n in range(30)]
    left = [
        requests.post(f"{served.url}/unsubscribe/{each}", data=one_click, headers=proxy, timeout=60) for each in many
    ]

    assert returned == [200, 200, 200, 429, 429]
    assert {answer.status_code for answer in left} == {200}
    assert requests.post(page, data={"choice": "all"}, headers=proxy, timeout=60).status_code == 200
