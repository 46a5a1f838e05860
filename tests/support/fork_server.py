"""Start processes of the command without the wait for imports: a server that has imported everything forks them.

Each process has its own arguments, folder, environment, streams and exit code. A test of how long the command
takes to start, or of what it imports, starts it with `subprocess` instead.
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
"""Modules that commands import only when they need them."""


def run_command(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `python -m newsletter` to its end, and return its exit code and output."""
    with start_command(arguments, cwd, environment, stdin) as child:
        code = child.wait()
        return subprocess.CompletedProcess(arguments, code, *child.said())


@contextmanager
def start_command(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], stdin: str = ""
) -> Iterator[Child]:
    """Start `python -m newsletter`. The process is killed at the end of the block, if it still runs."""
    with ExitStack() as stack:
        request, given, out, err = [
            stack.enter_context(TemporaryFile("w+", encoding="utf-8", errors="surrogateescape")) for _ in range(4)
        ]
        with request, given:  # the process has its own copies
            json.dump([[*arguments], str(cwd), {**environment}], request)
            given.write(stdin)
            for file in (request, given):
                file.seek(0)
            reply = stack.enter_context(_server().ask([file.fileno() for file in (request, given, out, err)]))
        child = Child(reply, out, err)
        stack.callback(child.kill)
        yield child


@cache
def _server() -> ForkServer:
    """Return the one server of this test process. It ends with the test process."""
    server = ForkServer()
    atexit.register(server.close)
    return server


class ForkServer:
    """The test process's side of the server that forks."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.support.fork_server", f"{theirs.fileno()}"]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])

    def close(self) -> None:
        """End the server."""
        self._control.close()
        self._process.wait()

    def ask(self, files: Sequence[int]) -> socket.socket:
        """Ask for a process with these files. Its number and its exit code come through the returned socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"."], [*files, theirs.fileno()])
        return ours


class Child:
    """A process that the server forked."""

    def __init__(self, reply: socket.socket, out: TextIO, err: TextIO) -> None:
        reply.settimeout(100)
        self._reply, self._out, self._err = reply, out, err
        self._pid = self._number()
        self._code: int | None = None

    def _number(self) -> int:
        """Read the next number that the server sends: first the process's id, later its exit code."""
        line = b""
        while not line.endswith(b"\n"):
            piece = self._reply.recv(1)
            assert piece, "the server that forks has ended"
            line += piece
        return int(line)

    def wait(self) -> int:
        """Wait for the end. Returns the exit code, or the negative number of the signal that ended it."""
        if self._code is None:
            self._code = self._number()
        return self._code

    def has_ended(self) -> bool:
        """Tell whether the process has ended."""
        if self._code is None:
            reply = select.poll()  # select() takes no descriptor over 1,023
            reply.register(self._reply, select.POLLIN)
            return bool(reply.poll(0))
        return True

    def kill(self) -> None:
        """Kill the process, if it still runs."""
        if self.signal(signal.SIGKILL):
            self.wait()

    def signal(self, number: signal.Signals) -> bool:
        """Send the process a signal, if it still runs; tell whether it does."""
        if is_running := not self.has_ended():
            os.kill(self._pid, number)
        return is_running

    def said(self) -> tuple[str, str]:
        """Return what was written to standard output and to standard error."""
        for file in (self._out, self._err):
            file.seek(0)
        return self._out.read(), self._err.read()


def serve(control: socket.socket) -> list[int]:
    """Fork for every request. Returns in the child, with the child's files."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, files, *_ = socket.recv_fds(control, 1, 5)
        if not request:
            sys.exit()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            return files
        for file in files:
            os.close(file)


def attend(reply: socket.socket) -> None:
    """Fork once more. The parent sends the child's id and exit code to `reply`; the function returns in the child."""
    child = os.fork()
    if child == 0:
        reply.close()
        return
    reply.sendall(f"{child}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    reply.sendall(f"{code}\n".encode())
    os._exit(0)


def become(files: Sequence[int]) -> None:
    """Take on the files, arguments, folder and environment of a request."""
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
    """Import what commands import, then serve requests; each child runs the command."""
    from newsletter.cli.main import COMMANDS, load_command

    for name in USED_LATER.split():
        importlib.import_module(name)
    for command in COMMANDS:
        load_command(command)
    gc.freeze()  # else each child's collector would copy the pages that all share
    with socket.socket(fileno=int(sys.argv[1])) as control:
        *files, reply = serve(control)
    attend(socket.socket(fileno=reply))
    become(files)
    runpy.run_module("newsletter", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
