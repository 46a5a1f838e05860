"""A provider's "no" that is not a reader's fault pauses the campaign, and nobody is rejected for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

from newsletter.campaigns import resolution
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.delivery_history import read_history
from newsletter.sending.sender import THREADS
from newsletter.times import utc_now
from tests.faults.case import ENVIRONMENT, Case
from tests.support.provider_server import Mailgun, Postmark, ProviderServer, Resend
from tests.support.sending import NOW

ABOUT_FROM: dict[str, tuple[int, object]] = {
    "mailgun": (400, {"message": "from parameter is not a valid address. please check documentation"}),
    "resend": (422, {"name": "invalid_from_address", "message": "Invalid `from` field."}),
    "postmark": (422, {"ErrorCode": 300, "Message": "Invalid 'From' address: 'news'."}),
    "brevo": (400, {"code": "invalid_parameter", "message": "valid sender email address missing"}),
    "ses": (400, {"__type": "MessageRejected", "message": "Email address is not verified: news@example.com"}),
    "sparkpost": (
        400,
        {"errors": [{"message": "Invalid domain", "code": "7001", "description": "Unconfigured Sending Domain"}]},
    ),
}
"""Answers to a whole call that refuse the sender."""
LOST = {"empty": (200, b""), "portal": (200, b"<html>Please log in to the network</html>")}
FAULTS = ["not accepted: 500", "not accepted: empty", "not accepted: portal", "a page", "cut"]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])


@pytest.fixture
def postmark() -> Iterator[Postmark]:
    with Postmark() as server:
        yield server


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[list[Case]]:
    """Those made by `make`, closed in the end."""
    made: list[Case] = []
    yield made
    for case in made:
        case.database.close()


def make(cases: list[Case], folder: Path, server: ProviderServer, readers: int, size: int) -> Case:
    cases.append(Case(folder, server.toml, server.dialect, readers=readers, size=size))
    return cases[-1]


def refuse(server: Postmark, numbers: range, code: int, words: str) -> None:
    server.refused = {f"r{number}@example.com": (code, words.format(number)) for number in numbers}


def go_on(case: Case, server: ProviderServer) -> None:
    """The cause is gone: resumed, everyone gets it."""
    if isinstance(server, Postmark):
        server.refused = {}
    server.faults = []
    case.move("resume")
    case.send()


def test_a_call_refused_for_its_sender_is_not_halved_and_pauses_the_campaign(
    cases: list[Case], tmp_path: Path, server: ProviderServer
) -> None:
    server.refusals = MappingProxyType({"from": ABOUT_FROM[server.dialect]})
    server.faults = ["not accepted: from"] * 1000
    case = make(cases, tmp_path, server, readers=400, size=50)

    case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"queued": 400})
    assert 1000 - len(server.faults) <= THREADS
    assert re.search("from|sender|not verified|sending domain", case.campaign.reason, re.IGNORECASE)
    go_on(case, server)
    assert case.counts() == {"accepted": 400}
    case.check(server)


def test_a_sender_that_is_refused_for_each_message_pauses_at_once_and_nobody_is_rejected(
    cases: list[Case], tmp_path: Path, postmark: Postmark
) -> None:
    refuse(postmark, range(1, 1001), 300, "Invalid 'From' address: 'news'.")
    case = make(cases, tmp_path, postmark, readers=1000, size=100)

    case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"queued": 1000})
    assert case.campaign.reason == "Postmark refused to send: Invalid 'From' address: 'news'. (code 300)"
    go_on(case, postmark)
    assert case.counts() == {"accepted": 1000}
    case.check(postmark)


@pytest.mark.parametrize(("readers", "size"), [(1000, 500), (1000, 20), (100, 1), (15, 500)])
def test_a_run_of_equal_refusals_pauses_and_takes_all_of_them_back(
    cases: list[Case], tmp_path: Path, postmark: Postmark, readers: int, size: int
) -> None:
    refuse(postmark, range(1, readers + 1), 1109, "Message {} violates a rule of the stream.")
    case = make(cases, tmp_path, postmark, readers=readers, size=size)

    case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"queued": readers})
    assert re.match(
        r"10 messages in a row were refused, and not for their readers' sake: Message \d+ viol", case.campaign.reason
    )
    go_on(case, postmark)
    assert case.counts() == {"accepted": readers}
    case.check(postmark)


def test_a_reader_who_was_taken_back_has_a_history_that_says_so(
    cases: list[Case], tmp_path: Path, postmark: Postmark
) -> None:
    refuse(postmark, range(1, 101), 1109, "The stream is full.")
    case = make(cases, tmp_path, postmark, readers=100, size=1)
    case.send()
    go_on(case, postmark)

    with case.database.read() as connection:
        history = read_history(connection, case.campaign, 1)

    assert history
    said = [what for _, what in history.history]
    assert "rejected: The stream is full. (code 1109)" in said
    assert resolution.TAKEN_BACK in said
    assert said[-1].startswith("accepted by postmark")


def test_a_campaign_too_small_for_a_run_pauses_when_all_of_it_is_refused(
    cases: list[Case], tmp_path: Path, postmark: Postmark
) -> None:
    refuse(postmark, range(1, 4), 1109, "The stream is full.")
    case = make(cases, tmp_path, postmark, readers=3, size=1)

    case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"queued": 3})
    assert case.campaign.reason.startswith("every message was refused, and not for a reader's sake: The stream is full")
    go_on(case, postmark)
    assert case.counts() == {"accepted": 3}
    case.check(postmark)


def test_one_message_refused_among_accepted_ones_is_that_reader_s(
    cases: list[Case], tmp_path: Path, postmark: Postmark
) -> None:
    refuse(postmark, range(3, 6), 1109, "The stream is full.")
    case = make(cases, tmp_path, postmark, readers=100, size=1)

    case.send()
    with case.database.begin() as connection:
        assert resolution.retry(connection, 1, 50, utc_now()) == 3
    case.move("reopen")
    case.send()  # a retry of few, all refused again, is no campaign that is refused as a whole

    assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"accepted": 97, "rejected": 3})
    case.check(postmark)


def test_a_retry_that_is_refused_in_a_run_pauses_as_a_campaign_does(
    cases: list[Case], tmp_path: Path, postmark: Postmark
) -> None:
    case = make(cases, tmp_path, postmark, readers=400, size=100)
    refuse(postmark, range(1, 401, 25), 300, "Error parsing 'To'.")
    case.send()
    with case.database.begin() as connection:
        assert resolution.retry(connection, 1, 100, utc_now()) == 16
    case.move("reopen")
    refuse(postmark, range(1, 401, 25), 1109, "The stream is full.")

    case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"accepted": 384, "queued": 16})
    go_on(case, postmark)
    assert case.counts() == {"accepted": 400}
    case.check(postmark)


def test_fifty_dead_addresses_in_a_row_are_their_readers_fault(
    cases: list[Case], tmp_path: Path, postmark: Postmark
) -> None:
    refuse(postmark, range(1, 51), 406, "Inactive recipient.")
    case = make(cases, tmp_path, postmark, readers=50, size=10)

    case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"rejected": 50})
    case.check(postmark)


@pytest.mark.parametrize("size", [500, 100, 7])
def test_a_provider_that_refuses_every_reader_costs_a_hundred_of_them_whatever_a_call_holds(
    cases: list[Case], tmp_path: Path, postmark: Postmark, size: int
) -> None:
    refuse(postmark, range(1, 5001), 406, "Inactive recipient.")
    case = make(cases, tmp_path, postmark, readers=5000, size=size)

    case.send()

    assert case.campaign.state is CampaignState.PAUSED
    assert "100 of the last 100 messages were rejected, more than 5%" in case.campaign.reason
    assert case.counts() == {"rejected": 100, "queued": 4900}
    case.check(postmark)


def test_halves_of_a_call_that_is_refused_for_nobody_in_particular_end_after_a_few(
    cases: list[Case], tmp_path: Path
) -> None:
    with Resend() as server:
        server.refusals = MappingProxyType({"odd": (422, {"name": "validation_error", "message": "Missing `html`."})})
        server.faults = ["not accepted: odd"] * 1000
        case = make(cases, tmp_path, server, readers=400, size=100)

        case.send()

        assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"queued": 400})
        assert 1000 - len(server.faults) < 100
        go_on(case, server)
        assert case.counts() == {"accepted": 400}
        case.check(server)


@pytest.mark.parametrize("kind", [Postmark, Mailgun])
@pytest.mark.parametrize("policy", ["hold", "assume-sent", "resend"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_provider_without_answers_of_its_own_pauses_before_more_is_unknown_than_is_in_the_air(
    cases: list[Case], tmp_path: Path, kind: type[ProviderServer], fault: str, policy: str
) -> None:
    with kind() as server:
        server.refusals = MappingProxyType(LOST)
        server.faults = [fault] * 1000
        toml = server.toml.replace("[send]\n", f'[send]\non_unknown = "{policy}"\n')
        case = Case(tmp_path, toml, server.dialect, readers=1000, size=50)
        cases.append(case)

        case.send()

        calls = 1000 - len(server.faults)
        assert case.campaign.state is CampaignState.PAUSED
        assert "calls in a row have no answer of the provider's own" in case.campaign.reason
        assert calls <= THREADS
        if policy != "hold":
            return
        assert case.counts() == {"unknown": 50 * calls, "queued": 1000 - 50 * calls}
        go_on(case, server)
        assert case.counts() == {"unknown": 50 * calls, "accepted": 1000 - 50 * calls}
        case.check(server)


def test_when_nothing_is_left_to_send_lost_answers_end_the_campaign_and_list_who_is_unknown(
    cases: list[Case], tmp_path: Path, postmark: Postmark
) -> None:
    postmark.faults = ["a page"] * THREADS
    case = make(cases, tmp_path, postmark, readers=50 * THREADS, size=50)
    postmark.answers.clear()
    sending = threading.Thread(target=case.send)
    sending.start()
    postmark.wait_for_calls(THREADS)  # all of it is in the air

    postmark.answers.set()
    sending.join()

    assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"unknown": 50 * THREADS})
    case.check(postmark)


def test_a_campaign_that_is_cancelled_meanwhile_takes_nobody_back(
    cases: list[Case], tmp_path: Path, postmark: Postmark
) -> None:
    refuse(postmark, range(1, 101), 1109, "The stream is full.")
    case = make(cases, tmp_path, postmark, readers=100, size=1)
    case.send()
    case.move("cancel")

    with case.database.begin() as connection:
        assert resolution.take_back(connection, 1, "the stream is full. (code #", NOW, 50, utc_now()) == 0


@pytest.mark.parametrize("kind", [Postmark, Mailgun])
def test_a_lost_answer_here_and_there_pauses_nothing(
    cases: list[Case], tmp_path: Path, kind: type[ProviderServer]
) -> None:
    with kind() as server:
        case = make(cases, tmp_path, server, readers=1000, size=50)
        server.faults = ["dropped", "dropped", "", "", "", "", "dropped"]

        case.send()

        assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"accepted": 850, "unknown": 150})
        case.check(server)


def test_where_calls_are_made_again_under_their_keys_nothing_is_unknown_when_it_pauses(
    cases: list[Case], tmp_path: Path
) -> None:
    with Resend() as server:
        server.faults = ["not accepted: 500"] * 1000
        case = Case(tmp_path, server.toml.replace('"3s"', '"0s"'), "resend", readers=1000, size=50)
        cases.append(case)

        case.send()

        assert case.campaign.state is CampaignState.PAUSED
        assert case.counts()["handed"] <= 50 * THREADS
        go_on(case, server)
        assert case.counts() == {"accepted": 1000}
        case.check(server)


def test_another_provider_goes_on_with_those_who_were_refused(cases: list[Case], tmp_path: Path) -> None:
    with Postmark() as first, Resend() as second:
        refuse(first, range(1, 1001), 1109, "The stream is full.")
        sections = (server.toml.partition("[providers")[2] for server in (first, second))
        toml = '[send]\nprovider = ["postmark", "resend"]\n' + "".join(f"[providers{section}" for section in sections)
        case = Case(tmp_path, toml, "postmark", readers=1000, size=50)
        cases.append(case)

        case.send()

        assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"accepted": 1000})
        assert (len(first.accepted), len(second.accepted)) == (0, 1000)
        case.check(first, second)


def test_a_new_account_at_mailgun_is_served_in_small_calls_and_nobody_gets_two(
    cases: list[Case], tmp_path: Path
) -> None:
    with Mailgun() as server:
        server.largest = 9
        case = make(cases, tmp_path, server, readers=200, size=100)

        case.send()

        assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"accepted": 200})
        case.check(server)


def test_an_account_that_may_send_to_nobody_is_paused_and_not_called_the_readers_fault(
    cases: list[Case], tmp_path: Path
) -> None:
    with Mailgun() as server:
        server.largest = 0
        case = make(cases, tmp_path, server, readers=20, size=10)

        case.send()

        assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"queued": 20})
        case.check(server)
