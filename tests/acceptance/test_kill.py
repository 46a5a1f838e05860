"""The promise: kill the sender whenever you like; nobody gets it twice, nobody is silently left out.

`make soak` runs it for longer: NEWSLETTER_KILLS says how many kills there are, 25 to a campaign.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.kills import Aftermath, campaign_with_kills

READERS = 20_000
KILLS_EACH = 25
KILLS = int(os.environ.get("NEWSLETTER_KILLS", KILLS_EACH))
CAMPAIGNS = range(-(-KILLS // KILLS_EACH))


def check(found: Aftermath) -> None:
    counted = found.deliveries
    assert found.kills == KILLS_EACH
    assert found.duplicates == 0
    assert sum(counted.values()) == READERS
    assert counted["accepted"] + counted["rejected"] + counted["skipped"] + counted["unknown"] == READERS
    assert len(found.accepted) == counted["accepted"]
    assert found.accepted <= found.at_provider.keys()
    assert found.at_provider.keys() <= found.accepted | found.unknown


def tell(name: str, number: int, found: Aftermath) -> None:
    """What the table in docs/sending.md adds up: `make soak` shows it."""
    accepted, unknown = found.deliveries["accepted"], found.deliveries["unknown"]
    print(f"\n| {name} | {number} | {found.kills} | {accepted:,} | {unknown:,} | {found.duplicates} |")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", CAMPAIGNS)
def test_with_a_providers_keys_nothing_is_even_unknown(tmp_path: Path, number: int) -> None:
    found = campaign_with_kills(tmp_path, "resend", readers=READERS, kills=KILLS_EACH, seed=number)
    tell("resend", number, found)

    check(found)
    assert (found.exit_code, found.deliveries["accepted"], found.unknown) == (0, READERS, set())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", CAMPAIGNS)
def test_without_keys_what_is_unknown_was_in_the_air_at_a_kill_and_reconcile_empties_the_list(
    tmp_path: Path, number: int
) -> None:
    found = campaign_with_kills(tmp_path, "postmark", readers=READERS, kills=KILLS_EACH, seed=number)
    tell("postmark", number, found)

    check(found)
    assert found.exit_code == (3 if found.unknown else 0)
    assert found.unknown <= found.in_the_air
    assert found.unknown_in_the_end == set()
    assert found.accepted_in_the_end == found.at_provider.keys()
