"""One process sends at a time, and the next one at once."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from newsletter.errors import ConfigError
from newsletter.sending.lock import SenderLock

HOLD = "import sys, time; from newsletter.sending.lock import SenderLock\n"
HOLD += "print(SenderLock(sys.argv[1]).acquire(), flush=True); time.sleep(60)"


@contextmanager
def holder(file: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", HOLD, file], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()


def test_who_holds_the_lock_is_named_and_a_kill_frees_it(tmp_path: Path) -> None:
    file = str(tmp_path / "newsletter.db")
    with holder(file) as other, SenderLock(file) as lock:
        assert not lock.acquire()
        assert lock.owner.startswith(f"process {other.pid} ")

        other.send_signal(signal.SIGKILL)
        other.wait()

        assert lock.acquire()
        assert lock.owner.startswith(f"process {os.getpid()} ")


def test_a_lock_is_given_back_when_its_sender_is_done(tmp_path: Path) -> None:
    file = str(tmp_path / "newsletter.db")
    with SenderLock(file) as first:
        assert first.acquire()
        assert first.acquire()

    with SenderLock(file) as second:
        assert second.acquire()


def test_a_lock_that_cannot_be_made_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the sender's lock"):
        SenderLock(str(tmp_path / "nowhere" / "newsletter.db")).acquire()


def test_on_a_full_disk_the_lock_holds_and_only_its_owner_is_not_named(tmp_path: Path) -> None:
    file = str(tmp_path / "newsletter.db")
    SenderLock(file)._open()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with SenderLock(file) as lock, SenderLock(file) as other:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # each write fails, as on a full disk
        try:
            assert lock.acquire()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        assert not other.acquire()
        assert other.owner == "another process"
