"""A correction to 1,000 readers, of whom 50 left since and 50 others joined, under kill -9."""

from __future__ import annotations

import json
import random
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from newsletter.database.connection import open_database
from newsletter.database.tables import subscriber, subscription
from newsletter.sending.bench import SLUG, ask, prepare, running_provider
from newsletter.sending.bench_provider import Behaviour
from newsletter.times import stamp
from tests.acceptance.kills import LATENCY, environment, killed
from tests.support.fork_server import run_command
from tests.support.sending import NOW

CORRECTION = ("send", "sorry", "--to-readers-of", SLUG, "--yes", "--json")
KILLS = 6


@pytest.mark.timeout(300)
def test_a_correction_reaches_exactly_those_who_got_the_campaign_once_however_often_it_is_killed(
    tmp_path: Path,
) -> None:
    with running_provider(Behaviour(latency=LATENCY)) as port:
        publication = prepare(tmp_path, 1_000, port, "resend")
        issue = tmp_path / "issues" / "2025-01-18-sorry.md"
        issue.write_text("---\nsubject: Sorry\n---\nIt was Monday.\n", encoding="utf-8")
        first = run_command(["send", SLUG, "--yes", "--json"], tmp_path, environment(tmp_path))
        assert json.loads(first.stdout)["deliveries"]["accepted"] == 1_000, first.stderr
        with closing(open_database(publication)) as database, database.begin() as connection:
            got = list(connection.execute(select(subscriber.c.id).order_by(subscriber.c.id)).scalars())
            left = got[::20]
            connection.execute(
                update(subscription).where(subscription.c.subscriber_id.in_(left)).values(status="unsubscribed")
            )
            joined = [max(got) + n for n in range(1, 51)]
            at = {"created_at": stamp(NOW), "updated_at": stamp(NOW)}
            rows = [{"id": n, "email": f"new{n}@example.com", "email_key": f"new{n}@example.com", **at} for n in joined]
            connection.execute(insert(subscriber), rows)
            active = {"list": "daily", "status": "active", "changed_at": stamp(NOW)}
            connection.execute(insert(subscription), [{**active, "subscriber_id": n} for n in joined])
        chance = random.Random(16)

        def calls() -> int:
            return int(json.loads(ask(port, "/counts"))["calls"])

        kills = sum(killed(tmp_path, [*CORRECTION, "--rate", "300/s"], chance, calls) for _ in range(KILLS))
        last = run_command([*CORRECTION], tmp_path, environment(tmp_path))
        again = run_command(["send", "sorry", "--yes", "--json"], tmp_path, environment(tmp_path))
        mailed = {id: times for id, times in json.loads(ask(port, "/accepted")).items() if id.startswith("2.")}

    assert kills > 0
    assert last.returncode == 0, last.stderr
    assert mailed == {f"2.{id}": 1 for id in got if id not in left}
    assert "Nobody was mailed" in again.stderr
