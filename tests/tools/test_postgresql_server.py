"""The PostgreSQL server of a test run: it ends with the run, however the run ends, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests import ROOT
from tests.support.databases import server_programs
from tests.support.postgresql_server import NOBODY, let_enter

pytestmark = pytest.mark.process
PATIENCE = 60.0


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(address: str) -> bool:
    try:
        psycopg.connect(f"postgresql://postgres@{address}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("user", ["the tests' own", "an ordinary one"])
def test_a_server_runs_as_any_user_and_ends_when_the_run_is_killed(tmp_path: Path, user: str) -> None:
    python, settings = sys.executable, {}
    if user == "an ordinary one":
        python = shutil.which("python3", path="/usr/bin") or ""
        settings = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        probe = [python, "-B", "-c", "import tests.support.postgresql_server"]
        if os.geteuid() != 0 or not python or subprocess.run(probe, cwd=ROOT, check=False, **settings).returncode:  # type: ignore[call-overload]
            pytest.skip("the tests run as an ordinary user themselves, or another user may not read them")
        let_enter(tmp_path)
        tmp_path.chmod(0o777)
    run = subprocess.Popen(["sleep", "600"])
    address = tmp_path / "address"
    command = [python, "-B", "-m", "tests.support.postgresql_server", server_programs(), str(run.pid), address]
    environment = {"PATH": os.defpath, "TMPDIR": str(tmp_path)}

    started = subprocess.run(command, cwd=ROOT, env=environment, check=False, **settings)  # type: ignore[call-overload]

    is_up = started.returncode == 0 and is_running(address.read_text())
    run.kill()
    run.wait()
    assert is_up
    wait_until(lambda: not is_running(address.read_text()))
