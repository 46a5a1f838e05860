"""Mail servers on the loopback address: Postfix's smtp-sink with its fault switches, and one that plays a script."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.ports import free_port
from tests.support.programs import program

TOO_MANY = "421 4.7.0 too many connections from your address"


@contextmanager
def smtp_sink(folder: Path, *switches: str, port: int = 0) -> Iterator[int]:
    """Start smtp-sink and return its port. It writes each message that it takes to `folder`."""
    sink = program("smtp-sink")
    port = port or free_port()
    folder.mkdir(exist_ok=True)

    user = ["-u", "root"] if os.getuid() == 0 else []  # started by root, it insists on a user
    command = [sink, *user, *switches, "-d", f"{folder}/%M.", f"127.0.0.1:{port}", "100"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("smtp-sink does not listen")


def wait_until_heard(port: int) -> None:
    """Wait until the server has read what its departed clients sent, and has closed those connections."""
    while any(_is_open_on(port, line.split()) for line in Path("/proc/net/tcp").read_text().splitlines()[1:]):
        time.sleep(0.02)


def _is_open_on(port: int, columns: Sequence[str]) -> bool:
    """Tell whether a line of /proc/net/tcp is the server's end of a connection, ESTABLISHED or in CLOSE_WAIT."""
    return columns[1] == f"0100007F:{port:04X}" and columns[3] in ("01", "08")


def dumped(folder: Path) -> list[str]:
    """Return the recipients of all messages that smtp-sink took, from the envelope that it writes above each."""
    recipients = []
    for path in folder.iterdir():
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
        recipients += [line.split("<")[1].split(">")[0] for line in lines if line.startswith("X-Rcpt-Args:")]
    return sorted(recipients)


Reply = str | Callable[[int], str | None]
"""An answer; or a function of how many messages the connection has delivered, None for the usual answer."""


def after_seconds(seconds: float) -> Reply:
    """Give the usual answer after so many seconds."""

    def wait(_delivered: int) -> None:
        time.sleep(seconds)

    return wait


class Script:
    """A mail server that answers each command from a table, and keeps what it received."""

    def __init__(
        self,
        replies: Mapping[str, Reply],
        features: Sequence[str] = ("PIPELINING", "SIZE 10000000"),
        port: int = 0,
        *,
        most: int = 1000,
        on_message: Callable[[int], None] = lambda _number: None,
        wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection,
        loses_packets: bool = False,
    ) -> None:
        """`most`: connections that are open at once; another is answered with `TOO_MANY` and closed.

        `loses_packets`: of several commands in one packet only the first is read.

        `on_message` is called with the number of every message that is taken, before it is answered.
        """
        self.replies = dict(replies)
        """The answer by the beginning of a command; `.` is the end of a message, and "" closes the connection."""
        self.features = features
        self.heard: list[str] = []
        """Every command that came in."""
        self.packets: list[bytes] = []
        """Every piece that came in, as it was sent."""
        self.messages: list[bytes] = []
        self.taken: list[tuple[int, str]] = []
        """Every message that was taken: the number of its connection, and its recipient."""
        self.connections = 0
        self.refused = 0
        """Connections that were one too many."""
        self._most, self._on_message, self._wrap, self._loses = most, on_message, wrap, loses_packets
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Script:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        for listening in (self._socket, *self._open):
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in (self._thread, *self._threads):
            thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._attend, args=[connection])
            self._threads.append(thread)
            thread.start()

    def _attend(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if is_full := len(self._open) >= self._most:
                    self.refused += 1
                else:
                    self.connections += 1
                    self._open.add(connection)
                number = self.connections
            if is_full:
                connection.sendall(f"{TOO_MANY}\r\n".encode())
                return
            try:
                with self._wrap(connection) as talking:
                    self._talk(talking, number)
            finally:
                self._open.discard(connection)

    def _talk(self, connection: socket.socket, number: int) -> None:
        greeting = self._answer("CONNECT", "220 ready", 0)
        connection.sendall(greeting)
        if greeting[:1] in (b"4", b"5"):
            return
        buffer, in_message, recipient, delivered, is_refused = b"", False, "", 0, False
        while piece := connection.recv(1 << 20):
            self.packets.append(piece)
            if self._loses and not in_message:
                piece = piece.partition(b"\n")[0] + b"\n"
            buffer += piece
            while True:
                end = b"\r\n.\r\n" if in_message else b"\r\n"
                if in_message and buffer.startswith(b".\r\n"):
                    message, buffer = b"", buffer[3:]
                elif end in buffer:
                    message, _, buffer = buffer.partition(end)
                else:
                    break
                command = "." if in_message else message.decode("utf-8", "replace").replace("ehlo", "EHLO")
                if in_message:
                    self.messages.append(message)
                else:
                    self.heard.append(command)
                if command.startswith("RCPT"):
                    recipient = command.partition("<")[2].partition(">")[0]
                is_refused = is_refused and not command.startswith(("MAIL", "RSET"))
                usual = "503 5.5.1 no valid recipient" if is_refused and not in_message else self._usual(command)
                reply = self._answer(command, usual, delivered)
                is_refused = is_refused or (command.startswith(("MAIL", "RCPT")) and not reply.startswith(b"2"))
                if command == "." and message and reply.strip().rpartition(b"\n")[2].startswith(b"2"):
                    with self._lock:
                        self.taken.append((number, recipient))
                        count = len(self.taken)
                    delivered += 1
                    self._on_message(count)
                if not reply:
                    return
                connection.sendall(reply)
                in_message = reply.startswith(b"354")
                if reply.startswith(b"421") or command == "QUIT":
                    return

    def _answer(self, command: str, usual: str, delivered: int) -> bytes:
        reply = next((reply for start, reply in self.replies.items() if command.startswith(start)), usual)
        said = reply if isinstance(reply, str) else reply(delivered)
        said = usual if said is None else said
        return f"{said}\r\n".encode() if said else b""

    def _usual(self, command: str) -> str:
        if command.startswith("EHLO"):
            lines = ["mail.example.com", *self.features]
            return "\r\n".join(f"250{'-' if line != lines[-1] else ' '}{line}" for line in lines)
        return {"DATA": "354 go on", ".": "250 2.0.0 Ok: queued as 4F2A", "QUIT": "221 bye"}.get(command, "250 ok")
