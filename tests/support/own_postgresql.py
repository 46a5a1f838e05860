"""A PostgreSQL server of a test's own, which may be stopped and started in the middle, and a network that fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import postgresql_server as programs
from tests.support.databases import server_programs
from tests.support.ports import free_port

OPTIONS = programs.OPTIONS | {"synchronous_commit": "on"}
"""As the run's server, but a commit that was answered outlives the server's processes."""
PATIENCE = 60.0


class OwnPostgresql:
    """The server: an address that stays the same through its restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = programs._reachable(server_programs(), folder)
        self.port = free_port()
        made = [self._programs / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"]
        assert _as_nobody([*made, "--locale=C.UTF-8"], folder).wait() == 0
        self._process = self._start()

    def url(self, port: int | None = None) -> str:
        """The address of its database `postgres`, through another port if one is given."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/postgres"

    def crash(self) -> None:
        """End it as a crash does, and start it again."""
        self.stop()
        self._process = self._start()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _start(self) -> subprocess.Popen[bytes]:
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        words = [f"--{name}={value}" for name, value in OPTIONS.items()]
        command = [self._programs / "postgres", "-D", self._data, "-k", self._folder, "-p", self.port, *words]
        process = _as_nobody(command, self._folder)
        deadline = time.monotonic() + PATIENCE
        while len(lines := programs._lines(self._data / "postmaster.pid")) < 8 or lines[7].strip() != "ready":
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process


def _as_nobody(command: list[object], folder: Path) -> subprocess.Popen[bytes]:
    """Start a program of the server without rights, and without a word."""
    with (folder / "log").open("ab") as log:
        user = {"user": programs.NOBODY, "group": programs.NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        words = [str(word) for word in command]
        return subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **user)  # type: ignore[call-overload,no-any-return]


@contextmanager
def own_postgresql() -> Iterator[OwnPostgresql]:
    folder = Path(tempfile.mkdtemp(prefix="newsletter-own-", dir=programs.place()))
    if os.geteuid() == 0:
        os.chown(folder, programs.NOBODY, programs.NOBODY)
    try:
        server = OwnPostgresql(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class DroppingProxy:
    """A way to a server that can be cut: bytes vanish, and the connections stay open until it is healed."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._is_cut = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let nothing through any more, in either direction."""
        self._is_cut.set()

    def heal(self) -> None:
        """Let new connections through; those that were cut break."""
        with self._lock:
            broken = [*self._open]
            self._open.clear()
        for side in broken:
            _break(side)
        self._is_cut.clear()

    def close(self) -> None:
        self._listening.close()
        self.heal()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listening.accept()
                try:
                    theirs = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # the server is being restarted
                    ours.close()
                    continue
                with self._lock:
                    self._open |= {ours, theirs}
                for source, target in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._is_cut.is_set():
                    target.sendall(data)
        with self._lock:
            self._open -= {source, target}
        for side in (source, target):
            _break(side)


def _break(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
