"""Processes of the command that begin at once: forked from one that has imported everything already.

Each is a process of its own, with its own arguments, folder, environment and streams, and ends
with its own exit code. What Python itself costs at a start, and what a command imports, is for tests
that start one with `subprocess`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO

from tests import ROOT

USED_LATER = "alembic email_validator lxml.html mjml premailer requests rich.progress sqlalchemy.dialects.sqlite yaml"
"""What commands import when they need it."""


def run_command(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """`python -m newsletter`, to its end."""
    with start_command(arguments, cwd, environment, stdin) as child:
        code = child.wait()
        return subprocess.CompletedProcess(arguments, code, *child.said())


@contextmanager
def start_command(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], stdin: str = ""
) -> Iterator[Child]:
    """`python -m newsletter`, running; what is left of it in the end is killed."""
    with ExitStack() as stack:
        asked, given, out, err = [
            stack.enter_context(TemporaryFile("w+", encoding="utf-8", errors="surrogateescape")) for _ in range(4)
        ]
        json.dump([[*arguments], str(cwd), {**environment}], asked)
        given.write(stdin)
        for file in (asked, given):
            file.seek(0)
        reply = stack.enter_context(_server().ask([file.fileno() for file in (asked, given, out, err)]))
        child = Child(reply, out, err)
        stack.callback(child.kill)
        yield child


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
        command = [sys.executable, "-m", "tests.support.fork_server", f"{theirs.fileno()}"]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])

    def close(self) -> None:
        """Let it end."""
        self._control.close()
        self._process.wait()

    def ask(self, files: Sequence[int]) -> socket.socket:
        """For a process with these files; it is told of through what is returned."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"."], [*files, theirs.fileno()])
        return ours


class Child:
    """A process that was asked for."""

    def __init__(self, reply: socket.socket, out: TextIO, err: TextIO) -> None:
        reply.settimeout(100)
        self._reply, self._out, self._err = reply, out, err
        self._pid = self._number()
        self._code: int | None = None

    def _number(self) -> int:
        """The next one that is told of it."""
        line = b""
        while not line.endswith(b"\n"):
            piece = self._reply.recv(1)
            assert piece, "nobody is left to tell what became of it"
            line += piece
        return int(line)

    def wait(self) -> int:
        """Its exit code, or the negative number of the signal that ended it."""
        if self._code is None:
            self._code = self._number()
        return self._code

    def has_ended(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._code is not None or bool(select.select([self._reply], [], [], 0)[0])

    def kill(self) -> None:
        """End it, wherever it is."""
        if not self.has_ended():
            os.kill(self._pid, signal.SIGKILL)
            self.wait()

    def said(self) -> tuple[str, str]:
        """On standard output and standard error."""
        for file in (self._out, self._err):
            file.seek(0)
        return self._out.read(), self._err.read()


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
    from newsletter.cli.main import COMMANDS, load_command

    for name in USED_LATER.split():
        importlib.import_module(name)
    for command in COMMANDS:
        load_command(command)
    gc.freeze()  # no child looks through what all have
    with socket.socket(fileno=int(sys.argv[1])) as control:
        *files, reply = serve(control)
    attend(socket.socket(fileno=reply))
    become(files)
    runpy.run_module("newsletter", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
