"""Serve a worker's `/metrics` (Prometheus) and `/healthz` on an address of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from newsletter.distributed.batch_sender import Tally
from newsletter.errors import ConfigError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsServer:
    """A small server in a thread; a context manager."""

    def __init__(self, host: str, port: int, tally: Tally, is_healthy: Callable[[], bool]) -> None:
        """Listen. Raises ConfigError when the address cannot be had."""
        self._tally = tally
        self._is_healthy = is_healthy
        self._since = time.time()
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name is http.server's
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing: a monitor asks several times a minute."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"--listen {host}:{port}: {error}", hint="Take another address or port.") from error

    @property
    def address(self) -> str:
        """Return where it listens: `http://127.0.0.1:9100`."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> MetricsServer:
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str) -> tuple[int, bytes]:
        if path == "/healthz":
            return (200, b"ok\n") if self._is_healthy() else (503, b"the database was not reached lately\n")
        if path == "/metrics":
            return 200, "\n".join([*self._lines(), ""]).encode()
        return 404, b"/metrics and /healthz are here\n"

    def _lines(self) -> list[str]:
        messages = dict(self._tally.messages)
        return [
            "# HELP newsletter_worker_batches_total Batches that this worker took from claim to settle.",
            "# TYPE newsletter_worker_batches_total counter",
            f"newsletter_worker_batches_total {self._tally.batches}",
            "# HELP newsletter_worker_messages_total Messages by the provider's answer.",
            "# TYPE newsletter_worker_messages_total counter",
            *(f'newsletter_worker_messages_total{{outcome="{name}"}} {messages[name]}' for name in sorted(messages)),
            "# HELP newsletter_worker_failures_total Batches that could not be sent from here.",
            "# TYPE newsletter_worker_failures_total counter",
            f"newsletter_worker_failures_total {self._tally.failures}",
            "# HELP newsletter_worker_database_up Whether the database was reached lately.",
            "# TYPE newsletter_worker_database_up gauge",
            f"newsletter_worker_database_up {int(self._is_healthy())}",
            "# HELP newsletter_worker_start_time_seconds When the worker started, Unix time.",
            "# TYPE newsletter_worker_start_time_seconds gauge",
            f"newsletter_worker_start_time_seconds {self._since:.3f}",
        ]
