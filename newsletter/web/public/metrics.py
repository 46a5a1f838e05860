"""Figures: what a server counts of itself, and how Prometheus reads it. No reader is in them."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds; how long answers took is counted in these classes."""


class Figures:
    """Requests by route, method and status, and how long they took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._events: Counter[str] = Counter()
        self._classes = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        with self._lock:
            self._requests[route, method, status] += 1
            self._classes[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def count(self, event: str, number: int = 1) -> None:
        """Count something that happened: `signup`, `confirmed`, ..."""
        with self._lock:
            self._events[event] += number

    def text(self, gauges: Mapping[str, int]) -> str:
        """Everything, in Prometheus' text format; `gauges` are of this moment."""
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
        for bound, number in zip((*BOUNDS, "+Inf"), self._classes, strict=True):
            below += number
            yield f'{name}_bucket{{le="{bound}"}} {below}'
        yield f"{name}_sum {self._seconds:.6f}"
        yield f"{name}_count {below}"

    def _event_lines(self) -> Iterator[str]:
        yield "# HELP newsletter_events_total What readers did, and what was done for them."
        yield "# TYPE newsletter_events_total counter"
        for event, number in sorted(self._events.items()):
            yield f'newsletter_events_total{{event="{_escaped(event)}"}} {number}'


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
