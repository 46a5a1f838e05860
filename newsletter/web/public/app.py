"""The application of the readers' pages: every module's routes, behind the guard.

Knows no route's subject. An error becomes a page in the reader's language, or JSON for a program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.errors import NewsletterError
from newsletter.web.public.client import behind
from newsletter.web.public.routes import (
    archive,
    confirm,
    embed,
    feeds,
    health,
    preferences,
    static,
    subscribe,
    tracking,
    unsubscribe,
)
from newsletter.web.public.routes.health import Log, Watched
from newsletter.web.public.security import Bodies, Headers
from newsletter.web.public.site import Site, page, wants_json

ROUTES: Sequence[BaseRoute] = [
    *subscribe.ROUTES,
    *confirm.ROUTES,
    *embed.ROUTES,
    *unsubscribe.ROUTES,
    *preferences.ROUTES,
    *archive.ROUTES,
    *feeds.ROUTES,
    *static.ROUTES,
    *tracking.ROUTES,
    *health.ROUTES,
]
"""Every route; a module's line is all that it takes."""


def public_app(site: Site, log: Log | None = None, say: Callable[[str], None] = print) -> ASGIApp:
    """The pages of one publication. `log` is told each answered request, `say` what an operator should know."""
    named: dict[object, str] = {route.endpoint: route.path for route in ROUTES if isinstance(route, Route)}
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Bodies)],
        exception_handlers={HTTPException: _refused, NewsletterError: _unavailable, 500: _failed},
    )
    app.state.site = site
    dressed = Headers(app, publication=site.publication)  # around what Starlette answers when a route fails, too
    watched = Watched(dressed, figures=site.figures, routes=named, log=log)
    return behind(_Folder(watched, site.pages.base), site.publication.config.serve.proxies, say)


class _Folder:
    """Takes off the folder of `publication.url`, for servers in front that leave it on."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if self._base and (path == self._base or path.startswith(f"{self._base}/")):
            scope = {**scope, "path": path.removeprefix(self._base) or "/"}
        await self._app(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    """A 4xx: what is wrong, in a sentence."""
    assert isinstance(error, HTTPException)
    return _told(request, error.status_code, str(error.detail), error.headers)


async def _unavailable(request: Request, error: Exception) -> Response:
    """The database refuses, or too much waits: nothing was done, and it may work in a moment."""
    return _told(request, 503, "try again in a moment", {"Retry-After": "30"})


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake in the program; the server's log has it."""
    return _told(request, 500, "something went wrong", None)


def _told(request: Request, status: int, detail: str, headers: object) -> Response:
    extra = dict(headers) if isinstance(headers, dict) else {}
    if wants_json(request):
        return JSONResponse({"error": detail}, status_code=status, headers=extra)
    phrase = HTTPStatus(status).phrase
    answer = page(request, "error.html", {"phrase": phrase, "error_status": status}, status=status)
    answer.headers.update(extra)
    return answer
