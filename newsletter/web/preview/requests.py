"""What acts, and what is asked before: the token, a body of bounded size, answers in JSON.

An act is a POST with the token. Before it a question says what it will do, and to how many; what it was asked
about goes with the act, which is refused when that is no longer so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.issues.issue import MOST_BYTES
from newsletter.preview.workspace import IssueNotFound
from newsletter.web.preview.database import Ledger
from newsletter.web.preview.pages import workspace_of
from newsletter.web.preview.security import require_token

Endpoint = Callable[[Request], Response]
TextEndpoint = Callable[[Request, str], Response]


class Changed(NewsletterError):  # noqa: N818 - what happened meanwhile
    """What somebody was asked about is not what there is any more; nothing was done."""


def in_json(endpoint: Endpoint) -> Endpoint:
    """Errors raised on purpose as `{"message", "hint"}`: for scripts, which put them into the page."""

    @wraps(endpoint)
    def answer(request: Request) -> Response:
        try:
            return endpoint(request)
        except (NewsletterError, HTTPException) as error:
            return _told(error)

    return answer


def act(endpoint: Endpoint) -> Endpoint:
    """The same for what changes something: nothing is done without the token."""

    @wraps(endpoint)
    def answer(request: Request) -> Response:
        require_token(request)
        return endpoint(request)

    return in_json(answer)


def act_on_text(endpoint: TextEndpoint) -> Callable[[Request], Awaitable[Response]]:
    """The same for what takes a text, which is the request's body and no longer than an issue may be."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            require_token(request)
            text = await _text(request)
            return await run_in_threadpool(endpoint, request, text)
        except (NewsletterError, HTTPException) as error:
            return _told(error)

    return answer


async def _text(request: Request) -> str:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "The text is over 1 MiB; an issue has at most that.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise HTTPException(400, "The text is not UTF-8.") from error


def _told(error: NewsletterError | HTTPException) -> Response:
    if isinstance(error, HTTPException):
        return JSONResponse({"message": error.detail, "hint": ""}, status_code=error.status_code)
    status = 404 if isinstance(error, IssueNotFound) else 409 if isinstance(error, Changed) else 400
    place = f"{error.place}: " if error.place else ""
    return JSONResponse({"message": place + error.message, "hint": error.hint}, status_code=status)


def known_readers(request: Request) -> Database | None:
    """The database if there is one. Raises ConfigError for a broken one: it knows who must never be mailed."""
    ledger = request.app.state.ledger
    assert isinstance(ledger, Ledger)
    return ledger.database(workspace_of(request).publication)


def readers_of(request: Request) -> Database:
    """The database, which has to be there. Raises NewsletterError when there is none, ConfigError for a broken one."""
    database = known_readers(request)
    if database is None:
        hint = "Add one with `newsletter subscribers add`, or many with `newsletter subscribers import`."
        raise NewsletterError("there are no readers yet", hint=hint)
    return database
