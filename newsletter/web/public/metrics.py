"""Count what a server does, and log each request; Prometheus reads the counts.

Neither the counts nor the log hold an address, of the network or of a reader, nor a token: a request is known by
its route's template.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.web.error_log import NO_ROUTE

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds, in seconds, of the histogram of response times."""
RequestLog = Callable[[Mapping[str, object]], None]
"""Takes the record of one answered request: method, route, status, milliseconds."""
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")


class Metrics:
    """Requests by route, method and status, their response times, and what readers did."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._events: Counter[str] = Counter()
        self._histogram = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        with self._lock:
            self._requests[route, method, status] += 1
            self._histogram[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def count(self, event: str, number: int = 1) -> None:
        """Count an event: `signup`, `unsubscribed`, ..."""
        with self._lock:
            self._events[event] += number

    def text(self, gauges: Mapping[str, int]) -> str:
        """Return all counts in Prometheus' text format; `gauges` are the values of this moment."""
        with self._lock:
            lines = [*self._request_lines(), *self._second_lines(), *self._event_lines()]
        for name, value in gauges.items():
            lines += [f"# TYPE newsletter_{name} gauge", f"newsletter_{name} {value}"]
        return "\n".join([*lines, ""])

    def _request_lines(self) -> Iterator[str]:
        yield "# HELP newsletter_http_requests_total Requests answered."
        yield "# TYPE newsletter_http_requests_total counter"
        for (route, method, status), number in sorted(self._requests.items()):
            labels = f'route="{_escaped(route)}",method="{method}",status="{status}"'
            yield f"newsletter_http_requests_total{{{labels}}} {number}"

    def _second_lines(self) -> Iterator[str]:
        name = "newsletter_http_request_seconds"
        yield f"# HELP {name} How long answers took."
        yield f"# TYPE {name} histogram"
        below = 0
        for bound, number in zip((*BOUNDS, "+Inf"), self._histogram, strict=True):
            below += number
            yield f'{name}_bucket{{le="{bound}"}} {below}'
        yield f"{name}_sum {self._seconds:.6f}"
        yield f"{name}_count {below}"

    def _event_lines(self) -> Iterator[str]:
        yield "# HELP newsletter_events_total What readers did, and what was done for them."
        yield "# TYPE newsletter_events_total counter"
        for event, number in sorted(self._events.items()):
            yield f'newsletter_events_total{{event="{_escaped(event)}"}} {number}'


class RequestMetrics:
    """ASGI middleware: counts and logs every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, templates: Mapping[object, str], log: RequestLog | None) -> None:
        """`templates` are the routes' templates by their endpoints."""
        self._app = app
        self._metrics = metrics
        self._templates = templates
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, then count it; one that ends without an answer counts as 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting_status)
        finally:
            self._record(scope, status, time.perf_counter() - began)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._templates.get(scope.get("endpoint"), NO_ROUTE)
        # Clients can invent methods: each would be another line for Prometheus.
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.count_request(route, method, status, seconds)
        if self._log:
            self._log({"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)})


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
