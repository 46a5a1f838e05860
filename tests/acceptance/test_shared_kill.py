"""The promise on PostgreSQL: whatever happens to workers, leader, database and network, everyone has it once.

`make soak` runs it for longer: NEWSLETTER_SHARED_READERS, _KILLS, _RATE (messages a second) and _PATIENCE (seconds).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.shared_kills import SharedAftermath, shared_campaign

READERS = int(os.environ.get("NEWSLETTER_SHARED_READERS", "2000"))
RATE = os.environ.get("NEWSLETTER_SHARED_RATE", "120/s")
PATIENCE = float(os.environ.get("NEWSLETTER_SHARED_PATIENCE", "300"))
KILLS = {
    name: int(os.environ.get("NEWSLETTER_SHARED_KILLS", kills)) for name, kills in (("resend", 15), ("postmark", 5))
}
"""A stop, a cut and a crash are among them, whatever their number is."""


def check(found: SharedAftermath, kills: int) -> None:
    counted = found.deliveries
    assert "Traceback" not in found.said, found.said
    assert found.happened["kill"] == kills
    assert found.duplicates == 0
    assert counted["queued"] == counted["handed"] == 0
    assert sum(counted.values()) == READERS
    assert found.accepted <= found.at_provider.keys()
    assert found.at_provider.keys() <= found.accepted | found.unknown
    assert found.unknown_in_the_end == set()
    assert found.accepted_in_the_end == found.at_provider.keys()
    assert found.jobs_left == 0


def tell(name: str, found: SharedAftermath) -> None:
    """What the table in docs/workers.md has: `make soak` shows it."""
    accepted, unknown = found.deliveries["accepted"], found.deliveries["unknown"]
    print(
        f"\n| {name} | {READERS:,} | {found.happened['kill']} | {accepted:,} | {unknown:,} | {found.duplicates} | "
        f"{found.seconds:.0f} s | {dict(found.happened)}"
    )


@pytest.mark.timeout(PATIENCE * 2)
@pytest.mark.slow
@pytest.mark.parametrize("provider", ["resend", "postmark"])
def test_with_three_workers_and_two_runners_everyone_has_it_once(tmp_path: Path, provider: str) -> None:
    kills = KILLS[provider]
    found = shared_campaign(tmp_path, provider, readers=READERS, kills=kills, seed=1, rate=RATE, patience=PATIENCE)
    tell(provider, found)

    check(found, kills)
    if provider == "resend":  # it knows the keys of calls that are made again
        assert found.deliveries["accepted"] == READERS
