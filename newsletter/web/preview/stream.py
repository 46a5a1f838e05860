"""The stream an open page listens to (server-sent events, HTML standard 9.2): first what is, then what changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from newsletter.preview.workspace import Workshop
from newsletter.web.preview.events import INBOX, Events, News
from newsletter.web.preview.pages import workshop_of
from newsletter.web.preview.watch import news_of


async def stream(request: Request) -> Response:
    """`/events?issue=slug`, or without a slug the start page's."""
    told = request.app.state.told
    assert isinstance(told, Events)
    topic = request.query_params.get("issue", INBOX)
    written = _written(told, topic, workshop_of(request), str(request.app.state.start))
    return StreamingResponse(written, media_type="text/event-stream")


async def _written(told: Events, topic: str, workshop: Workshop, start: str) -> AsyncIterator[str]:
    """Which start of the preview this is, what is now, then news; much may have been told since the page was made."""
    yield "retry: 500\n\n" + _event("hello", {"start": start})
    with told.listener(topic) as listener:
        yield _event(*await _now(workshop, topic))
        while told.is_open:
            heard = await listener.heard()
            yield "".join(_event(kind, news) for kind, news in heard) or ": still here\n\n"


async def _now(workshop: Workshop, topic: str) -> tuple[str, News]:
    return ("inbox", {}) if topic == INBOX else await news_of(workshop, topic)


def _event(kind: str, news: News) -> str:
    return f"event: {kind}\ndata: {json.dumps(news)}\n\n"


ROUTES = [Route("/events", stream)]
