"""Operation: is it alive, can it work, what did it do; and a line of log for each request.

Neither the log nor the figures hold an address, of the network or of a reader, nor a token: a
request is told by its route.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.errors import NewsletterError
from newsletter.subscribers import transactional_queue
from newsletter.web.public.metrics import Figures
from newsletter.web.public.site import Site, site_of

Log = Callable[[Mapping[str, object]], None]
"""Is told each answered request."""


async def alive(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """It can do its work: the database answers, and changes do not pile up."""
    site = site_of(request)
    try:
        await run_in_threadpool(_look, site)
    except NewsletterError:
        return PlainTextResponse("the database does not answer\n", status_code=503)
    if site.writes.is_stuck or not site.writes.is_open:
        return PlainTextResponse("no changes can be made\n", status_code=503)
    return PlainTextResponse("ok\n")


async def metrics(request: Request) -> Response:
    """For Prometheus."""
    site = site_of(request)
    gauges = {"writes_waiting": site.writes.waiting, **await run_in_threadpool(_letters, site)}
    return PlainTextResponse(
        site.figures.text(gauges), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


def _letters(site: Site) -> dict[str, int]:
    with site.database.read() as connection:
        return {f"letters_{state}": number for state, number in transactional_queue.counts(connection).items()}


def _look(site: Site) -> None:
    site.database.require_file()
    with site.database.read() as connection:
        connection.execute(text("SELECT 1"))


class Watched:
    """Counts and logs every request."""

    def __init__(self, app: ASGIApp, figures: Figures, routes: Mapping[object, str], log: Log | None) -> None:
        self._app = app
        self._figures = figures
        self._routes = routes
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._routes.get(scope.get("endpoint"), "none")
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "OPTIONS") else "other"
        self._figures.answered(route, method, status, seconds)
        if self._log:
            self._log({"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)})


ROUTES = [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]
