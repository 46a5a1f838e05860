"""Every page and form of a reader's link, in every state that the reader may be in: it does and says what is so now."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
import requests

from newsletter.subscribers import consent, suppressions
from newsletter.subscribers.erasure import erase
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.writes import SubscriberEntry, enter
from tests.web.public.leaving import People
from tests.web.public.serving import Mail, Served, join, make_publication, path_in, serve, token_of

QUICK = '[signup]\nmin_time = "0s"\nper_network = "off"\nper_address = "off"'
NUMBERS = itertools.count()
UNKNOWN = "We have no address of yours"
NOT_ON, LEAVE, LEFT = "You are not on", "Leave <bdi>Daily Inference", "You have left"
BACK, WELCOME, BREAK = "Good to have you back", "Welcome, you are in", "A break until"
BARRED = "our mail came back, or we were asked to stop"


class Cell(NamedTuple):
    """What an action leads to."""

    status: str
    """The reader's status on the list, `paused` for a pause, empty when there is no reader."""
    says: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("states") / "news", QUICK)) as running:
        yield running


def reader_in(served: Served, people: People, state: str) -> tuple[str, str]:
    """Make a reader in a state; gives the address and the token of the link."""
    address = f"{state}{next(NUMBERS)}@example.com"
    if state == "none":
        return address, people.token(10_000_000)
    now = datetime.now(UTC) - timedelta(minutes=1)
    number = people.add(address, {"daily": "pending" if state == "pending" else "active"})
    token = people.token(number)
    with people.database.begin() as connection:
        source = consent.record_source(connection, "test", {}, now)
        if state in ("unsubscribed", "complained", "at the provider"):
            enter(connection, [SubscriberEntry(address, (("daily", "unsubscribed"),))], source, now)
        reason = {"complained": Reason.COMPLAINED, "bounced": Reason.BOUNCED, "at the provider": Reason.UNSUBSCRIBED}
        if state in reason:
            suppressions.suppress(connection, address, reason[state], "", now)
        if state == "removed":
            erase(connection, address)
    if state == "paused":
        requests.post(f"{served.url}/unsubscribe/{token}", {"choice": "pause"}, timeout=60)
    return address, token


def state_of(people: People, address: str) -> str:
    reader = people.find_or_none(address)
    if reader is None:
        return ""
    return "paused" if reader.paused(datetime.now(UTC)) else str(reader.lists.get("daily", ""))


def act(served: Served, token: str, action: str) -> requests.Response:
    leave, preferences = f"{served.url}/unsubscribe/{token}", f"{served.url}/preferences/{token}"
    if action == "see unsubscribe":
        return requests.get(leave, timeout=60)
    if action == "see preferences":
        return requests.get(preferences, timeout=60)
    if action == "one click":
        return requests.post(leave, {"List-Unsubscribe": "One-Click"}, timeout=60)
    if action in ("list", "all", "pause", "resume", "return"):
        return requests.post(leave, {"choice": action, "list": "daily"}, timeout=60)
    page = requests.get(preferences, timeout=60).text
    fields: dict[str, str] = {"token": token_of(page) if "token" in page else ""}
    fields |= {"save ticked": {"list": "daily"}, "save empty": {}}.get(action, {"action": action})
    return requests.post(preferences, fields, timeout=60)


UNCHANGED = ("see unsubscribe", "see preferences", "resume", "forget", "download")
ON = {
    "see unsubscribe": LEAVE,
    "see preferences": "Your preferences",
    "one click": "unsubscribed",
    "list": LEFT,
    "all": LEFT,
    "pause": BREAK,
    "resume": BACK,
    "return": BACK,
    "save ticked": "Saved",
    "save empty": "Saved",
    "forget": "Shall we forget you?",
    "download": '"consent"',
}
OFF = ON | {"see unsubscribe": NOT_ON, "pause": NOT_ON, "resume": NOT_ON}
NOBODY = dict.fromkeys(ON, UNKNOWN) | {"one click": "unsubscribed", "list": LEFT, "all": LEFT}
ON_BARRED = ON | dict.fromkeys(("see unsubscribe", "see preferences", "resume", "return", "save ticked"), BARRED)
OFF_BARRED = OFF | dict.fromkeys(("see unsubscribe", "see preferences", "resume", "return", "save ticked"), BARRED)
NOT_YET = "You have not confirmed it yet"
PENDING = OFF | dict.fromkeys(("see unsubscribe", "pause", "resume", "return"), NOT_YET)
PENDING |= {"see preferences": "Nothing is sent to you yet"}
GONE = dict.fromkeys(("one click", "list", "all"), "unsubscribed")
CAME = dict.fromkeys(("return", "save ticked"), "active")
STATES: Mapping[str, tuple[str, Mapping[str, str], Mapping[str, str]]] = {
    # The status before, the status after those actions that change it, and what is said.
    "none": ("", {}, NOBODY),
    "removed": ("", {}, NOBODY),
    "pending": ("pending", GONE | {"save ticked": "active"}, PENDING),
    "active": ("active", GONE | {"save empty": "unsubscribed", "pause": "paused"}, ON),
    "paused": ("paused", GONE | {"save empty": "unsubscribed", "resume": "active", "return": "active"}, ON),
    "unsubscribed": ("unsubscribed", CAME, OFF),
    "at the provider": ("unsubscribed", CAME, OFF),
    "bounced": ("active", GONE | {"save empty": "unsubscribed", "pause": "paused"}, ON_BARRED),
    "complained": ("unsubscribed", {}, OFF_BARRED),
}


@pytest.mark.parametrize("state", STATES)
def test_a_reader_s_link_does_and_says_what_is_so_now(served: Served, people: People, state: str) -> None:
    before, after, says = STATES[state]
    wrong = {}

    for action in ON:
        address, token = reader_in(served, people, state)
        answer = act(served, token, action)
        reached = Cell(state_of(people, address), says[action] if says[action] in answer.text else answer.text[-900:])
        wanted = Cell(after.get(action, before), says[action])
        if reached != wanted or answer.status_code != 200:
            wrong[action] = (answer.status_code, reached, wanted)

    assert wrong == {}


def test_whoever_is_called_back_by_a_provider_s_list_is_mailed_again(served: Served, people: People) -> None:
    address, token = reader_in(served, people, "at the provider")

    act(served, token, "return")

    with people.database.read() as connection:
        assert suppressions.suppressed(connection, [address]) == {}


def signed_up(served: Served, name: str) -> tuple[str, str, str]:
    """Let somebody ask to join; gives the address, the path to confirm, and the path to leave of that email."""
    address = f"{name}{next(NUMBERS)}@example.com"
    join(served, address, name="Tom")
    (letter,) = Mail(served.folder).to(address)
    leave = "/unsubscribe/" + str(letter["list-unsubscribe"]).strip("<>").rpartition("/")[2]
    return address, path_in(letter, "confirm"), leave


@pytest.mark.parametrize("was_confirmed", [True, False], ids=["confirmed", "never confirmed"])
def test_an_old_confirmation_brings_back_nobody_who_has_left(
    served: Served, people: People, was_confirmed: bool
) -> None:
    address, confirm, leave = signed_up(served, "tom")
    if was_confirmed:
        requests.post(served.url + confirm, timeout=60)
    requests.post(served.url + leave, {"List-Unsubscribe": "One-Click"}, timeout=60)

    shown, pressed = requests.get(served.url + confirm, timeout=60), requests.post(served.url + confirm, timeout=60)
    told = requests.post(served.url + confirm, headers={"Accept": "application/json"}, timeout=60).json()

    offer = "Come back" if was_confirmed else "Choose what you get"
    assert all("You are not on" in page.text and offer in page.text for page in (shown, pressed))
    assert told == {"status": "left"}
    assert state_of(people, address) == "unsubscribed"


def test_the_button_of_an_old_confirmation_joins_again(served: Served, people: People) -> None:
    address, confirm, leave = signed_up(served, "tim")
    requests.post(served.url + confirm, timeout=60)
    requests.post(served.url + leave, timeout=60)
    page = requests.get(served.url + confirm, timeout=60).text

    action = page.partition('class="undo" action="')[2].partition('"')[0]
    answer = requests.post(served.url + action, {"choice": "return", "list": "daily"}, timeout=60)

    assert BACK in answer.text
    assert state_of(people, address) == "active"


def test_a_later_confirmation_joins_whoever_left_before_it_was_asked_for(served: Served, people: People) -> None:
    address, confirm, leave = signed_up(served, "ann")
    requests.post(served.url + confirm, timeout=60)
    requests.post(served.url + leave, timeout=60)
    join(served, address)
    second = path_in(Mail(served.folder).to(address, 2)[1], "confirm")

    answer = requests.post(served.url + second, timeout=60)

    assert WELCOME in answer.text
    assert state_of(people, address) == "active"


@pytest.mark.parametrize(("reason", "step"), [("BOUNCED", "barred"), ("UNSUBSCRIBED", "left")])
def test_a_confirmation_says_when_no_mail_may_go_to_the_address(
    served: Served, people: People, reason: str, step: str
) -> None:
    address, confirm, _leave = signed_up(served, "bo")
    with people.database.begin() as connection:
        suppressions.suppress(connection, address, Reason[reason], "", datetime.now(UTC))

    shown = requests.get(served.url + confirm, timeout=60)
    told = requests.post(served.url + confirm, headers={"Accept": "application/json"}, timeout=60).json()

    assert ("press" in shown.text.lower(), told) == (False, {"status": step})
    assert state_of(people, address) == "pending"


def test_confirming_ends_a_break(served: Served, people: People) -> None:
    address, confirm, leave = signed_up(served, "ben")
    people.add(address, {"daily": "active"})
    requests.post(served.url + leave, {"choice": "pause"}, timeout=60)

    answer = requests.post(served.url + confirm, timeout=60)

    assert WELCOME in answer.text
    assert state_of(people, address) == "active"


def test_whoever_confirmed_and_takes_a_break_is_told_until_when(served: Served, people: People) -> None:
    _address, confirm, leave = signed_up(served, "kim")
    requests.post(served.url + confirm, timeout=60)
    requests.post(served.url + leave, {"choice": "pause"}, timeout=60)

    assert "nothing is sent to you anyway" in requests.get(served.url + confirm, timeout=60).text


def test_a_reader_who_never_confirmed_joins_by_the_preferences_of_their_own_email(
    served: Served, people: People
) -> None:
    address, _confirm, leave = signed_up(served, "rob")
    path = leave.replace("unsubscribe", "preferences")
    token = token_of(requests.get(served.url + path, timeout=60).text)

    answer = requests.post(served.url + path, {"token": token, "list": "weekly", "name": "Rob"}, timeout=60)

    reader = people.find(address)
    assert "Saved" in answer.text
    assert reader.lists == {"daily": "pending", "weekly": "active"}
    assert reader.fields == {"first_name": "Rob"}
    assert reader.consent[-1].detail == {"network": "127.0.0.1"}


@pytest.mark.parametrize("with_was", [True, False], ids=["whole form", "fields by hand"])
def test_a_form_from_before_leaving_saves_the_name_and_joins_nothing(
    served: Served, people: People, with_was: bool
) -> None:
    address, token = reader_in(served, people, "active")
    path = f"{served.url}/preferences/{token}"
    shown = {"token": token_of(requests.get(path, timeout=60).text), "list": "daily", "name": "Ada"}
    act(served, token, "one click")

    answer = requests.post(path, shown | ({"was": "daily"} if with_was else {}), timeout=60)

    assert "since this page was opened, and that is how it stays" in answer.text
    assert state_of(people, address) == "unsubscribed"
    assert people.find(address).fields == {"first_name": "Ada"}


def test_end_the_break_on_an_old_page_brings_back_nobody_who_left_since(served: Served, people: People) -> None:
    address, token = reader_in(served, people, "paused")
    page = requests.get(f"{served.url}/unsubscribe/{token}", timeout=60).text
    act(served, token, "one click")

    answer = requests.post(f"{served.url}/unsubscribe/{token}", {"choice": "resume", "list": "daily"}, timeout=60)

    assert 'name="choice" value="resume"' in page
    assert NOT_ON in answer.text
    assert state_of(people, address) == "unsubscribed"


def test_sentences_agree_with_the_number_of_newsletters(served: Served) -> None:
    address = f"two{next(NUMBERS)}@example.com"
    join(served, address, list=["daily", "weekly"])
    confirm = path_in(Mail(served.folder).to(address)[0], "confirm")
    _address, single, _leave = signed_up(served, "one")

    both = requests.get(served.url + confirm, timeout=60).text
    german = requests.post(f"{served.url}{confirm}?lang=de", timeout=60).text
    alone = requests.get(served.url + single, timeout=60).text

    assert " come to " in both
    assert " comes to " in alone
    assert "Ab jetzt gehen " in german


def test_no_evidence_holds_the_key_of_a_page(served: Served) -> None:
    with closing(sqlite3.connect(served.folder / "newsletter.db")) as database:
        kept = [row[0] for row in database.execute("SELECT detail FROM consent UNION SELECT proof FROM signup")]

    assert not any("/preferences/" in each or "/unsubscribe/" in each or "/confirm/" in each for each in kept)
