"""What requests that change something have in common: the token, a text of bounded size, answers in JSON.

A change is a POST with the token. Before it, the page asks for a question that says what the change will do, and to
how many. The page sends what was asked about along with the change, which is refused when that is not so any more.
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
from newsletter.preview.workspace import IssueNotFound
from newsletter.web.preview.database import open_database
from newsletter.web.preview.pages import workspace_of
from newsletter.web.preview.security import require_token

Endpoint = Callable[[Request], Response]
TextEndpoint = Callable[[Request, str], Response]


class Changed(NewsletterError):  # noqa: N818 - what happened meanwhile
    """The issue or its readers changed since the question; nothing was done."""


def errors_as_json(endpoint: Endpoint) -> Endpoint:
    """Decorate an endpoint: errors raised on purpose become `{"message", "hint"}`, which scripts put into the page."""

    @wraps(endpoint)
    def answer(request: Request) -> Response:
        try:
            return endpoint(request)
        except (NewsletterError, HTTPException) as error:
            return _error_response(error)

    return answer


def with_token(endpoint: Endpoint) -> Endpoint:
    """Decorate an endpoint that changes something: it needs the token, and its errors are JSON."""

    @wraps(endpoint)
    def answer(request: Request) -> Response:
        require_token(request)
        return endpoint(request)

    return errors_as_json(answer)


def with_token_and_text(endpoint: TextEndpoint) -> Callable[[Request], Awaitable[Response]]:
    """Decorate an endpoint that takes the request's body as a text: it needs the token, and its errors are JSON."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            require_token(request)
            text = _decoded(await request.body())
            # In a thread: a build must not hold up the event streams.
            return await run_in_threadpool(endpoint, request, text)
        except (NewsletterError, HTTPException) as error:
            return _error_response(error)

    return answer


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise HTTPException(400, "The text is not UTF-8.") from error


def _error_response(error: NewsletterError | HTTPException) -> Response:
    if isinstance(error, HTTPException):
        return JSONResponse({"message": error.detail, "hint": ""}, status_code=error.status_code)
    status = 404 if isinstance(error, IssueNotFound) else 409 if isinstance(error, Changed) else 400
    message = "\n".join(each.sentence for each in error.each)
    hint = "\n".join(each.hint for each in error.each if each.hint)
    return JSONResponse({"message": message, "hint": hint}, status_code=status)


def optional_database(request: Request) -> Database | None:
    """Return the database; None when there is none yet.

    Raises ConfigError for a broken one, because it knows who must never be mailed.
    """
    return open_database(request, workspace_of(request).publication)


def required_database(request: Request) -> Database:
    """Return the database. Raises NewsletterError when there is none yet, ConfigError for a broken one."""
    database = optional_database(request)
    if database is None:
        hint = "Add one with `newsletter subscribers add`, or many with `newsletter subscribers import`."
        raise NewsletterError("there are no readers yet", hint=hint)
    return database
