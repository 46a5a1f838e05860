"""Suppressions: the addresses that are never mailed, and why."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from newsletter.addresses import address_key, parse_address
from newsletter.api_keys import Scope
from newsletter.events.sync import sync_suppressions
from newsletter.subscribers import suppressions
from newsletter.subscribers.suppressions import Reason, Suppression
from newsletter.web.api.cursors import read_cursor, write_cursor
from newsletter.web.api.operations import Address, ApiRequest, ApiResponse, Change, Operation, PageQuery
from newsletter.web.api.problems import RefusalError

ReasonName = Literal["bounced", "complained", "unsubscribed", "erased", "by-hand"]


class SuppressionItem(Struct, kw_only=True):
    """An address that is never mailed."""

    email: str
    """Empty for an erased reader, of whom only a hash is kept."""
    reason: ReasonName
    detail: str
    at: str


class SuppressionPage(Struct, kw_only=True):
    """A page of suppressions, by address."""

    data: list[SuppressionItem]
    next: str | None


class SuppressionQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    """Which suppressions."""

    reason: ReasonName | UnsetType = UNSET


class NewSuppression(Struct, kw_only=True, forbid_unknown_fields=True):
    """An address to suppress."""

    email: Address
    reason: Literal["bounced", "complained", "unsubscribed", "by-hand"] = "by-hand"
    detail: Annotated[str, Meta(max_length=1_000)] = ""
    """A note for yourself; without one, the name of the key."""


class SyncedProvider(Struct, kw_only=True):
    """What a provider's list had."""

    provider: str
    seen: int
    new: int


class SyncedProviders(Struct, kw_only=True):
    """What each provider's list had."""

    data: list[SyncedProvider]


def list_suppressions(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return a page of suppressions."""
    query: SuppressionQuery = request.query
    last = read_cursor(request.site.links, "suppressions", query.cursor) if query.cursor else ""
    rows = next(suppressions.pages(connection, reason=query.reason or "", size=query.limit + 1, after=last), [])
    shown = rows[: query.limit]
    more = write_cursor(request.site.links, "suppressions", shown[-1].key) if len(rows) > len(shown) else None
    return ApiResponse(value=SuppressionPage(data=[suppression_item(row) for row in shown], next=more))


def add(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Suppress an address; one that is suppressed already keeps its first reason."""
    body: NewSuppression = request.body
    try:
        email = parse_address(body.email)
    except ValueError as error:
        raise RefusalError("refused", str(error)) from error
    is_new = suppressions.suppress(
        connection, email, Reason(body.reason), body.detail or request.key.evidence, request.at
    )
    row = suppressions.find(connection, email)
    assert row is not None
    return ApiResponse(value=suppression_item(row), status=201 if is_new else 200, target="a suppression")


def remove(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Let an address be mailed again."""
    email = request.path["email"]
    if suppressions.find(connection, email) is None:
        raise RefusalError("not-found", "this address is not suppressed")
    suppressions.lift(connection, [address_key(email)])
    return ApiResponse(status=204, target="a suppression")


def sync(request: ApiRequest) -> Change:
    """Fetch the suppression lists of the providers in use."""
    synced = []
    for name in request.publication.config.send.providers:
        seen, new = sync_suppressions(request.publication, request.site.database, name, request.site.clock)
        synced.append(SyncedProvider(provider=name, seen=seen, new=new))
    return lambda connection: ApiResponse(value=SyncedProviders(data=synced), target="suppressions")


def suppression_item(row: Suppression) -> SuppressionItem:
    """Return a suppression as the API shows it."""
    return SuppressionItem(email=row.email, reason=Reason(row.reason).value, detail=row.detail, at=row.at)


OPERATIONS = [
    Operation(
        name="listSuppressions",
        method="GET",
        path="/suppressions",
        scope=Scope.READ,
        summary="List the addresses that are never mailed",
        command="newsletter suppressions list",
        query=SuppressionQuery,
        answers={200: SuppressionPage},
        run=list_suppressions,
    ),
    Operation(
        name="createSuppression",
        method="POST",
        path="/suppressions",
        scope=Scope.SUBSCRIBERS,
        summary="Never mail an address again",
        command="newsletter suppressions add",
        body=NewSuppression,
        answers={201: SuppressionItem, 200: SuppressionItem},
        run=add,
    ),
    Operation(
        name="syncSuppressions",
        method="POST",
        path="/suppressions/sync",
        scope=Scope.SUBSCRIBERS,
        summary="Fetch the providers' own suppression lists",
        command="newsletter suppressions sync",
        answers={200: SyncedProviders},
        prepare=sync,
    ),
    Operation(
        name="deleteSuppression",
        method="DELETE",
        path="/suppressions/{email}",
        scope=Scope.SUBSCRIBERS,
        summary="Let an address be mailed again",
        command="newsletter suppressions remove",
        answers={204: None},
        run=remove,
    ),
]
