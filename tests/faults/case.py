"""A campaign to a provider on the loopback address, and what must hold whatever goes wrong."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select, text

from newsletter.campaigns import audience, batch_states, claims
from newsletter.campaigns.campaign import CAMPAIGN_ARROWS, Campaign, change_state, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.delivery_states import DELIVERIES, STATE
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import delivery
from newsletter.providers import dispatch, provider_record
from newsletter.sending import reconcile
from newsletter.sending.reconcile import BatchFinding
from newsletter.sending.sender import Sender, SendResult, job_of
from newsletter.times import utc_now
from tests.support.provider_server import KEY, ProviderServer
from tests.support.sending import Quiet, add_readers, settings, start_campaign

Clock = Callable[[], datetime]
RECORD = """
    CREATE TABLE moved (what TEXT, came_from TEXT, went_to TEXT);
    CREATE TRIGGER batch_moved AFTER UPDATE OF state ON batch WHEN old.state <> new.state
        BEGIN INSERT INTO moved VALUES ('batch', old.state, new.state); END;
    CREATE TRIGGER campaign_moved AFTER UPDATE OF state ON campaign WHEN old.state <> new.state
        BEGIN INSERT INTO moved VALUES ('campaign', old.state, new.state); END;
"""
ARROWS: set[tuple[str, str, str]] = {
    *(("batch", f, t) for arrows in batch_states.ARROWS.values() for f, ends in arrows.items() for t in ends),
    *(("campaign", f, t) for arrows in CAMPAIGN_ARROWS.values() for f, t in arrows.items()),
}
"""Every change of state that docs/sending.md draws."""
ENVIRONMENT = {"PROVIDER_KEY": KEY}


class Case:
    """`readers` readers in batches of `size`, enqueued, and nothing sent yet. Close it."""

    def __init__(self, folder: Path, toml: str, provider: str, readers: int = 100, size: int = 50) -> None:
        self.publication: PublicationSettings = settings(folder, toml)
        self.database: Database = open_database(self.publication, patience=1)
        self.readers = readers
        self.watcher = Quiet()
        self._record()
        add_readers(self.database, readers)
        with self.database.begin() as connection:
            start_campaign(connection, provider=provider)
            while not get_campaign(connection, 1).enqueued:
                audience.enqueue(connection, self.publication, 1, size, now=utc_now())

    def _record(self) -> None:
        """From now on the database itself writes down every change of state."""
        connection = sqlite3.connect(self.database.name)
        connection.executescript(RECORD)
        connection.close()

    def moves(self) -> set[tuple[str, str, str]]:
        """What changed its state, from which, to which."""
        with self.database.read() as connection:
            return {tuple(row) for row in connection.execute(text("SELECT what, came_from, went_to FROM moved"))}

    @property
    def campaign(self) -> Campaign:
        with self.database.read() as connection:
            return get_campaign(connection, 1)

    def send(self, clock: Clock = utc_now) -> SendResult:
        return Sender(job_of(self.publication, self.database, self.campaign, clock), self.watcher).run()

    def move(self, verb: str) -> None:
        with self.database.begin() as connection:
            change_state(connection, 1, verb, now=datetime.now(UTC))

    def ask(self, now: datetime | None = None) -> list[BatchFinding]:
        """`newsletter reconcile`, but for the sending of what it queues."""
        findings = reconcile.ask(self.database, self.publication, self.campaign, now or utc_now())
        with self.database.begin() as connection:
            reconcile.record(connection, findings, now or utc_now())
        return findings

    def counts(self) -> dict[str, int]:
        with self.database.read() as connection:
            return {state: number for state, number in delivery_counts(connection, 1).items() if number}

    def states(self) -> dict[str, str]:
        """Each delivery's state by its id."""
        states = select(delivery.c.subscriber_id, STATE).select_from(DELIVERIES)
        with self.database.read() as connection:
            return {f"1.{id}": state for id, state in connection.execute(states)}

    def check(self, *servers: ProviderServer) -> None:
        """Nobody has it twice; whom the ledger calls served are; whom it calls unserved are not; all are counted.

        And nothing went from state to state but along the arrows that are drawn.
        """
        assert self.moves() <= ARROWS
        has = Counter(id for server in servers for _, id, _ in server.accepted)
        assert max(has.values(), default=0) <= 1
        states = self.states()
        assert len(states) == sum(self.counts().values()) == self.readers
        assert [id for id, state in states.items() if state == "accepted" and id not in has] == []
        assert [id for id in has if states[id] not in ("accepted", "unknown", "handed")] == []


EVERYONE = {"accepted": 100}
DOUBTFUL = {"accepted": 50, "unknown": 50}


def in_the_end(server: ProviderServer) -> dict[str, int]:
    """What becomes of one batch of two whose answer got lost: the same call tells, or nobody."""
    return EVERYONE if knows_keys(server) else DOUBTFUL


def knows_keys(server: ProviderServer) -> bool:
    """Tell whether the same call is made again under its key, which ends a doubt."""
    return provider_record(server.dialect).dedupe is not None


def handed_over(case: Case, *, call: bool) -> None:
    """A sender that dies after it wrote `handed`, before or after the call."""
    worker = Sender(job_of(case.publication, case.database, case.campaign), Quiet()).worker
    with case.database.begin() as connection:
        claim = worker.claim(connection)
    assert claim
    prepared = worker.prepare(claim)
    assert prepared
    with case.database.begin() as connection:
        name = case.campaign.provider
        claims.hand(connection, claim, provider=name, now=utc_now(), payload_hash=dispatch.payload_hash(prepared.parts))
    if call:
        dispatch.hand_over(prepared.parts)
