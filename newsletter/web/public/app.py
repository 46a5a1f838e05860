"""The application of the readers' pages: every module's routes, behind their middleware.

Knows no route's subject. An error becomes a page in the reader's language, or JSON for a program.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.errors import NewsletterError
from newsletter.web.body_limits import BodyLimits
from newsletter.web.error_log import NO_ROUTE, LoggedErrors, masked, route_templates
from newsletter.web.mounted import MountedApp, with_mounted
from newsletter.web.public.client import with_client_address
from newsletter.web.public.metrics import RequestLog, RequestMetrics
from newsletter.web.public.routes import (
    archive,
    confirm,
    embed,
    feeds,
    health,
    preferences,
    static,
    stay,
    subscribe,
    tracking,
    unsubscribe,
    webhooks,
)
from newsletter.web.public.security import body_limit, default_headers
from newsletter.web.public.site import Site, page, wants_json
from newsletter.web.public.write_queue import WriteError
from newsletter.web.security import DefaultHeaders

logger = logging.getLogger(__name__)

ROUTES: Sequence[BaseRoute] = [
    *subscribe.ROUTES,
    *confirm.ROUTES,
    *embed.ROUTES,
    *stay.ROUTES,
    *unsubscribe.ROUTES,
    *preferences.ROUTES,
    *archive.ROUTES,
    *feeds.ROUTES,
    *static.ROUTES,
    *tracking.ROUTES,
    *webhooks.ROUTES,
    *health.ROUTES,
]
"""Every route of the readers' pages; a new module of routes adds its line here."""
_TEMPLATES = route_templates(ROUTES)


def public_app(
    site: Site,
    log: RequestLog | None = None,
    warn: Callable[[str], None] = print,
    mounted: Sequence[MountedApp] = (),
) -> ASGIApp:
    """Return the application of one publication's pages.

    `log` gets a record of each answered request, `warn` a sentence for the operator. The `mounted` applications
    answer below their prefixes, with the same headers, counts and log.
    """
    routes = [*ROUTES, *(route for each in mounted for route in each.routes)]
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(BodyLimits, limit_of=body_limit)],
        exception_handlers={HTTPException: _refused, NewsletterError: _unavailable, 500: _failed},
    )
    app.state.site = site
    # Around Starlette, whose own answer to a route that fails needs the headers, too.
    with_headers = DefaultHeaders(with_mounted(app, mounted), default_headers(site.publication))
    logged = LoggedErrors(with_headers, routes)
    counted = RequestMetrics(logged, metrics=site.metrics, templates=route_templates(routes), log=log)
    return with_client_address(_Folder(counted, site.pages.base), site.publication.config.serve.proxies, warn)


class _Folder:
    """ASGI middleware: takes the folder of `publication.url` off a path, for proxies that leave it on."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if self._base and (path == self._base or path.startswith(f"{self._base}/")):
            scope = {**scope, "path": path.removeprefix(self._base) or "/"}
        await self._app(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer a 4xx with a sentence about what is wrong."""
    assert isinstance(error, HTTPException)
    return _error_response(request, error.status_code, str(error.detail), error.headers)


async def _unavailable(request: Request, error: Exception) -> Response:
    """Answer 503: the database refused or too much waits, nothing was changed, and it may work in a moment."""
    # The write queue has logged its own errors, once for all the requests that one transaction was for.
    if not isinstance(error, WriteError):
        template = _TEMPLATES.get(request.scope.get("endpoint"), NO_ROUTE)
        logger.error("%s %s could not be answered", request.method, template, exc_info=masked(error))
    # 30 seconds is how long a lock on the database is waited for.
    return _error_response(request, 503, "try again in a moment", {"Retry-After": "30"})


async def _failed(request: Request, error: Exception) -> Response:
    """Answer 500 to a mistake in the program, which LoggedErrors logs."""
    return _error_response(request, 500, "something went wrong", None)


def _error_response(request: Request, status: int, detail: str, headers: object) -> Response:
    extra = dict(headers) if isinstance(headers, dict) else {}
    if wants_json(request):
        return JSONResponse({"error": detail}, status_code=status, headers=extra)
    phrase = HTTPStatus(status).phrase
    response = page(request, "error.html", {"phrase": phrase, "error_status": status}, status=status)
    response.headers.update(extra)
    return response
