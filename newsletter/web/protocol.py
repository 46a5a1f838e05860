"""Protocol: uvicorn's HTTP, with an end to the headers of a request.

Uvicorn waits for them as long as they trickle, and keeps as many as come. Bodies are the guard's.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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
