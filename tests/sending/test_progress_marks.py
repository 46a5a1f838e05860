"""Readers who leave while their batch goes out message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, update

from newsletter.campaigns import claims, counts
from newsletter.campaigns.campaign import CampaignState
from newsletter.database.tables import rate_spent, subscription
from newsletter.providers.smtp import WINDOW
from newsletter.sending.progress_marks import BatchProgressLog
from newsletter.subscribers import suppressions
from newsletter.subscribers.erasure import erase
from newsletter.subscribers.suppressions import Reason
from newsletter.times import stamp, utc_now
from tests.faults.case import ARROWS, Case
from tests.support.mail_server import Script

TOML = """[send]
provider = "smtp"
{send}
[providers.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
"""
READERS, AFTER = 100, 30
"""One batch; readers leave when so many messages have been taken."""


@pytest.fixture
def cases() -> Iterator[list[Case]]:
    """Those made by `sent`, closed in the end."""
    made: list[Case] = []
    yield made
    for case in made:
        case.database.close()


def sent(
    cases: list[Case], folder: Path, change: Callable[[Connection], object], send: str = ""
) -> tuple[Case, list[str]]:
    """Send to everyone; when AFTER messages are taken, make `change`. Return who got it, in order."""

    def leave(number: int) -> None:
        if number == AFTER:
            with cases[0].database.begin() as connection:
                change(connection)

    with Script({}, on_message=leave) as server:
        toml = TOML.format(port=server.port, send=send)
        cases.append(Case(folder / "publication", toml, "smtp", readers=READERS, size=READERS))
        cases[0].send()
    assert cases[0].moves() <= ARROWS
    return cases[0], [address for _, address in server.taken]


def address(number: int) -> str:
    return f"r{number}@example.com"


def leaves(number: int) -> Callable[[Connection], object]:
    this = subscription.c.subscriber_id == number
    return lambda connection: connection.execute(update(subscription).where(this).values(status="unsubscribed"))


def pauses(number: int) -> Callable[[Connection], object]:
    until = stamp(utc_now() + timedelta(days=30))
    this = subscription.c.subscriber_id == number
    return lambda connection: connection.execute(update(subscription).where(this).values(paused_until=until))


def is_suppressed(number: int) -> Callable[[Connection], object]:
    return lambda connection: suppressions.suppress(connection, address(number), Reason.COMPLAINED, "", utc_now())


def is_erased(number: int) -> Callable[[Connection], object]:
    return lambda connection: erase(connection, address(number))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (leaves, "unsubscribed"),
        (pauses, "paused until"),
        (is_suppressed, "suppressed: complained"),
        (is_erased, "erased"),
    ],
)
def test_who_leaves_while_a_long_batch_goes_out_is_not_mailed_minutes_later(
    cases: list[Case], tmp_path: Path, change: Callable[[int], Callable[[Connection], object]], reason: str
) -> None:
    case, taken = sent(cases, tmp_path, change(READERS))

    assert address(READERS) not in taken
    assert case.counts() == {"accepted": READERS - 1, "skipped": 1}
    assert case.campaign.state is CampaignState.SENT
    with case.database.read() as connection:
        (skipped,) = counts.named(connection, 1, "skipped", 10)
    assert skipped.detail.startswith(reason)


def test_who_leaves_is_mailed_only_if_the_next_twenty_messages_were_begun(cases: list[Case], tmp_path: Path) -> None:
    def everyone_leaves(connection: Connection) -> None:
        connection.execute(update(subscription).values(status="unsubscribed"))

    case, taken = sent(cases, tmp_path, everyone_leaves)

    assert len(taken) <= AFTER + WINDOW
    assert case.counts() == {"accepted": len(taken), "skipped": READERS - len(taken)}
    assert case.campaign.state is CampaignState.SENT


def test_who_was_skipped_costs_nothing_of_a_quota(cases: list[Case], tmp_path: Path) -> None:
    def most_leave(connection: Connection) -> None:
        connection.execute(update(subscription).where(subscription.c.subscriber_id > 40).values(status="unsubscribed"))

    case, taken = sent(cases, tmp_path, most_leave, send='rate = "1000/s, 1000/d"')

    assert len(taken) < 100
    with case.database.read() as connection:
        assert connection.scalar(select(func.sum(rate_spent.c.messages))) == len(taken)


def test_killed_before_the_first_message_of_a_batch_begins_nobody_is_unknown(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """Ends the sender like a kill: nothing else is written."""

    def kill(*_anything: object) -> None:
        raise KilledError

    with Script({}) as server:
        toml = TOML.format(port=server.port, send="")
        cases.append(Case(tmp_path / "publication", toml, "smtp", readers=READERS, size=READERS))
        with monkeypatch.context() as patched:
            patched.setattr(BatchProgressLog, "advance", kill)
            with pytest.raises(KilledError):
                cases[0].send()
        cases[0].send()

    assert cases[0].counts() == {"accepted": READERS}
    assert not any("unknown" in sentence for sentence in cases[0].watcher.said)


def test_a_call_that_waits_ten_minutes_for_its_answer_is_not_taken_for_a_dead_sender_s(
    cases: list[Case], tmp_path: Path
) -> None:
    case = Case(tmp_path / "publication", TOML.format(port=1, send=""), "smtp", readers=1, size=1)
    cases.append(case)
    now = utc_now()
    with case.database.begin() as connection:
        claim = claims.claim(connection, 1, owner="7", now=now)
        assert claim
        claims.hand(connection, claim, provider="smtp", now=now, is_by_message=True)
        for minutes in range(11):
            later = now + timedelta(minutes=minutes)
            assert counts.is_in_the_air(connection, 1, later)
            claims.renew(connection, 1, owner="7", now=later)
        claims.renew(connection, 1, owner="8", now=now + timedelta(hours=1))

        assert not counts.is_in_the_air(connection, 1, now + timedelta(minutes=20))
