"""Whom an email is shown to: the reader that the address names, the panel to choose another, and who sees the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.config import Publication
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
from newsletter.web.preview.database import database_of, trouble_with
from newsletter.web.preview.pages import page, workspace_of

SAMPLED = 1_000
"""Readers of a list that variants are looked for among."""
MOST_VARIANTS = 30


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A variant, with the reader who stands for it."""

    facts: Sequence[Fact]
    readers: int
    share: float
    example: SampleReader


@contextmanager
def reading(request: Request, publication: Publication) -> Iterator[Connection | None]:
    """The database to read from; None when there is none."""
    database = database_of(request, publication)
    if database is None:
        yield None
        return
    with database.read() as connection:
        yield connection


def reader_of(request: Request) -> SampleReader:
    """Whom the address names, else a sample without a name. Raises NewsletterError when there is nobody such."""
    publication = workspace_of(request).publication
    with reading(request, publication) as connection:
        return find_reader(publication, connection, request.query_params.get("reader") or SAMPLE)


def recipient_of(request: Request, built: Built) -> Recipient:
    """Who the email is filled for."""
    return reader_of(request).recipient(built.theme.publication, built.issue.slug)


def panel(request: Request) -> Response:
    """The panel, to be put into the page. It is there to mend a reader that there is not, too."""
    publication = workspace_of(request).publication
    samples = sample_readers(publication)
    try:
        chosen, refusal = reader_of(request), ""
    except NewsletterError as error:
        chosen, refusal = samples[0], str(error)
    kind, _, query = request.query_params.get("reader", "").partition(":")
    with reading(request, publication) as connection:
        found = _listed(connection, "") if connection else []
    return page(
        request,
        "readers.html",
        {
            "chosen": chosen,
            "refusal": trouble_with(request, publication) or refusal,
            "samples": samples,
            "found": found,
            "fields": _fields(publication),
            "typed": dict(parse_qsl(query)) if kind == "fields" else {},
        },
    )


def _fields(publication: Publication) -> list[tuple[str, str]]:
    return [*((name, "text") for name in NAMES), *publication.config.fields.items()]


def _listed(connection: Connection, words: str) -> list[tuple[SampleReader, str]]:
    """Readers found, each with what they are called."""
    return [(of_subscriber(one), name_of(one)) for one in search_readers(connection, words)]


def found(request: Request) -> Response:
    """The readers that have these words in their address or name."""
    words = request.query_params.get("q", "")[:200]
    with reading(request, workspace_of(request).publication) as connection:
        listed = _listed(connection, words) if connection else []
    return page(request, "readers-found.html", {"found": listed, "words": words})


def shared(request: Request) -> Response:
    """The distinct results over a sample of the issue's list, the commonest first."""
    workspace = workspace_of(request)
    built = workspace.issue(request.path_params["slug"]).built
    if built is None:
        raise NewsletterError("the issue does not build yet", hint="Variants are known when it does.")
    with reading(request, workspace.publication) as connection:
        sampled, everyone = _sampled(connection, workspace.publication, built)
    people = sampled or sample_readers(workspace.publication)
    recipients = (one.recipient(workspace.publication, built.issue.slug) for one in people)
    different = variants(built.message, recipients)
    return page(
        request,
        "variants.html",
        {
            "variants": [_shared(one, people) for one in different[:MOST_VARIANTS]],
            "left_out": len(different[MOST_VARIANTS:]),
            "sampled": len(sampled),
            "everyone": everyone,
            "list": built.issue.list,
            "segment": built.issue.segment or "",
        },
    )


def _sampled(connection: Connection | None, publication: Publication, built: Built) -> tuple[list[SampleReader], int]:
    """Readers from all over the issue's list and segment, and how many there are."""
    if connection is None:
        return [], 0
    to, part, now = built.issue.list, built.issue.segment, utc_now()
    ids = segments.sample(connection, publication, to, part, number=SAMPLED, now=now)
    readers = [of_subscriber(one) for one in subscribers_by_id(connection, ids)]
    return readers, segments.count(connection, publication, to, part, now=now)


def _shared(variant: Variant, people: Sequence[SampleReader]) -> Shared:
    example = people[variant.example]
    return Shared(facts=variant.facts, readers=variant.readers, share=variant.readers / len(people), example=example)


ROUTES = [
    Route("/issues/{slug}/readers", panel),
    Route("/issues/{slug}/readers/found", found),
    Route("/issues/{slug}/variants", shared),
]
