"""Killing a sender again and again, and asking everyone afterwards what they know."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from newsletter.campaigns.campaign_queries import find_campaign
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.sending import reconcile
from newsletter.sending.bench import SLUG, TOKEN, ask, prepare, running_provider
from newsletter.sending.bench_provider import Behaviour
from tests.support.fork_server import run_command, start_command

LATENCY = 0.05
"""Seconds a call is in the air."""
RATE = "500/s"
"""While it is being killed, so that a campaign outlasts that: a call for 100 every fifth of a second."""
OF_BATCHES = """
    SELECT delivery.campaign_id || '.' || delivery.subscriber_id FROM delivery
    JOIN batch ON batch.campaign_id = delivery.campaign_id AND batch.no = delivery.batch_no
    LEFT JOIN delivery_exception AS apart
      ON apart.campaign_id = delivery.campaign_id AND apart.subscriber_id = delivery.subscriber_id
    WHERE {}
"""
ACCEPTED = "batch.state = 'settled' AND apart.state IS NULL OR apart.state = 'accepted'"
UNKNOWN = "batch.state = 'unknown' AND apart.state IS NULL OR apart.state = 'unknown'"


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What is left when a campaign that was killed `kills` times has ended."""

    kills: int
    deliveries: dict[str, int]
    exit_code: int
    accepted: set[str]
    """Delivery ids, by the ledger."""
    unknown: set[str]
    in_the_air: set[str]
    """Handed over and not settled, at any of the kills."""
    at_provider: dict[str, int]
    """How often the provider accepted each delivery."""

    accepted_in_the_end: set[str] = field(default_factory=set)
    """By the ledger, once the provider has been asked."""
    unknown_in_the_end: set[str] = field(default_factory=set)

    @property
    def duplicates(self) -> int:
        return sum(self.at_provider.values()) - len(self.at_provider)


def campaign_with_kills(folder: Path, provider: str, *, readers: int, kills: int, seed: int) -> Aftermath:
    """Send to everyone, however often the sender is killed at a random moment meanwhile."""
    chance = random.Random(seed)
    with running_provider(Behaviour(latency=LATENCY)) as port:
        publication = prepare(folder, readers, port, provider)
        database = open_database(publication)
        in_the_air: set[str] = set()
        done = 0
        while done < kills and killed(folder, _words(RATE), chance, lambda: _calls(port)):
            done += 1
            in_the_air |= _ids(database, "batch.state = 'handed' AND apart.state IS NULL")
        last = run_command(_words("off"), folder, environment(folder))
        assert "Traceback" not in last.stderr, last.stderr
        aftermath = Aftermath(
            kills=done,
            deliveries=json.loads(last.stdout)["deliveries"],
            exit_code=last.returncode,
            accepted=_ids(database, ACCEPTED),
            unknown=_ids(database, UNKNOWN),
            in_the_air=in_the_air,
            at_provider=json.loads(ask(port, "/accepted")),
        )
        _reconcile(database, publication)
        aftermath = replace(
            aftermath,
            accepted_in_the_end=_ids(database, ACCEPTED),
            unknown_in_the_end=_ids(database, UNKNOWN),
        )
        database.close()
    return aftermath


def _reconcile(database: Database, publication: PublicationSettings) -> None:
    """Ask the provider an hour later, when its search has everything."""
    os.environ[TOKEN] = "bench"
    with database.read() as connection:
        campaign = find_campaign(connection, SLUG)
    later = datetime.now(UTC) + timedelta(hours=1)
    findings = reconcile.ask(database, publication, campaign, later)
    with database.begin() as connection:
        reconcile.record(connection, findings, later)


def killed(folder: Path, words: list[str], chance: random.Random, calls: Callable[[], int]) -> bool:
    """Start a sender and kill it: while it starts, or soon after its first call. False when it had ended."""
    before = calls()
    with start_command(words, folder, environment(folder)) as child:
        if chance.random() < 0.9:
            while calls() == before and not child.has_ended():
                time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        child.kill()
        return child.wait() == -signal.SIGKILL


def _calls(port: int) -> int:
    found: int = json.loads(ask(port, "/counts"))["calls"]
    return found


def _ids(database: Database, condition: str) -> set[str]:
    with database.read() as connection:
        return {*connection.execute(text(OF_BATCHES.format(condition))).scalars()}


def _words(rate: str) -> list[str]:
    return ["send", SLUG, "--yes", "--json", "--rate", rate]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, TOKEN: "bench", "NEWSLETTER_CONFIG": str(folder / "newsletter.toml")}
