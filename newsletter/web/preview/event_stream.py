"""Send updates to an open page as server-sent events (HTML standard, section 9.2).

Each connection begins with the state of now, because much may have changed since the page was made.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from newsletter.preview.workspace import Workspace
from newsletter.web.preview.live_reload import issue_update
from newsletter.web.preview.open_pages import INBOX, ISSUELESS, OpenPages, Update
from newsletter.web.preview.pages import workspace_of


async def stream_events(request: Request) -> Response:
    """Stream the events of `?issue=slug`, or those of another page by its topic (open_pages.py)."""
    open_pages = request.app.state.open_pages
    assert isinstance(open_pages, OpenPages)
    topic = request.query_params.get("issue", INBOX)
    events = _events(open_pages, topic, workspace_of(request), str(request.app.state.start))
    return StreamingResponse(events, media_type="text/event-stream")


async def _events(open_pages: OpenPages, topic: str, workspace: Workspace, start: str) -> AsyncIterator[str]:
    """Yield which start of the preview this is, the state of now, then updates until the preview ends."""
    # A browser connects again after half a second, as when the preview is restarted.
    yield "retry: 500\n\n" + _event("hello", {"start": start})
    with open_pages.listener(topic) as listener:
        yield _event(*await _current_state(workspace, topic))
        while open_pages.is_open:
            updates = await listener.next_updates()
            # A line that begins with a colon is a comment, which keeps the connection open.
            yield "".join(_event(kind, update) for kind, update in updates) or ": still here\n\n"


async def _current_state(workspace: Workspace, topic: str) -> tuple[str, Update]:
    if topic in ISSUELESS:
        return ("inbox" if topic == INBOX else "figures"), {}
    return await issue_update(workspace, topic)


def _event(kind: str, update: Update) -> str:
    return f"event: {kind}\ndata: {json.dumps(update)}\n\n"


ROUTES = [Route("/events", stream_events)]
