"""Processes of the command that begin at once: forked from one that has imported everything already.

Each is a process of its own, with its own arguments, folder, environment and streams, and ends
with its own exit code. What Python itself costs at a start, and what a command imports, is for tests
that start one with `subprocess`; those that signal or time a process do so, too.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parent.parent
USED_LATER = "alembic email_validator lxml.html mjml premailer requests rich.progress sqlalchemy.dialects.sqlite yaml"
"""What commands import when they need it."""


def run_command(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """`python -m newsletter`, to its end."""
    return _server().run(arguments, cwd, environment, stdin)


@cache
def _server() -> ForkServer:
    """One for all tests of this process; it ends with it."""
    found = ForkServer()
    atexit.register(found.close)
    return found


class ForkServer:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.fork_server", f"{theirs.fileno()}"]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])

    def close(self) -> None:
        """Let it end."""
        self._control.close()
        self._process.wait()

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], stdin: str
    ) -> subprocess.CompletedProcess[str]:
        """One process."""
        with ExitStack() as stack:
            asked, given, out, err = [
                stack.enter_context(TemporaryFile("w+", encoding="utf-8", errors="surrogateescape")) for _ in range(4)
            ]
            json.dump([[*arguments], str(cwd), {**environment}], asked)
            given.write(stdin)
            for file in (asked, given):
                file.seek(0)
            code = self._code([file.fileno() for file in (asked, given, out, err)])
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read(), err.read())

    def _code(self, files: Sequence[int]) -> int:
        ours, theirs = socket.socketpair()
        with ExitStack() as stack:
            stack.enter_context(ours)
            ours.settimeout(100)
            with theirs:
                socket.send_fds(self._control, [b"."], [*files, theirs.fileno()])
            told = stack.enter_context(ours.makefile())
            child = int(told.readline())
            try:
                return int(told.readline())
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                raise


def serve(control: socket.socket) -> list[int]:
    """Fork for every request; returns in the child, with its files."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, files, *_ = socket.recv_fds(control, 1, 5)
        if not asked:
            sys.exit()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            return files
        for file in files:
            os.close(file)


def attend(reply: socket.socket) -> None:
    """Fork once more, to return in the child, and to tell its number and its exit code in the parent."""
    child = os.fork()
    if child == 0:
        reply.close()
        return
    reply.sendall(f"{child}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    reply.sendall(f"{code}\n".encode())
    os._exit(0)


def become(files: Sequence[int]) -> None:
    """The process that was asked for."""
    with open(files[0], encoding="utf-8", errors="surrogateescape") as request:
        arguments, folder, environment = json.load(request)
    for stream, file in enumerate(files[1:]):
        os.dup2(file, stream)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments


def main() -> None:
    """Import what commands import, then become what is asked for."""
    from newsletter.cli import COMMANDS

    for name in (*USED_LATER.split(), *(f"newsletter.commands.{command}" for command in COMMANDS)):
        importlib.import_module(name)
    gc.freeze()  # no child looks through what all have
    with socket.socket(fileno=int(sys.argv[1])) as control:
        *files, reply = serve(control)
    attend(socket.socket(fileno=reply))
    become(files)
    runpy.run_module("newsletter", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
