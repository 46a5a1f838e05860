"""Killing a sender again and again, and asking everyone afterwards what they know."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from newsletter.bench import SLUG, TOKEN, ask, prepare, running_provider
from newsletter.bench_provider import Behaviour
from newsletter.database import Database, open_database

LATENCY = 0.05
"""Seconds a call is in the air."""
MESSAGES_A_SECOND = 2000
"""So that a campaign outlasts its kills."""
OF_BATCHES = """
    SELECT delivery.campaign_id || '.' || delivery.subscriber_id FROM delivery
    JOIN batch ON batch.campaign_id = delivery.campaign_id AND batch.no = delivery.batch_no
    LEFT JOIN delivery_exception AS apart
      ON apart.campaign_id = delivery.campaign_id AND apart.subscriber_id = delivery.subscriber_id
    WHERE {}
"""


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

    @property
    def duplicates(self) -> int:
        return sum(self.at_provider.values()) - len(self.at_provider)


def campaign_with_kills(folder: Path, provider: str, *, readers: int, kills: int, seed: int) -> Aftermath:
    """Send to everyone, however often the sender is killed at a random moment meanwhile."""
    chance = random.Random(seed)
    with running_provider(Behaviour(latency=LATENCY)) as port:
        database = open_database(prepare(folder, readers, port, provider))
        in_the_air: set[str] = set()
        done = 0
        while done < kills and _killed(folder, chance, lambda: _calls(port)):
            done += 1
            in_the_air |= _ids(database, "batch.state = 'handed' AND apart.state IS NULL")
        last = subprocess.run(_words(), env=_environment(folder), capture_output=True, text=True, check=False)
        assert "Traceback" not in last.stderr, last.stderr
        aftermath = Aftermath(
            kills=done,
            deliveries=json.loads(last.stdout)["deliveries"],
            exit_code=last.returncode,
            accepted=_ids(database, "batch.state = 'settled' AND apart.state IS NULL OR apart.state = 'accepted'"),
            unknown=_ids(database, "batch.state = 'unknown' AND apart.state IS NULL OR apart.state = 'unknown'"),
            in_the_air=in_the_air,
            at_provider=json.loads(ask(port, "/accepted")),
        )
        database.close()
    return aftermath


def _killed(folder: Path, chance: random.Random, calls: Callable[[], int]) -> bool:
    """Start a sender and kill it: while it starts, or soon after its first call. False when it had ended."""
    before = calls()
    process = subprocess.Popen(_words(), env=_environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if chance.random() < 0.9:
        while calls() == before and process.poll() is None:
            time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.3))
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


def _calls(port: int) -> int:
    found: int = json.loads(ask(port, "/counts"))["calls"]
    return found


def _ids(database: Database, condition: str) -> set[str]:
    with database.read() as connection:
        return {*connection.execute(text(OF_BATCHES.format(condition))).scalars()}


def _words() -> list[str]:
    rate = f"{MESSAGES_A_SECOND}/s"
    return [sys.executable, "-m", "newsletter", "send", SLUG, "--yes", "--json", "--rate", rate]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, TOKEN: "bench", "NEWSLETTER_CONFIG": str(folder / "newsletter.toml")}
