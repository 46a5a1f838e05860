"""Every kind of answer has its settlement; nothing is sent, written or waited for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.campaigns.claims import Claim
from newsletter.campaigns.resolution import Policy
from newsletter.config import Share
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.providers.postmark import POSTMARK
from newsletter.providers.resend import RESEND
from newsletter.sending.circuit_breaker import CircuitBreaker
from newsletter.sending.pacing import RunHistory
from newsletter.sending.settlement import SendPolicy, Settlement, settlement, single_message_policy
from newsletter.times import Duration, stamp
from tests.support.sending import NOW

pytestmark = pytest.mark.usefixtures("each_database")

ACCEPTED = Result(outcome=Outcome.ACCEPTED)
REJECTED = Result(outcome=Outcome.REJECTED, reason="no such mailbox")
BUSY = Result(outcome=Outcome.BUSY, reason="down for a while", retry_after=7)
UNKNOWN = Result(outcome=Outcome.UNKNOWN, reason="no answer")
KEYED = SendPolicy(provider=RESEND, patience=Duration("30m"), on_unknown="hold")


def keyless(on_unknown: Policy) -> SendPolicy:
    return SendPolicy(provider=POSTMARK, patience=Duration("30m"), on_unknown=on_unknown)


def claim(first_handed_at: str | None = None) -> Claim:
    return Claim(
        campaign_id=1,
        no=3,
        attempt=1,
        generation=0,
        first_handed_at=first_handed_at,
        provider="",
        payload_hash="",
    )


def settle(policy: SendPolicy, *results: Result, first_handed_at: str | None = None, stop: str = "") -> Settlement:
    answer = Answer(results=results, stop=stop)
    return settlement(answer, claim(first_handed_at), policy, RunHistory(), NOW)


def test_what_was_taken_asks_for_nothing() -> None:
    settled = settle(KEYED, ACCEPTED, ACCEPTED)

    assert (settled.is_repeat, settled.is_throttled, settled.reaction.wait, settled.reaction.pause) == (
        False,
        False,
        0,
        "",
    )


def test_an_unknown_outcome_is_asked_for_by_the_same_call_where_the_provider_knows_its_key() -> None:
    settled = settle(KEYED, UNKNOWN, UNKNOWN)

    assert settled.is_repeat
    assert settled.reaction.wait > 0
    assert not settle(keyless("hold"), UNKNOWN).is_repeat


def test_a_key_that_the_provider_may_have_forgotten_asks_nothing() -> None:
    assert not settle(KEYED, UNKNOWN, first_handed_at=stamp(NOW - timedelta(hours=23))).is_repeat


def test_a_busy_answer_to_a_repeat_is_repeated_too_and_to_a_first_call_is_not() -> None:
    assert settle(KEYED, BUSY, first_handed_at=stamp(NOW)).is_repeat
    assert not settle(KEYED, BUSY).is_repeat


@pytest.mark.parametrize(
    ("on_unknown", "wait", "is_throttled"), [("hold", 0, False), ("assume-sent", 0, False), ("resend", 1, True)]
)
def test_an_unknown_outcome_counts_as_the_policy_takes_it(on_unknown: Policy, wait: float, is_throttled: bool) -> None:
    settled = settle(keyless(on_unknown), UNKNOWN)

    assert (settled.reaction.wait, settled.is_throttled, settled.on_unknown) == (wait, is_throttled, on_unknown)
    assert settled.answer.outcomes == {Outcome.UNKNOWN: 1}  # what is written is what was answered


def test_a_busy_provider_is_waited_for_as_long_as_it_says_and_slows_everyone_down() -> None:
    settled = settle(keyless("hold"), BUSY)

    assert (settled.reaction.wait, settled.reaction.is_for_all, settled.is_throttled) == (7, True, True)
    assert settled.reaction.remark == "down for a while. Trying again in 7 s."


def test_a_provider_that_stops_pauses_and_lets_another_go_on() -> None:
    settled = settle(keyless("hold"), BUSY, stop="bad key")

    assert (settled.reaction.pause, settled.reaction.gives_way, settled.is_throttled) == ("bad key", True, False)


def test_a_call_that_we_broke_off_says_nothing_about_the_provider() -> None:
    settled = settlement(Answer(results=(BUSY,), cut=True), claim(), keyless("hold"), RunHistory(), NOW)

    assert (settled.reaction.wait, settled.history) == (0, RunHistory())


def test_many_rejections_pause_a_campaign_and_never_the_mail_of_single_readers() -> None:
    answer = Answer(results=(REJECTED,) * 100)

    breaker = CircuitBreaker(Share("5%"), POSTMARK, lambda: NOW, lambda: False)
    breaker.watch(lambda: answer)
    single = settlement(answer, None, single_message_policy(POSTMARK), RunHistory(), NOW)

    assert breaker.trip
    assert "100 of the last 100 messages were rejected" in breaker.trip.why
    assert single.reaction.pause == ""


def test_it_is_pure() -> None:
    history = RunHistory()

    first, second = (settlement(Answer(results=(BUSY,)), claim(), KEYED, history, NOW) for _ in range(2))

    assert first == second
    assert history == RunHistory()
    assert first.history != history
