"""Operation: one method of one path of the API, and the requests and responses that go through it.

An operation is the only description of its route: the application reads requests by it, and `openapi.py` writes the
OpenAPI document from it. The route files in `routes/` each have a list of them.
"""

from __future__ import annotations

from asyncio import Semaphore
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import Connection

from newsletter.api_keys import ApiKey, Scope
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.signed_links import Links
from newsletter.times import Clock, utc_now
from newsletter.web.api.key_limits import KeyLimits
from newsletter.web.api.short_reads import ShortReads
from newsletter.web.public.write_queue import WriteQueue

PREFIX = "/api/v1"
BODY_BYTES = 64 * 1024
"""Bytes of the largest body, unless an operation says otherwise."""
LONG_READS = 4
"""Reads that may take long, made at once: each has a connection, and Python computes for one of them at a time."""
JSON = "application/json"
PATH_PARTS: Mapping[str, str] = {
    "subscriber": "The reader's number, or the address with its special characters percent-encoded.",
    "email": "An address, with its special characters percent-encoded.",
    "issue": "The issue's slug.",
    "campaign": "The campaign's number, or the slug of an issue: its latest campaign.",
}
"""The variable parts of paths, and what each is."""


Address = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^\s@]+@[^\s@]+$",
        description="An email address.",
        extra_json_schema={"format": "email"},
    ),
]
"""An email address in a body; what else makes it one, `addresses.parse_address` knows."""


@dataclass(frozen=True, kw_only=True)
class ApiSite:
    """The parts of a server that all operations share; made when it starts."""

    publication: PublicationSettings
    database: Database
    write_queue: WriteQueue
    links: Links
    limits: KeyLimits
    in_progress: set[tuple[int, str]] = field(default_factory=set)
    """Pairs of key and idempotency key whose requests are being answered."""
    clock: Clock = utc_now

    @cached_property
    def short_reads(self) -> ShortReads:
        """The reads that share a thread."""
        return ShortReads(self.database)

    @cached_property
    def long_reads(self) -> Semaphore:
        """Admits the reads that have threads and connections of their own, a few at a time."""
        return Semaphore(LONG_READS)

    @property
    def documentation(self) -> str:
        """The address of the page that describes the API."""
        return f"{self.publication.config.publication.url}{PREFIX}/"


class PageQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """The query of a list that comes in pages."""

    cursor: Annotated[
        str, Meta(pattern="^[A-Za-z0-9_-]*$", description="`next` of the page before; without it, the first page.")
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1_000, description="The most items of a page.")] = 100


class NoQuery(Struct, forbid_unknown_fields=True):
    """The query of an operation that takes none."""


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """A request that a key may make, read by its operation's types."""

    site: ApiSite
    key: ApiKey
    path: Mapping[str, str]
    """The variable parts of the path, by name."""
    query: Any
    """A value of the operation's `query`."""
    body: Any
    """A value of the operation's `body`; None where it has none."""
    at: datetime

    @property
    def publication(self) -> PublicationSettings:
        """The publication whose API it is."""
        return self.site.publication


@dataclass(frozen=True, kw_only=True)
class ApiResponse:
    """The answer of an operation."""

    value: object = None
    """What is sent as JSON; None sends no body."""
    status: int = 200
    target: str = ""
    """What was changed, for the evidence: `campaign 12`. Never an address."""
    subscriber_id: int | None = None
    """The reader whom the value is about, with whom the kept answer is erased."""


Change = Callable[[Connection], ApiResponse]
"""A change that is ready to be made, in the transaction that it is given."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation of the API: a method of a path.

    `run` answers in one transaction: one that reads for GET, else one that writes, together with the evidence.
    What takes long (building an issue) is done before by `prepare`, which returns the change to make.
    """

    name: str
    """Its name in generated clients: `listSubscribers`."""
    method: str
    path: str
    """After PREFIX, with variable parts as in `/campaigns/{campaign}/pause`."""
    scope: Scope
    summary: str
    """One line, in the imperative."""
    description: str = ""
    command: str = ""
    """The command that does the same: `newsletter pause`."""
    query: type[Struct] = NoQuery
    body: Any = None
    """The type of the body; None takes none. `bytes` takes any of the media types as it is."""
    media_types: tuple[str, ...] = (JSON,)
    """What the body may be."""
    max_bytes: int = BODY_BYTES
    answers: Mapping[int, Any]
    """The type of each successful answer, by status; None for one without a body."""
    refusals: tuple[int, ...] = ()
    """Statuses of problem documents, besides those that every operation may answer."""
    is_short: bool = False
    """Whether it reads a few rows by their keys; then it is answered together with others."""
    run: Callable[[ApiRequest, Connection], ApiResponse] | None = None
    prepare: Callable[[ApiRequest], Change] | None = None

    @property
    def writes(self) -> bool:
        """Tell whether it changes something."""
        return self.method != "GET"
