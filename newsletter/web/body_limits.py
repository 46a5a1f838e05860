"""Refuse request bodies that are too large or too slow, before a route holds any of them.

Both applications use it as middleware, each with its own limits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_SECONDS = 10.0
"""Seconds within which a whole body has to arrive."""


class BodyLimit(NamedTuple):
    """The most bytes that a request's body may have, and the answer to a larger one."""

    max_bytes: int
    refusal: str


class BodyLimits:
    """ASGI middleware: answers 413 to a body that is too large, and 408 to one that is too slow."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[str], BodyLimit]) -> None:
        """`limit_of` returns the limit for a path."""
        self._app = app
        self._limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `receive` that counts what arrives."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        # A length of more digits is too large for any limit, and `int` refuses thousands of them.
        announced = int(length[:15]) if length.isdigit() else 0
        await self._app(scope, _limited(receive, self._limit_of(scope["path"]), announced), send)


def _limited(receive: Receive, limit: BodyLimit, announced: int) -> Receive:
    """Return a `receive` that raises HTTPException, 413 or 408, inside the route, where its errors are handled."""
    # One deadline for the whole body: a limit for each chunk would allow a byte every nine seconds.
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS
    received, complete = 0, False

    async def limited() -> Message:
        nonlocal received, complete
        if complete:  # all that still comes is that the client has gone
            return await receive()
        if announced > limit.max_bytes:
            raise HTTPException(413, limit.refusal)
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "the request took too long to arrive") from None
        received += len(message.get("body", b""))
        if received > limit.max_bytes:
            raise HTTPException(413, limit.refusal)
        complete = not message.get("more_body", False)
        return message

    return limited
