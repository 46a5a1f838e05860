"""Readers: list, get, add, change, erase and import them.

A reader who left, or whose address is suppressed, gets mail again only with `resubscribe`, which says that they asked
for it. Every change is in the evidence of its reader as `api:<key name>`.
"""

from __future__ import annotations

from io import BytesIO
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from newsletter.api_keys import Scope
from newsletter.config.fields import BUILT_IN
from newsletter.database.tables import subscriber as table
from newsletter.publication.readers import (
    KeptOutError,
    ReaderChange,
    Source,
    Subscribers,
    add_reader,
    change_reader,
    reader_conditions,
    reader_entry,
)
from newsletter.subscribers import erasure, suppressions
from newsletter.subscribers.erasure import ErasureRequest
from newsletter.subscribers.importers.options import ImportOptions
from newsletter.subscribers.importers.platforms import AUTO
from newsletter.subscribers.subscriber import Subscriber, find_subscriber, get_subscriber, subscriber_pages
from newsletter.subscribers.writes import Effect
from newsletter.web.api.cursors import read_cursor, write_cursor
from newsletter.web.api.operations import JSON, Address, ApiRequest, ApiResponse, Change, Operation, PageQuery
from newsletter.web.api.problems import RefusalError
from newsletter.web.api.routes.suppressions import SuppressionItem, suppression_item
from newsletter.web.error_log import masked_text

StatusName = Literal["pending", "active", "unsubscribed"]
Value = str | int | float | bool
_BACK = 'If they asked to be back, send `"resubscribe": true`.'
MERGE_PATCH = "application/merge-patch+json"
IMPORT_BYTES = 32 * 1024 * 1024
MOST_ID = 2**31 - 1


class ConsentItem(Struct, kw_only=True):
    """A change of the reader's status on a list, and how we know."""

    list: str
    status: StatusName
    at: str
    source: str
    """`import`, `form`, `api:shop`."""
    detail: dict[str, Any]


class SubscriberItem(Struct, kw_only=True):
    """A reader."""

    id: int
    email: str
    status: StatusName
    """Over all lists: active if any list is, else pending, else unsubscribed."""
    lists: dict[str, StatusName]
    paused: dict[str, str]
    """The end of each list's pause that lasts."""
    fields: dict[str, Value]
    """Built-in fields and the publication's own; empty ones are absent."""
    tags: list[str]


class SubscriberDetail(SubscriberItem, kw_only=True):
    """A reader with the evidence of consent, and the suppression of the address if there is one."""

    consent: list[ConsentItem]
    suppressed: SuppressionItem | None


class SubscriberPage(Struct, kw_only=True):
    """A page of readers, in the order they joined."""

    data: list[SubscriberItem]
    next: str | None
    """The cursor of the next page; null on the last."""


class SubscriberQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    """Which readers."""

    list: Annotated[str, Meta(description="Only those on this list.")] | UnsetType = UNSET
    segment: Annotated[str, Meta(description="Only those in this segment of newsletter.toml.")] | UnsetType = UNSET
    status: StatusName | UnsetType = UNSET
    tag: Annotated[str, Meta(description="Only those with this tag.")] | UnsetType = UNSET


class NewSubscriber(Struct, kw_only=True, forbid_unknown_fields=True):
    """A reader to add, or more about one who is there; an empty value changes nothing."""

    email: Address
    first_name: str = ""
    last_name: str = ""
    timezone: str = ""
    """As Europe/Berlin."""
    language: str = ""
    """As en or pt-BR."""
    lists: dict[str, StatusName] = {}
    """Statuses by list; without any, active on the default list."""
    fields: dict[str, Value] = {}
    tags: list[str] = []
    resubscribe: bool = False
    """Whether the reader asked to be back after leaving."""


class SubscriberPatch(Struct, kw_only=True, forbid_unknown_fields=True):
    """The changes to a reader (RFC 7396): null erases, and what is absent stays. Tags are replaced as a whole."""

    first_name: str | UnsetType | None = UNSET
    last_name: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    lists: dict[str, StatusName] = {}
    fields: dict[str, Value | None] = {}
    tags: list[str] | UnsetType | None = UNSET
    resubscribe: bool = False


class RemovalQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """The manner of erasing a reader."""

    forget: Annotated[
        bool, Meta(description="Keep a hash of the address, so that no import brings the reader back.")
    ] = False


class ImportQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """The reader whose data is exported."""

    platform: Literal[
        "auto", "mailchimp", "substack", "beehiiv", "kit", "ghost", "listmonk", "buttondown", "sendy", "csv"
    ] = "auto"


class RefusedLine(Struct, kw_only=True):
    """A row that was not imported, and why; addresses are left out."""

    row: int
    reason: str


class ImportResult(Struct, kw_only=True):
    """The counts of an import; added, updated, unchanged and refused add up to rows."""

    rows: int
    added: int
    updated: int
    unchanged: int
    refused: int
    kept_unsubscribed: int
    unsubscribed: int
    suppressed: int
    refusals: list[RefusedLine]
    """The first of them, at most 1,000."""


def list_subscribers(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return a page of readers."""
    query: SubscriberQuery = request.query
    last = int(read_cursor(request.site.links, "subscribers", query.cursor)) if query.cursor else 0
    chosen = [getattr(query, name) or None for name in ("list", "segment", "status", "tag")]
    wanted = reader_conditions(connection, request.publication, *chosen)
    pages = subscriber_pages(connection, table.c.id > last, *wanted, size=query.limit + 1, with_consent=False)
    readers = next(pages, [])
    shown = readers[: query.limit]
    more = write_cursor(request.site.links, "subscribers", shown[-1].id) if len(readers) > len(shown) else None
    return ApiResponse(value=SubscriberPage(data=[_item(request, reader) for reader in shown], next=more))


def get_one(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return everything that is known of one reader."""
    return ApiResponse(value=_detail(request, connection, _named(request, connection)))


def add(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Add a reader, or learn more about one who is there."""
    body: NewSubscriber = request.body
    entry = reader_entry(
        request.publication,
        body.email,
        columns={name: getattr(body, name) for name in BUILT_IN},
        fields=body.fields,
        tags=body.tags,
        lists=body.lists,
    )
    try:
        added = add_reader(
            connection, entry, _source(request, "createSubscriber"), request.at, resubscribe=body.resubscribe
        )
    except KeptOutError as error:
        raise _kept_out(error) from error
    status = 201 if added.effect is Effect.ADDED else 200
    return _answer(request, connection, added.subscriber, status)


def patch(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Change fields, tags and lists of one reader."""
    body: SubscriberPatch = request.body
    reader = _named(request, connection)
    columns = {name: value for name in BUILT_IN if (value := getattr(body, name)) is not UNSET}
    change = ReaderChange(
        columns=columns,
        fields=body.fields,
        tags=None if body.tags is UNSET else body.tags or (),
        lists=body.lists,
    )
    source = _source(request, "updateSubscriber")
    try:
        changed = change_reader(
            connection, request.publication, reader, change, source, request.at, resubscribe=body.resubscribe
        )
    except KeptOutError as error:
        raise _kept_out(error) from error
    return _answer(request, connection, changed, 200)


def remove(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Erase one reader."""
    reader = _named(request, connection)
    if request.query.forget:
        erasure.forget(connection, [ErasureRequest(subscriber_id=reader.id, at=request.at)])
    else:
        erasure.erase(connection, reader.email)
    return ApiResponse(status=204, target=f"subscriber {reader.id}")


def import_file(request: ApiRequest) -> Change:
    """Import a CSV file in transactions of its own; a repetition finds what is there and changes nothing."""
    site = request.site
    readers = Subscribers(request.publication, lambda: site.database)
    options = ImportOptions(platform=request.query.platform or AUTO)
    report = readers.import_csv(BytesIO(request.body), name="upload.csv", options=options, source=request.key.evidence)
    if report.rows and report.rows == report.refused:
        first = masked_text(report.refusals[0].reason)
        raise RefusalError("refused", f"no row was imported; the first one: {first}")
    counts = {name: getattr(report, name) for name in ImportResult.__struct_fields__ if name != "refusals"}
    lines = [RefusedLine(row=each.row, reason=masked_text(each.reason)) for each in report.refusals]
    return lambda connection: ApiResponse(value=ImportResult(**counts, refusals=lines), target=f"{report.rows} rows")


def _named(request: ApiRequest, connection: Connection) -> Subscriber:
    """Return the reader that the path names, by number or address. Raises RefusalError."""
    name = request.path["subscriber"]
    by_number = name.isascii() and name.isdigit()
    if by_number:
        number = int(name) if len(name) < 11 else 0
        reader = get_subscriber(connection, number) if 0 < number <= MOST_ID else None
    else:
        reader = find_subscriber(connection, name)
    if reader is None:
        raise RefusalError("not-found", f"no reader has this {'number' if by_number else 'address'}")
    return reader


def _answer(request: ApiRequest, connection: Connection, reader: Subscriber, status: int) -> ApiResponse:
    value = _detail(request, connection, reader)
    return ApiResponse(value=value, status=status, target=f"subscriber {reader.id}", subscriber_id=reader.id)


def _source(request: ApiRequest, operation: str) -> Source:
    return Source(kind=request.key.evidence, detail={"operation": operation})


def _kept_out(error: KeptOutError) -> RefusalError:
    return RefusalError("conflict", error.message, hint=_BACK)


def _item(request: ApiRequest, reader: Subscriber) -> SubscriberItem:
    return SubscriberItem(**_known(request, reader))


def _detail(request: ApiRequest, connection: Connection, reader: Subscriber) -> SubscriberDetail:
    barred = suppressions.find(connection, reader.email)
    return SubscriberDetail(
        **_known(request, reader),
        consent=[ConsentItem(**msgspec.to_builtins(proof)) for proof in reader.consent],
        suppressed=suppression_item(barred) if barred else None,
    )


def _known(request: ApiRequest, reader: Subscriber) -> dict[str, Any]:
    return {
        "id": reader.id,
        "email": reader.email,
        "status": reader.status,
        "lists": reader.lists,
        "paused": reader.paused(request.at),
        "fields": reader.fields,
        "tags": list(reader.tags),
    }


OPERATIONS = [
    Operation(
        name="listSubscribers",
        method="GET",
        path="/subscribers",
        scope=Scope.READ,
        summary="List readers, in the order they joined",
        description="All conditions have to hold.",
        command="newsletter subscribers list",
        query=SubscriberQuery,
        answers={200: SubscriberPage},
        run=list_subscribers,
    ),
    Operation(
        name="createSubscriber",
        method="POST",
        path="/subscribers",
        scope=Scope.SUBSCRIBERS,
        summary="Add a reader, or tell more about one who is there",
        description="No confirmation is sent: that the reader agreed is your word, and is on record.",
        command="newsletter subscribers add",
        body=NewSubscriber,
        answers={201: SubscriberDetail, 200: SubscriberDetail},
        run=add,
    ),
    Operation(
        name="importSubscribers",
        method="POST",
        path="/subscribers/import",
        scope=Scope.SUBSCRIBERS,
        summary="Import readers from a CSV file",
        description=(
            "The body is the file, with a header line; a platform's zip file is `application/octet-stream`. A bad row "
            "costs no good one."
        ),
        command="newsletter subscribers import",
        query=ImportQuery,
        body=bytes,
        media_types=("text/csv", "application/octet-stream"),
        max_bytes=IMPORT_BYTES,
        answers={200: ImportResult},
        prepare=import_file,
    ),
    Operation(
        name="getSubscriber",
        method="GET",
        path="/subscribers/{subscriber}",
        scope=Scope.READ,
        summary="Show everything that is known of one reader",
        command="newsletter subscribers show",
        is_short=True,
        answers={200: SubscriberDetail},
        run=get_one,
    ),
    Operation(
        name="updateSubscriber",
        method="PATCH",
        path="/subscribers/{subscriber}",
        scope=Scope.SUBSCRIBERS,
        summary="Change fields, tags and lists of one reader",
        body=SubscriberPatch,
        media_types=(JSON, MERGE_PATCH),
        answers={200: SubscriberDetail},
        run=patch,
    ),
    Operation(
        name="deleteSubscriber",
        method="DELETE",
        path="/subscribers/{subscriber}",
        scope=Scope.SUBSCRIBERS,
        summary="Erase one reader: fields, lists, tags and evidence",
        description="To stop mailing somebody, set their lists to `unsubscribed` instead.",
        command="newsletter subscribers remove",
        query=RemovalQuery,
        answers={204: None},
        run=remove,
    ),
]
