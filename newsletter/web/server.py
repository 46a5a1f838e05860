"""Run an ASGI application on a socket, and end it cleanly.

Shared by the readers' pages and the preview; it does not know what the application does.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

from newsletter.errors import ConfigError, NewsletterError
from newsletter.web.http_protocol import LimitedHeadersProtocol

GRACE = 8
"""Seconds that requests in progress have to finish after a stop was asked for."""
NEIGHBOURS = 20
"""Ports that `listen_near` tries after the requested one."""
_HINTS = {
    errno.EACCES: "Ports below 1024 are the administrator's: choose another with --port.",
    errno.EADDRNOTAVAIL: "This machine has no such address: choose another with --host.",
}
IDLE = 30
"""Seconds that a connection without a request is kept open."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free port. Raises NewsletterError when the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol's number asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A server that is started again gets its port although old connections are still closing.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # After a campaign readers arrive within minutes: a short queue would refuse some of them.
        sock.listen(1024)
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or error
        taken = "Another program may have it: choose another with --port."
        hint = _HINTS.get(getattr(error, "errno", None) or 0, taken)
        raise NewsletterError(f"cannot listen on {host} port {port}: {reason}", hint=hint) from error
    return sock


def listen_near(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `port`, or on the next free one above it.

    For commands that print the address they got. Raises NewsletterError when none of NEIGHBOURS ports is free.
    """
    for candidate in range(port, min(port + NEIGHBOURS, 65_535)):
        try:
            return listen(host, candidate)
        except NewsletterError as error:
            # Any other reason holds for the next port, too.
            if getattr(error.__cause__, "errno", None) != errno.EADDRINUSE:
                raise
    return listen(host, min(port + NEIGHBOURS, 65_535))


def address(sock: socket.socket, scheme: str = "http") -> str:
    """Return the URL under which a browser reaches the socket, such as `http://127.0.0.1:8000`."""
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class Certificate(NamedTuple):
    """The two PEM files that TLS needs."""

    chain: str
    key: str

    def check(self) -> None:
        """Raise ConfigError unless the files hold a certificate and its key."""
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.chain, self.key)
        except OSError as error:  # ssl.SSLError is one
            reason = error.strerror or error
            hint = "Name the certificate with its chain, and its key, both in PEM."
            raise ConfigError(
                f"[serve] certificate and key cannot be used: {reason}", place=self.chain, hint=hint
            ) from error


def serve(
    app: ASGIApp,
    sock: socket.socket,
    stop: threading.Event,
    closing: Callable[[], None] = lambda: None,
    certificate: Certificate | None = None,
) -> None:
    """Answer requests until `stop` is set, then finish those in progress within GRACE seconds.

    `closing` is called in the event loop before that wait: it ends the streams that have no end of their own.
    With a certificate the server speaks TLS.
    """
    config = uvicorn.Config(
        app,
        http=LimitedHeadersProtocol,
        # No route speaks WebSocket.
        ws="none",
        access_log=False,
        # Uvicorn would set up handlers of its own.
        log_config=None,
        # public/client.py reads the headers of trusted proxies.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=IDLE,
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    for name in ("uvicorn", "asyncio"):
        # Their records take the level, the format and the masking that `newsletter` has been given.
        logging.getLogger(name).parent = logging.getLogger("newsletter")
    server = _UvicornServer(config, closing)
    threading.Thread(target=_exit_when_asked, args=(server, stop), daemon=True).start()
    server.run(sockets=[sock])


def _exit_when_asked(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    # Uvicorn looks at this ten times a second.
    server.should_exit = True


class _UvicornServer(uvicorn.Server):
    """A uvicorn server that leaves signals to `newsletter.signals`, where the second one exits at once."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the application's streams, then the server."""
        self._closing()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signal."""
        yield
