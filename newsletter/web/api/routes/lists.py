"""The lists that readers join, and the segments that campaigns may be sent to."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection

from newsletter.api_keys import Scope
from newsletter.subscribers import segments
from newsletter.web.api.operations import ApiRequest, ApiResponse, Operation


class ListItem(Struct, kw_only=True):
    """A list of the publication."""

    name: str
    title: str
    description: str
    default: bool
    language: str
    active: int
    """Readers who get mail of it."""


class Lists(Struct, kw_only=True):
    """Every list."""

    data: list[ListItem]


class SegmentItem(Struct, kw_only=True):
    """A segment of newsletter.toml."""

    name: str
    rules: dict[str, Any]
    """Its rules, as newsletter.toml has them."""
    active: int
    """Readers of the default list who are in it and get mail."""


class Segments(Struct, kw_only=True):
    """Every segment."""

    data: list[SegmentItem]


def list_lists(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return every list, in the order of newsletter.toml."""
    publication = request.publication
    items = [
        ListItem(
            name=name,
            title=section.title,
            description=section.description,
            default=name == publication.default_list,
            language=section.language or publication.config.publication.language,
            active=segments.count(connection, publication, name, "", now=request.at),
        )
        for name, section in publication.config.lists.items()
    ]
    return ApiResponse(value=Lists(data=items))


def list_segments(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return every segment, in the order of newsletter.toml."""
    publication = request.publication
    items = [
        SegmentItem(
            name=name,
            rules=rules,
            active=segments.count(connection, publication, publication.default_list, name, now=request.at),
        )
        for name, rules in publication.config.segments.items()
    ]
    return ApiResponse(value=Segments(data=items))


OPERATIONS = [
    Operation(
        name="listLists",
        method="GET",
        path="/lists",
        scope=Scope.READ,
        summary="List the lists that readers join",
        answers={200: Lists},
        run=list_lists,
    ),
    Operation(
        name="listSegments",
        method="GET",
        path="/segments",
        scope=Scope.READ,
        summary="List the segments that campaigns may be sent to",
        answers={200: Segments},
        run=list_segments,
    ),
]
