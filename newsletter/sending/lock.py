"""Lock a database file for one sender at a time: an operating-system lock, which ends with its process.

The process that gets it knows that no other is sending, however the last one ended. Reading, pausing and everything
else about campaigns needs no lock.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from newsletter.errors import ConfigError
from newsletter.private_files import open_private
from newsletter.times import utc_now


class SenderLock:
    """The lock `<database>.sender.lock`; the file names its holder: process id, machine, since when (UTC)."""

    def __init__(self, database_file: str) -> None:
        self._path = Path(f"{database_file}.sender.lock")
        self._file: int | None = None

    def __enter__(self) -> SenderLock:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def acquire(self) -> bool:
        """Try to get the lock, without waiting; return whether it is ours. Raises ConfigError without a file."""
        import fcntl  # not on Windows: only sending needs it

        if self._file is not None:
            return True
        file = self._open()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        since = utc_now().strftime("%Y-%m-%d %H:%M")
        with suppress(OSError):  # the lock holds on a full disk, too; only its owner's name is not told
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()} {socket.gethostname()} {since}\n".encode(), 0)
        return True

    @property
    def owner(self) -> str:
        """Name the holder: `process 4711 on box (since 2026-11-23 18:02 UTC)`, or else `another process`."""
        try:
            number, host, since = self._path.read_text(encoding="utf-8").strip().split(" ", 2)
        except (OSError, ValueError):
            return "another process"
        return f"process {number} on {host} (since {since} UTC)"

    def _open(self) -> int:
        try:
            return open_private(self._path, os.O_RDWR)
        except OSError as error:
            raise ConfigError(f"the sender's lock: {error.strerror}", place=str(self._path)) from error
