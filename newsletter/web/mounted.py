"""Answer the paths below a prefix by another application, inside the middleware of the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send


class MountedApp(NamedTuple):
    """An application that answers every path below its prefix."""

    prefix: str
    """Such as `/api/v1`."""
    app: ASGIApp
    """It sees whole paths."""
    routes: Sequence[BaseRoute]
    """Its routes, for logs and counts."""


def with_mounted(app: ASGIApp, mounted: Sequence[MountedApp]) -> ASGIApp:
    """Return the application, with the mounted ones in front."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        for prefix, inner, _routes in mounted:
            if scope["type"] == "http" and (path == prefix or path.startswith(f"{prefix}/")):
                return await inner(scope, receive, send)
        await app(scope, receive, send)

    return dispatch if mounted else app
