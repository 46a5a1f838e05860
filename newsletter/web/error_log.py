"""Log what a server survives: the traceback, and the route's template, but nothing that names a reader.

A request's path holds a reader's token and its query may hold an address, so neither is logged. Exceptions quote
what they were given; addresses and tokens in their text are masked.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping

from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)

NO_ROUTE = "none"
"""Stands for the route of a request that none answers."""
_ADDRESS = re.compile(r"""[^\s<>"'(,;:=]+@[^\s<>"'),;]+""")
_TOKEN = re.compile(r"[\w-]{24,}")
_QUERY = re.compile(r"\?\S+")


class LoggedErrors:
    """ASGI middleware: logs an exception that no handler of the application expected, and ends it here.

    It stands around the application, which has answered 500 by then.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._templates = route_templates(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request; raises nothing for an HTTP request."""
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            logger.debug("a client went away before its request had arrived")
        except Exception as error:
            # Starlette has answered 500 and raised the error again, for the server to log.
            if scope["type"] != "http":
                raise
            template = self._templates.get(scope.get("endpoint"), NO_ROUTE)
            logger.error("%s %s failed", scope["method"], template, exc_info=masked(error))


def route_templates(routes: Iterable[BaseRoute]) -> Mapping[object, str]:
    """Return each route's template, such as `/unsubscribe/{token}`, by its endpoint."""
    return {route.endpoint: route.path for route in routes if isinstance(route, Route)}


def masked(error: BaseException) -> BaseException:
    """Return a stand-in for an error: its name, traceback and causes, and its text with readers' data masked."""
    kind = type(error)
    # A new class: the original may need other arguments than a text.
    stand_in = type(kind.__qualname__, (Exception,), {"__module__": kind.__module__})
    copy: BaseException = stand_in(masked_text(str(error))).with_traceback(error.__traceback__)
    copy.__cause__ = masked(error.__cause__) if error.__cause__ else None
    copy.__context__ = masked(error.__context__) if error.__context__ else None
    copy.__suppress_context__ = error.__suppress_context__
    return copy


def masked_text(text: str) -> str:
    """Return a text without email addresses, query strings and anything as long as a token."""
    # Queries first: they may hold addresses and tokens.
    for pattern, substitute in ((_QUERY, "?..."), (_ADDRESS, "<address>"), (_TOKEN, "<token>")):
        text = pattern.sub(substitute, text)
    return text
