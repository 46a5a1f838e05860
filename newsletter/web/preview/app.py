"""The preview as one application: its routes, its guard, and the watch that runs as long as it does."""

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
from newsletter.preview.workspace import Workshop
from newsletter.web.preview import (
    act,
    begin,
    compare,
    copies,
    edit,
    events,
    failures,
    inbox,
    issue,
    planning,
    problems,
    progress,
    readers,
    static,
    stream,
    trial,
)
from newsletter.web.preview.guard import Guard, new_token
from newsletter.web.preview.ledger import Ledger
from newsletter.web.preview.warm import warm_up
from newsletter.web.preview.watch import watch

ROUTES: Sequence[BaseRoute] = (
    *inbox.ROUTES,
    *begin.ROUTES,
    *issue.ROUTES,
    *problems.ROUTES,
    *readers.ROUTES,
    *compare.ROUTES,
    *act.ROUTES,
    *trial.ROUTES,
    *planning.ROUTES,
    *progress.ROUTES,
    *copies.ROUTES,
    *edit.ROUTES,
    *stream.ROUTES,
    *static.ROUTES,
)


def preview_app(workshop: Workshop, told: events.Events) -> Starlette:
    """The application; `told` reaches whoever looks, and ends their streams when the server stops."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        told.open()
        watching = asyncio.create_task(watch(workshop, told))
        warming = asyncio.create_task(run_in_threadpool(warm_up, workshop))
        yield
        told.close()
        app.state.ledger.close()
        watching.cancel()
        await asyncio.gather(watching, warming, return_exceptions=True)

    app = Starlette(
        routes=[*ROUTES],
        middleware=[Middleware(Guard)],
        lifespan=lifespan,
        exception_handlers={NewsletterError: failures.refused, HTTPException: failures.not_here},
    )
    app.state.workshop, app.state.told, app.state.token = workshop, told, new_token()
    app.state.ledger, app.state.start = Ledger(), new_token()
    return app
