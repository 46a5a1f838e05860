"""The lists that readers join, and the segments that campaigns may be sent to."""

from __future__ import annotations

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
]
