"""`newsletter bench` prints what happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run


def test_the_books_agree_even_when_the_provider_fails(newsletter: Run, tmp_path: Path) -> None:
    done = newsletter("bench", "--readers", "3000", "--faults", "30", "--json")

    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(found["provider"]["faults"].values()) > 0
    assert found["deliveries"]["unknown"] > 0
    assert (found["adds_up"], found["agrees"], found["provider"]["twice"]) == (True, True, 0)
    assert [*tmp_path.iterdir()] == []


def test_people_see_the_speed_the_memory_and_the_sum(newsletter: Run) -> None:
    done = newsletter("bench", "--readers", "200", "--faults", "0")

    words = [line.rpartition("  ")[0].split("  ")[0] for line in done.stdout.splitlines()]
    assert words == ["messages a second", "CPU per message", "peak memory", "ledger", "provider", "the books"]
    assert "200 accepted + 0 rejected + 0 skipped + 0 unknown = 200 of 200 readers" in done.stdout


@pytest.mark.parametrize("arguments", [["--readers", "0"], ["--faults", "101"], ["--readers", "many"]])
def test_a_number_that_makes_no_sense_is_refused(newsletter: Run, arguments: list[str]) -> None:
    assert newsletter("bench", *arguments).returncode == 2
