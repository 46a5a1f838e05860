"""The application of the HTTP API: every operation behind its key, and two pages that describe them.

Knows no operation's subject: answers.py answers a request by its operation. `newsletter serve` puts the application
beside the readers' pages when `[api] enabled` is true.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, compile_path
from starlette.types import Receive, Scope, Send

from newsletter.errors import NewsletterError
from newsletter.web.api import documentation, openapi
from newsletter.web.api.answers import answer
from newsletter.web.api.operations import BODY_BYTES, JSON, PREFIX, ApiSite, Operation
from newsletter.web.api.problems import RefusalError, refusal_of_status
from newsletter.web.api.routes import (
    campaign_changes,
    campaigns,
    events,
    issues,
    lists,
    pushes,
    subscribers,
    suppressions,
)
from newsletter.web.body_limits import BodyLimit, BodyLimits
from newsletter.web.error_log import masked
from newsletter.web.mounted import MountedApp
from newsletter.web.public.write_queue import WriteError

logger = logging.getLogger(__name__)

OPERATIONS: Sequence[Operation] = [
    *subscribers.OPERATIONS,
    *lists.OPERATIONS,
    *issues.OPERATIONS,
    *campaigns.OPERATIONS,
    *campaign_changes.OPERATIONS,
    *suppressions.OPERATIONS,
    *events.OPERATIONS,
    *pushes.OPERATIONS,
]
"""Every operation of the API; a new file of routes adds its line here."""


def api_app(site: ApiSite, operations: Sequence[Operation] = OPERATIONS) -> MountedApp:
    """Return the application of one publication's API."""
    by_path: dict[str, dict[str, Operation]] = defaultdict(dict)
    for operation in operations:
        by_path[operation.path][operation.method] = operation
    document = openapi.document(site.publication, operations)
    html, headers = documentation.page_and_headers(document)
    page = _Fixed(html.encode(), "text/html", headers)
    # Paths with more parts first, and words before variable parts: an address in a path may have slashes.
    paths = sorted(by_path, key=lambda path: (-path.count("/"), "{" in path))
    routes: list[BaseRoute] = [
        Route(f"{PREFIX}/openapi.json", _Fixed(msgspec.json.encode(document), JSON, {})),
        Route(f"{PREFIX}/", page),
        Route(PREFIX, page),
        *(Route(f"{PREFIX}{_pattern(path)}", _Path(site, by_path[path])) for path in paths),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(BodyLimits, limit_of=_limits(by_path))],
        exception_handlers={
            RefusalError: partial(_refused, site),
            HTTPException: partial(_refused_by_server, site),
            NewsletterError: partial(_unavailable, site),
            500: partial(_failed, site),
        },
    )
    app.router.redirect_slashes = False
    return MountedApp(PREFIX, app, routes)


class _Fixed:
    """ASGI application: one response that is always the same, and needs no key."""

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        self._content, self._media_type, self._headers = content, media_type, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope["method"], ("GET",))
        response = Response(self._content, headers=dict(self._headers), media_type=self._media_type)
        await response(scope, receive, send)


class _Path:
    """ASGI application: the operations of one path, by method."""

    def __init__(self, site: ApiSite, operations: Mapping[str, Operation]) -> None:
        self._site = site
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope["method"], self._operations)
        operation = self._operations["GET" if scope["method"] == "HEAD" else scope["method"]]
        request = Request(scope, receive)
        answered = await answer(self._site, operation, request)
        headers = {"Idempotent-Replayed": "true"} if answered.is_repeated else {}
        response = Response(answered.body, answered.status, headers, JSON if answered.body else None)
        await response(scope, receive, send)


def _require_method(method: str, known: Iterable[str]) -> None:
    """Raise RefusalError, 405, for a method that the path has not; HEAD is GET without the body."""
    if ("GET" if method == "HEAD" else method) not in known:
        allowed = ", ".join(sorted({*known, *(["HEAD"] if "GET" in known else [])}))
        raise RefusalError("no-such-method", f"the path has {allowed}", headers={"Allow": allowed})


def _limits(by_path: Mapping[str, Mapping[str, Operation]]) -> Callable[[str], BodyLimit]:
    """Return the limit of a path's body: that of the path's operation with the largest one."""
    larger = {
        path: most
        for path, operations in by_path.items()
        if (most := max(operation.max_bytes for operation in operations.values())) > BODY_BYTES
    }
    patterns = [(compile_path(f"{PREFIX}{_pattern(path)}")[0], most) for path, most in larger.items()]

    def limit_of(path: str) -> BodyLimit:
        most = next((most for pattern, most in patterns if pattern.match(path)), BODY_BYTES)
        return BodyLimit(most, f"at most {most:,} bytes")

    return limit_of


def _pattern(path: str) -> str:
    """Return a path as routes have it: addresses may have a slash in them."""
    return path.replace("{subscriber}", "{subscriber:path}").replace("{email}", "{email:path}")


async def _refused(site: ApiSite, request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    return error.response(site.documentation)


async def _refused_by_server(site: ApiSite, request: Request, error: Exception) -> Response:
    """Answer what Starlette and the limits of bodies refuse: unknown paths, and bodies too large or too slow."""
    assert isinstance(error, HTTPException)
    return refusal_of_status(error.status_code, error.detail, error.headers).response(site.documentation)


async def _unavailable(site: ApiSite, request: Request, error: Exception) -> Response:
    """Answer 503: the database refused or too much waits, nothing was changed, and it may work in a moment."""
    if not isinstance(error, WriteError):  # the write queue has logged its own
        logger.error("%s could not be answered", request.method, exc_info=masked(error))
    refusal = RefusalError("unavailable", "nothing was changed", headers={"Retry-After": "30"})
    return refusal.response(site.documentation)


async def _failed(site: ApiSite, request: Request, error: Exception) -> Response:
    """Answer 500 to a mistake in the program, which the readers' application logs."""
    return RefusalError("failed", "the server's log says why").response(site.documentation)
