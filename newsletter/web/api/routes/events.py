"""Events: what happened to messages after they were handed over, in the order in which it became known."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from newsletter.api_keys import Scope
from newsletter.campaigns import events
from newsletter.campaigns.events import Event
from newsletter.times import stamp
from newsletter.web.api.cursors import read_cursor, write_cursor
from newsletter.web.api.operations import ApiRequest, ApiResponse, Operation, PageQuery

KindName = Literal["delivered", "deferred", "bounced", "opened", "clicked", "complained", "unsubscribed"]


class EventItem(Struct, kw_only=True):
    """An event of a campaign."""

    id: int
    kind: KindName
    campaign: int
    subscriber: int | None
    """The reader's number; null when it is not known, or not kept."""
    at: str
    link: int | None
    """The number of the link in the message."""
    times: int
    by_program: bool
    """Whether a program did it, as far as can be seen."""
    source: str
    """`tracking`, or the provider that reported it."""
    detail: str
    bounce: str
    """Of a bounce: `hard`, `soft` or `blocked`."""


class EventPage(Struct, kw_only=True):
    """A page of events, in the order in which they became known."""

    data: list[EventItem]
    next: str
    """The cursor after this page, also when nothing is left: ask with it again for what is new."""
    has_more: bool


class EventQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    """Which events."""

    kind: KindName | UnsetType = UNSET
    campaign: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Only those of this campaign.")] | UnsetType = UNSET


def list_events(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return a page of events."""
    query: EventQuery = request.query
    last = int(read_cursor(request.site.links, "events", query.cursor)) if query.cursor else 0
    campaign = query.campaign if isinstance(query.campaign, int) else None
    rows = events.recorded_after(connection, last, query.limit + 1, kind=query.kind or None, campaign_id=campaign)
    shown = rows[: query.limit]
    page = EventPage(
        data=[_item(id, event) for id, event in shown],
        next=write_cursor(request.site.links, "events", shown[-1][0] if shown else last),
        has_more=len(rows) > len(shown),
    )
    return ApiResponse(value=page)


def _item(id: int, event: Event) -> EventItem:
    return EventItem(
        id=id,
        kind=event.kind.value,
        campaign=event.campaign_id,
        subscriber=event.subscriber_id,
        at=stamp(event.at),
        link=event.link,
        times=event.times,
        by_program=bool(event.machine),
        source=event.source,
        detail=event.detail,
        bounce=event.bounce,
    )


OPERATIONS = [
    Operation(
        name="listEvents",
        method="GET",
        path="/events",
        scope=Scope.READ,
        summary="List what happened to messages after sending",
        query=EventQuery,
        answers={200: EventPage},
        run=list_events,
    ),
]
