"""A web server on the loopback address: pages by path, and paths that misbehave."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier
from typing import Any

Page = tuple[int, str, bytes]
"""Status, media type (for a redirect, the target) and body."""


class WebServer:
    """A server that answers with `pages` by path, else with 404. `/slow`, `/drip`, `/endless` and `/cut` misbehave."""

    def __init__(self, pages: Mapping[str, Page] | None = None, certificate: Path | None = None) -> None:
        self.pages = dict(pages or {})
        self.refuses_head: set[str] = set()
        """Paths that answer HEAD with 405."""
        self.asked: list[tuple[str, str]] = []
        """The method and path of every request."""
        self.hosts: list[str] = []
        """The Host header of every request."""
        self.most_at_once = 0
        """The highest number of requests that waited for their answers together."""
        self.delay = 0.0
        """Seconds before every answer."""
        self.gate: Barrier | None = None
        """A barrier where each request waits for others before it is answered; several servers may share it."""
        self._waiting = 0
        self._lock = threading.Lock()
        self.stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.web = self
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Wait until a request may be answered. Its client may send another at the first byte: count it no longer."""
        with self._lock:
            self._waiting += 1
            self.most_at_once = max(self.most_at_once, self._waiting)
        if self.gate:
            self.gate.wait(30)
        self.stopped.wait(self.delay)
        with self._lock:
            self._waiting -= 1

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    web: WebServer
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore it: a client that gave up is no error here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        web = self.server.web
        web.asked.append((self.command, self.path))
        web.hosts.append(self.headers["Host"])
        web.wait()
        self._answer(web)

    def _answer(self, web: WebServer) -> None:
        misbehaviour = getattr(self, "_" + self.path.strip("/"), None) if self.path.count("/") == 1 else None
        if self.path in web.refuses_head and self.command == "HEAD":
            self._send(405, "text/plain", b"")
        elif self.path in web.pages:
            self._send(*web.pages[self.path])
        elif misbehaviour and self.path in ("/slow", "/drip", "/endless", "/cut"):
            misbehaviour(web)
        else:
            self._send(404, "text/plain", b"not here")

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Location" if 300 <= status < 400 else "Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _slow(self, web: WebServer) -> None:
        web.stopped.wait(60)

    def _drip(self, web: WebServer) -> None:
        """Send a byte at a time: no single wait is long, but the answer never ends."""
        self.send_response(200)
        self.end_headers()
        while not web.stopped.wait(0.1):
            self.wfile.write(b" ")

    def _endless(self, web: WebServer) -> None:
        self.send_response(200)
        self.end_headers()
        while not web.stopped.is_set():
            self.wfile.write(b"<p>more</p>" * 10_000)

    def _cut(self, web: WebServer) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"half")

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: tests read `asked`."""
