"""The preview's application: its routes behind their middleware, and the tasks that run as long as it does.

In the background the publication's files are watched, and what takes long the first time is done before anybody
needs it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from newsletter.errors import NewsletterError
from newsletter.issues.issue import slug_of
from newsletter.preview.inbox import entries
from newsletter.preview.workspace import Workspace
from newsletter.web.body_limits import BodyLimits
from newsletter.web.error_log import LoggedErrors
from newsletter.web.preview import (
    actions,
    compare,
    edit,
    event_stream,
    inbox,
    issue,
    pages,
    problems,
    progress,
    readers,
    schedule,
    static,
    test_send,
)
from newsletter.web.preview.database import PreviewDatabase
from newsletter.web.preview.live_reload import watch
from newsletter.web.preview.open_pages import OpenPages
from newsletter.web.preview.results import campaign, figure_watch, overview
from newsletter.web.preview.results import home as results_home
from newsletter.web.preview.security import BODY_LIMIT, DEFAULT_HEADERS, OwnPagesOnly, new_token
from newsletter.web.security import DefaultHeaders

logger = logging.getLogger(__name__)

ROUTES: Sequence[BaseRoute] = (
    *inbox.ROUTES,
    *results_home.ROUTES,
    *overview.ROUTES,
    *campaign.ROUTES,
    *issue.ROUTES,
    *problems.ROUTES,
    *readers.ROUTES,
    *compare.ROUTES,
    *actions.ROUTES,
    *test_send.ROUTES,
    *schedule.ROUTES,
    *progress.ROUTES,
    *edit.ROUTES,
    *event_stream.ROUTES,
    *static.ROUTES,
)
"""Every route of the preview; a new module of routes adds its line here."""


def preview_app(workspace: Workspace, open_pages: OpenPages) -> ASGIApp:
    """Return the application. Closing `open_pages` ends the event streams, so that the server can stop."""
    return LoggedErrors(starlette_app(workspace, open_pages), ROUTES)


def starlette_app(workspace: Workspace, open_pages: OpenPages) -> Starlette:
    """Return the application inside the log of errors; its `state` holds what requests share."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        open_pages.open()
        tasks = [
            asyncio.create_task(watch(workspace, open_pages)),
            asyncio.create_task(figure_watch.watch(workspace, app.state.database, open_pages)),
            asyncio.create_task(run_in_threadpool(warm_up, workspace)),
        ]
        for task in tasks:
            task.add_done_callback(_log_failure)
        yield
        open_pages.close()
        # Only the watches: a thread cannot be cancelled, so the warm-up is waited for.
        for task in tasks[:-1]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        app.state.database.close()

    app = Starlette(
        routes=[*ROUTES],
        middleware=[
            Middleware(DefaultHeaders, headers=DEFAULT_HEADERS),
            Middleware(OwnPagesOnly),
            Middleware(BodyLimits, limit_of=lambda path: BODY_LIMIT),
        ],
        lifespan=lifespan,
        exception_handlers={NewsletterError: pages.refusal_page, HTTPException: pages.http_error_page},
    )
    app.state.workspace, app.state.open_pages = workspace, open_pages
    app.state.database = PreviewDatabase()
    app.state.token, app.state.start = new_token(), new_token()
    return app


def _log_failure(task: asyncio.Task[None]) -> None:
    """Log the error that ended a background task; the pages are served on without it."""
    if not task.cancelled() and (error := task.exception()):
        logger.error("a background task of the preview ended", exc_info=error)


def warm_up(workspace: Workspace) -> None:
    """Read every issue's summary and build the newest issue, which loads the compiler."""
    try:
        newest = entries(workspace.publication)[:1]
        for path in newest:
            workspace.issue(slug_of(path))
    except NewsletterError:
        # The page shows the author what is wrong.
        logger.debug("the preview could not be warmed up", exc_info=True)
