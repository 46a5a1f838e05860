"""Uvicorn's HTTP protocol with a limit on a request's headers: in seconds and in bytes.

Uvicorn by itself waits for headers as long as they trickle in, and keeps as many as arrive.
body_limits.py limits what comes after them.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
"""Seconds that the headers may take, from the connection or the request's first byte on."""
MAX_HEADER_BYTES = 64 * 1024
"""Bytes that a request may have before its body."""


class LimitedHeadersProtocol(HttpToolsProtocol):
    """A connection that is closed when a request's headers are too slow or too long."""

    _timer: asyncio.TimerHandle | None = None
    """Runs while headers are awaited."""
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request's headers."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count header bytes; the first bytes of a further request start the clock anew."""
        if self._timer is None and self.cycle is not None and self.cycle.response_complete:
            self._start_timer()
        super().data_received(data)
        # Counted after parsing: a chunk that completes the headers has stopped the timer.
        self._header_bytes += len(data)
        if self._timer is not None and self._header_bytes > MAX_HEADER_BYTES:
            self._close()

    def on_headers_complete(self) -> None:
        """Stop the clock: the headers have arrived."""
        self._stop_timer()
        super().on_headers_complete()

    def _start_timer(self) -> None:
        self._header_bytes = 0
        self._timer = self.loop.call_later(HEADER_SECONDS, self._close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._stop_timer()
        self.transport.close()
