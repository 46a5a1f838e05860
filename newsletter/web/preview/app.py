"""The preview as one application: its routes, its guard, and the watch that runs as long as it does.

Warming up: what takes long only the first time is done before anybody asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from newsletter.errors import NewsletterError
from newsletter.issues.issue import slug_of
from newsletter.preview.inbox import entries
from newsletter.preview.workspace import Workspace
from newsletter.web.preview import (
    actions,
    compare,
    edit,
    inbox,
    issue,
    live_reload,
    pages,
    problems,
    progress,
    readers,
    schedule,
    test_send,
)
from newsletter.web.preview.database import Ledger
from newsletter.web.preview.live_reload import watch
from newsletter.web.preview.security import Guard, new_token

ROUTES: Sequence[BaseRoute] = (
    *inbox.ROUTES,
    *issue.ROUTES,
    *problems.ROUTES,
    *readers.ROUTES,
    *compare.ROUTES,
    *actions.ROUTES,
    *test_send.ROUTES,
    *schedule.ROUTES,
    *progress.ROUTES,
    *edit.ROUTES,
    *live_reload.ROUTES,
    *pages.ROUTES,
)


def preview_app(workspace: Workspace, told: live_reload.Events) -> Starlette:
    """The application; `told` reaches whoever looks, and ends their streams when the server stops."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        told.open()
        watching = asyncio.create_task(watch(workspace, told))
        warming = asyncio.create_task(run_in_threadpool(warm_up, workspace))
        yield
        told.close()
        app.state.ledger.close()
        watching.cancel()
        await asyncio.gather(watching, warming, return_exceptions=True)

    app = Starlette(
        routes=[*ROUTES],
        middleware=[Middleware(Guard)],
        lifespan=lifespan,
        exception_handlers={NewsletterError: pages.refused, HTTPException: pages.not_here},
    )
    app.state.workspace, app.state.told, app.state.token = workspace, told, new_token()
    app.state.ledger, app.state.start = Ledger(), new_token()
    return app


def warm_up(workspace: Workspace) -> None:
    """Read every issue's head and build the newest issue, which loads the compiler."""
    try:
        newest = entries(workspace.publication)[:1]
        for path in newest:
            workspace.issue(slug_of(path))
    except NewsletterError:  # whoever opens the page is told
        return
