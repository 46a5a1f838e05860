"""Let an inactive reader stay: the page that the last question's button opens, and the button on it that counts.

GET changes nothing: scanners follow links, and would keep everybody.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns.unsubscribes import change_preferences
from newsletter.subscribers.preferences import PreferenceAction
from newsletter.web.public.reader_links import Visit, active_lists, broken_link_page, visit_of


async def show_stay(request: Request) -> Response:
    """Show the question, with the button that answers it."""
    visit = visit_of(request)
    return broken_link_page(request) if visit is None else await _page(visit, "open")


async def stay(request: Request) -> Response:
    """Record that the reader wants it still."""
    visit = visit_of(request)
    if visit is None:
        return broken_link_page(request)
    await visit.count_change()
    lists = (visit.list_name,) if visit.list_name else None
    change = visit.change(PreferenceAction.STAY, lists, "stay page")
    changed = await visit.site.write_queue.run(change_preferences, change)
    visit.site.metrics.count("stayed", len(changed))
    return await _page(visit, "stayed" if changed else "open")


async def _page(visit: Visit, step: str) -> Response:
    reader = await visit.reader()
    active = active_lists(reader) if reader else []
    is_on = bool(active) if visit.list_name is None else visit.list_name in active
    return visit.page("stay.html", {"step": step if is_on else "left", "token": visit.token}, reader)


ROUTES = [
    Route("/stay/{token}", show_stay),
    Route("/stay/{token}", stay, methods=["POST"]),
]
