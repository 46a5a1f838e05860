"""Choose the reader that an email is shown for, and show which readers get different versions of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.messages.types import Recipient
from newsletter.preview.sample_readers import (
    NAMES,
    SAMPLE,
    SampleReader,
    find_reader,
    name_of,
    of_subscriber,
    sample_readers,
    search_readers,
)
from newsletter.preview.variants import Fact, Variant, variants
from newsletter.rendering.build import Built
from newsletter.subscribers import segments
from newsletter.subscribers.subscriber import subscribers_by_id
from newsletter.times import utc_now
from newsletter.web.preview.database import database_of, database_problem
from newsletter.web.preview.pages import page, workspace_of

SAMPLED = 1_000
"""Readers of a list among whom variants are searched."""
MAX_VARIANTS = 30


@dataclass(frozen=True, kw_only=True)
class ShownVariant:
    """A variant of the email, with a reader who gets it."""

    facts: Sequence[Fact]
    readers: int
    share: float
    example: SampleReader


@contextmanager
def database_connection(request: Request, publication: PublicationSettings) -> Iterator[Connection | None]:
    """Give a connection that reads the database; None when there is no database."""
    database = database_of(request, publication)
    if database is None:
        yield None
        return
    with database.read() as connection:
        yield connection


def reader_of(request: Request) -> SampleReader:
    """Return the reader that `?reader=` names, else a sample reader without a name.

    Raises NewsletterError when there is no such reader.
    """
    publication = workspace_of(request).publication
    with database_connection(request, publication) as connection:
        return find_reader(publication, connection, request.query_params.get("reader") or SAMPLE)


def recipient_of(request: Request, built: Built) -> Recipient:
    """Return the recipient that the email is filled for."""
    return reader_of(request).recipient(built.theme.publication, built.issue.slug)


def show_panel(request: Request) -> Response:
    """Show the panel, to be put into the page; also when `?reader=` names nobody, so that another can be chosen."""
    publication = workspace_of(request).publication
    samples = sample_readers(publication)
    try:
        chosen, refusal = reader_of(request), ""
    except NewsletterError as error:
        # The panel is where the author chooses another reader.
        chosen, refusal = samples[0], str(error)
    kind, _, query = request.query_params.get("reader", "").partition(":")
    with database_connection(request, publication) as connection:
        listed = _search(connection, "") if connection else []
    return page(
        request,
        "readers.html",
        {
            "chosen": chosen,
            "refusal": database_problem(request, publication) or refusal,
            "samples": samples,
            "found": listed,
            "fields": _fields(publication),
            "typed": dict(parse_qsl(query)) if kind == "fields" else {},
        },
    )


def _fields(publication: PublicationSettings) -> list[tuple[str, str]]:
    return [*((name, "text") for name in NAMES), *publication.config.fields.items()]


def _search(connection: Connection, words: str) -> list[tuple[SampleReader, str]]:
    """Return the readers that match the words, each with a name to show."""
    return [(of_subscriber(reader), name_of(reader)) for reader in search_readers(connection, words)]


def show_matches(request: Request) -> Response:
    """Show the readers that have the words of `?q=` in their address or name."""
    words = request.query_params.get("q", "")[:200]
    with database_connection(request, workspace_of(request).publication) as connection:
        listed = _search(connection, words) if connection else []
    return page(request, "readers-found.html", {"found": listed, "words": words})


def show_variants(request: Request) -> Response:
    """Show the variants of the email over a sample of the issue's list, the commonest first."""
    workspace = workspace_of(request)
    built = workspace.issue(request.path_params["slug"]).built
    if built is None:
        raise NewsletterError("the issue does not build yet", hint="Variants are known when it does.")
    with database_connection(request, workspace.publication) as connection:
        sampled, everyone = _sample(connection, workspace.publication, built)
    people = sampled or sample_readers(workspace.publication)
    recipients = (person.recipient(workspace.publication, built.issue.slug) for person in people)
    different = variants(built.message, recipients)
    return page(
        request,
        "variants.html",
        {
            "variants": [_shown(variant, people) for variant in different[:MAX_VARIANTS]],
            "left_out": len(different[MAX_VARIANTS:]),
            "sampled": len(sampled),
            "everyone": everyone,
            "list": built.issue.list,
            "segment": built.issue.segment or "",
        },
    )


def _sample(
    connection: Connection | None, publication: PublicationSettings, built: Built
) -> tuple[list[SampleReader], int]:
    """Return readers from all over the issue's list and segment, and how many readers that has in all."""
    if connection is None:
        return [], 0
    list_name, segment, now = built.issue.list, built.issue.segment, utc_now()
    ids = segments.sample(connection, publication, list_name, segment, number=SAMPLED, now=now)
    readers = [of_subscriber(reader) for reader in subscribers_by_id(connection, ids)]
    return readers, segments.count(connection, publication, list_name, segment, now=now)


def _shown(variant: Variant, people: Sequence[SampleReader]) -> ShownVariant:
    example = people[variant.example]
    return ShownVariant(
        facts=variant.facts, readers=variant.readers, share=variant.readers / len(people), example=example
    )


ROUTES = [
    Route("/issues/{slug}/readers", show_panel),
    Route("/issues/{slug}/readers/found", show_matches),
    Route("/issues/{slug}/variants", show_variants),
]
