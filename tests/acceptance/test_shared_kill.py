"""The promise on PostgreSQL: whatever happens to workers, leader, database and network, everyone has it once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.shared_kills import SharedAftermath, shared_campaign

READERS = int(os.environ.get("NEWSLETTER_SHARED_READERS", "3000"))
KILLS = int(os.environ.get("NEWSLETTER_SHARED_KILLS", "15"))
RATE = os.environ.get("NEWSLETTER_SHARED_RATE", "150/s")


def check(found: SharedAftermath) -> None:
    counted = found.deliveries
    assert "Traceback" not in found.said, found.said
    assert found.happened["kill"] == KILLS
    assert found.duplicates == 0
    assert counted["queued"] == counted["handed"] == 0
    assert sum(counted.values()) == READERS
    assert found.accepted <= found.at_provider.keys()
    assert found.at_provider.keys() <= found.accepted | found.unknown
    assert found.unknown_in_the_end == set()
    assert found.accepted_in_the_end == found.at_provider.keys()
    assert found.jobs_left == 0


def tell(name: str, found: SharedAftermath) -> None:
    """What the table in docs/sending.md has: `make soak` shows it."""
    accepted, unknown = found.deliveries["accepted"], found.deliveries["unknown"]
    print(
        f"\n| {name} | {READERS:,} | {found.happened['kill']} | {accepted:,} | {unknown:,} | {found.duplicates} | "
        f"{found.seconds:.0f} s | {dict(found.happened)}"
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("provider", ["resend", "postmark"])
def test_with_three_workers_and_two_runners_everyone_has_it_once(tmp_path: Path, provider: str) -> None:
    found = shared_campaign(tmp_path, provider, readers=READERS, kills=KILLS, seed=1, rate=RATE, patience=400)
    tell(provider, found)

    check(found)
    if provider == "resend":
        assert found.deliveries["accepted"] == READERS
