"""Server: an ASGI application on a socket, until it is told to stop.

Shared by the readers' pages and the preview. What the application is, is not known here.

Protocol: uvicorn's HTTP, with an end to the headers of a request.

Uvicorn waits for them as long as they trickle, and keeps as many as come. Bodies are the guard's.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from newsletter.errors import ConfigError, NewsletterError

GRACE = 8
"""Seconds for requests that are being answered, after the wish to stop."""
NEIGHBOURS = 20
"""Ports that `listen_near` tries after the one that was asked for."""
_HINTS = {
    errno.EACCES: "Ports below 1024 are the administrator's: choose another with --port.",
    errno.EADDRNOTAVAIL: "This machine has no such address: choose another with --host.",
}
IDLE = 30
"""Seconds that a connection without a request is kept."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises NewsletterError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol's number asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(1024)
    except (OSError, OverflowError) as error:
        sock.close()
        said = getattr(error, "strerror", None) or error
        taken = "Another program may have it: choose another with --port."
        hint = _HINTS.get(getattr(error, "errno", None) or 0, taken)
        raise NewsletterError(f"cannot listen on {host} port {port}: {said}", hint=hint) from error
    return sock


def listen_near(host: str, port: int) -> socket.socket:
    """The same, or on the next port that is free: for whoever prints the address. Raises NewsletterError."""
    for candidate in range(port, min(port + NEIGHBOURS, 65_535)):
        try:
            return listen(host, candidate)
        except NewsletterError as error:
            if getattr(error.__cause__, "errno", None) != errno.EADDRINUSE:
                raise
    return listen(host, min(port + NEIGHBOURS, 65_535))


def address(sock: socket.socket, scheme: str = "http") -> str:
    """`http://127.0.0.1:8000`, where a browser finds it."""
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class Certificate(NamedTuple):
    """What TLS wants: files in PEM."""

    chain: str
    key: str

    def check(self) -> None:
        """Raises ConfigError when the files cannot be used."""
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.chain, self.key)
        except OSError as error:  # ssl.SSLError is one
            said = error.strerror or error
            hint = "Name the certificate with its chain, and its key, both in PEM."
            raise ConfigError(
                f"[serve] certificate and key cannot be used: {said}", place=self.chain, hint=hint
            ) from error


def serve(
    app: ASGIApp,
    sock: socket.socket,
    stop: threading.Event,
    closing: Callable[[], None] = lambda: None,
    certificate: Certificate | None = None,
) -> None:
    """Answer until `stop` is set; then what is being answered is finished, within GRACE seconds.

    `closing` is called before that, in the event loop: it ends the streams that have no end by themselves.
    With a certificate it speaks TLS.
    """
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=IDLE,
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    server = _UvicornServer(config, closing)
    threading.Thread(target=_end, args=(server, stop), daemon=True).start()
    server.run(sockets=[sock])


def _end(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True


class _UvicornServer(uvicorn.Server):
    """Leaves signals to `interrupts`, which says what happens and obeys the second one at once."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams first, then what uvicorn does."""
        self._closing()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


HEAD_SECONDS = 10.0
"""Within which the headers of a request have to be here, from the connection or its first byte on."""
MOST_HEAD = 64 * 1024
"""Bytes of a request before its body."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    _timer: asyncio.TimerHandle | None = None
    """Runs while headers are awaited."""
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connects: the clock runs."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more to wait for."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; the first ones of a next request start the clock anew."""
        if self._timer is None and self.cycle is not None and self.cycle.response_complete:
            self._await_head()
        super().data_received(data)
        self._head += len(data)
        if self._timer is not None and self._head > MOST_HEAD:
            self._give_up()

    def on_headers_complete(self) -> None:
        """They are here."""
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._stop_waiting()
        self.transport.close()
