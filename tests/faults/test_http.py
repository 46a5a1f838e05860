"""Fault points of a call to a provider's API, for each kind of provider: with keys, with a search, substituting."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from newsletter.campaigns import claims
from newsletter.campaigns.campaign import CampaignState
from newsletter.providers.base import Outcome, Request
from newsletter.providers.body import RequestBody
from newsletter.providers.transport import TransportError, exchange
from newsletter.times import utc_now
from tests.faults.case import EVERYONE, Case, handed_over, in_the_end, knows_keys
from tests.support.provider_server import Mailgun, ProviderServer


def test_f01_killed_before_anything_was_claimed_everyone_gets_it(case: Case, server: ProviderServer) -> None:
    assert case.send().deliveries["accepted"] == 100
    case.check(server)


def test_f02_killed_after_a_claim_the_batch_is_sent_as_if_nothing_was(case: Case, server: ProviderServer) -> None:
    with case.database.begin() as connection:
        claims.claim(connection, 1, owner="dead", now=utc_now())

    case.send()

    assert case.counts() == EVERYONE
    case.check(server)


@pytest.mark.parametrize("call", [False, True], ids=["before the call", "after the answer"])
def test_f03_f11_killed_around_the_call_nobody_gets_it_twice(case: Case, server: ProviderServer, call: bool) -> None:
    handed_over(case, call=call)

    case.send()

    assert case.counts() == in_the_end(server)
    case.check(server)


def test_f04_nobody_answering_is_busy_and_nothing_is_unknown(server: ProviderServer, tmp_path: Path) -> None:
    toml = server.toml.replace(server.url, "http://127.0.0.1:1").replace('patience = "3s"', 'patience = "0s"')
    case = Case(tmp_path, toml, server.dialect)

    case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"queued": 100})
    assert "no connection" in case.campaign.reason
    case.database.close()


LOST = ["half a request", "dropped", "cut", "a page", "502", "504", "not accepted: dropped", "not accepted: 500"]


@pytest.mark.parametrize("fault", LOST)
def test_f05_f06_f07_f08_f10_an_answer_that_got_lost_sends_nobody_two(
    case: Case, server: ProviderServer, fault: str
) -> None:
    server.faults = [fault]

    case.send()

    assert case.counts() == in_the_end(server)
    assert case.campaign.state is CampaignState.SENT
    case.check(server)


def test_f09_an_answer_that_comes_too_late_is_unknown_and_one_in_time_is_not() -> None:
    with Mailgun() as server:
        request = Request(method="POST", url=server.url, headers={"Authorization": ""}, body=RequestBody([[b"x"]]))
        in_time = exchange(request)
        server.answers.clear()
        with pytest.raises(TransportError) as late:
            exchange(request, read=0.2)

    assert in_time.status == 401
    assert late.value.outcome is Outcome.UNKNOWN


def test_f17_f18_one_bad_address_in_a_batch_costs_nobody_else_the_message(case: Case, server: ProviderServer) -> None:
    server.bad = {"r7@example.com", "r90@example.com"}

    case.send()

    assert case.counts() == {"accepted": 98, "rejected": 2}
    assert {id for id, state in case.states().items() if state == "rejected"} == {"1.7", "1.90"}
    case.check(server)


def test_f18_an_answer_lost_between_the_halves_leaves_no_double(case: Case, server: ProviderServer) -> None:
    server.bad = {"r7@example.com"}
    server.faults = ["", "", "", "dropped", "", "dropped"]

    case.send()

    case.check(server)
    assert case.counts().get("queued", 0) == 0


def test_f26_a_kept_connection_that_the_server_closed_is_opened_again(case: Case, server: ProviderServer) -> None:
    server.faults = ["then away"] * 2

    case.send()

    assert case.counts() == EVERYONE
    case.check(server)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_any_row_of_faults_leaves_nobody_twice_or_out(server: ProviderServer, tmp_path: Path, seed: int) -> None:
    randomly = random.Random(seed)
    server.bad = {f"r{number}@example.com" for number in randomly.sample(range(1, 201), 3)}
    # Where the call is made again the wait doubles with every fault in a row: few of those.
    server.faults = randomly.choices([*LOST, "then away", *[""] * 20], k=10 if knows_keys(server) else 30)
    case = Case(tmp_path, server.toml.replace('"3s"', '"1m"'), server.dialect, readers=200, size=10)

    case.send()
    while case.campaign.state is CampaignState.PAUSED:  # several in a row were lost: a person goes on
        case.move("resume")
        case.send()

    assert case.campaign.state is CampaignState.SENT
    assert {id for id, state in case.states().items() if state == "rejected"} <= {
        f"1.{address[1:].partition('@')[0]}" for address in server.bad
    }
    assert case.counts().keys() <= {"accepted", "rejected", *([] if knows_keys(server) else ["unknown"])}
    case.check(server)
    case.database.close()
