"""Sample readers: the readers as whom the preview shows an issue, each with a key that an address bar can hold.

Keys are `sample`, `known`, `worst:markup`, `fields:first_name=Zo%C3%AB&plan=pro`, `subscriber:ada@example.com`. The
links in their copies carry a sample token and change nothing. Subscribers are read here, and nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sqlalchemy import Connection, or_

from newsletter.checks.context.sample_copies import WORST
from newsletter.config import PublicationSettings
from newsletter.config.fields import full_name, parse_built_in, parse_field
from newsletter.database.tables import subscriber
from newsletter.errors import NewsletterError, suggestion
from newsletter.messages.types import Recipient
from newsletter.rendering.build import sample_recipient
from newsletter.subscribers.subscriber import Subscriber, find_subscriber, subscriber_pages

SAMPLE = "sample"
NAMES = ("first_name", "last_name", "name")
"""Built-in fields that merge tags may print and that can be typed in."""
MOST_FOUND = 20
"""Subscribers that a search returns at most."""
_EXAMPLES: Mapping[str, object] = {"text": "Example", "number": 42, "date": "2025-01-17", "boolean": True}
_ADA = {"first_name": "Ada", "last_name": "Lovelace", "name": "Ada Lovelace"}


@dataclass(frozen=True, kw_only=True)
class SampleReader:
    """A reader as whom an issue can be shown."""

    key: str
    """The name in the address bar."""
    label: str
    """The name for people."""
    fields: Mapping[str, object]
    """The reader's fields, without the links that every reader has."""

    def recipient(self, publication: PublicationSettings, slug: str) -> Recipient:
        """Return the recipient for filling in an issue; the links carry the sample token for every reader."""
        sample = sample_recipient(publication, slug)
        fields = {**sample.fields, **self.fields}
        # The links come last below, so that no field of a reader replaces them.
        links = {name: value for name, value in sample.fields.items() if name != "email"}
        return Recipient(delivery_id=sample.delivery_id, email=str(fields["email"]), fields={**fields, **links})


def sample_readers(publication: PublicationSettings) -> list[SampleReader]:
    """Return the readers that need no database: without fields, with all fields, and the difficult ones."""
    own = {name: _example(publication, name, kind) for name, kind in publication.config.fields.items()}
    return [
        SampleReader(key=SAMPLE, label="A reader without a name", fields={}),
        SampleReader(key="known", label="Ada, of whom everything is known", fields={**_ADA, **own}),
        *_worst(publication),
    ]


def _example(publication: PublicationSettings, name: str, kind: str) -> object:
    """Return a value that a segment selects, so that the reader is in one; else an example of the field's kind."""
    selected = (conditions.get(name) for conditions in publication.config.segments.values())
    return next((value for value in selected if isinstance(value, str | int | float | bool)), _EXAMPLES[kind])


def _worst(publication: PublicationSettings) -> Iterator[SampleReader]:
    for reader, value in WORST.items():
        if value:
            every = dict.fromkeys((*NAMES, *publication.config.fields), value)
            yield SampleReader(key=f"worst:{_key(reader)}", label=f"A reader {reader}", fields=every)


def _key(reader: str) -> str:
    """Return the key of a difficult reader, the last word of its name: `with a line break` is `break`."""
    return re.sub(r"\W", "", reader.rpartition(" ")[2])


def find_reader(publication: PublicationSettings, connection: Connection | None, key: str) -> SampleReader:
    """Return the reader that `key` names. Raises NewsletterError for an unknown one, or a value no field can hold."""
    kind, _, value = key.partition(":")
    if kind == "fields":
        return _typed(publication, value)
    if kind == "subscriber":
        return _subscriber(connection, value)
    known = {reader.key: reader for reader in sample_readers(publication)}
    if key not in known:
        raise NewsletterError(f'no sample reader is named "{key}"', hint=suggestion(key, known, "Readers"))
    return known[key]


def _typed(publication: PublicationSettings, query: str) -> SampleReader:
    """Return a reader with typed fields, each checked against its kind; empty fields count as missing."""
    fields: dict[str, object] = {}
    for name, text in parse_qsl(query, max_num_fields=200):
        fields[name] = _value(publication, name, text)
    if "name" not in fields:
        first, last = (str(fields.get(name, "")) for name in ("first_name", "last_name"))
        fields["name"] = full_name(first, last, {})
    label = ", ".join(f"{name} {value}" for name, value in fields.items() if name != "name" and value != "")
    present = {name: value for name, value in fields.items() if value != ""}
    return SampleReader(key=f"fields:{query}", label=label or "A reader without any field", fields=present)


def _value(publication: PublicationSettings, name: str, text: str) -> object:
    kinds = publication.config.fields
    if name not in (*NAMES, *kinds):
        raise NewsletterError(f'there is no field "{name}"', hint=suggestion(name, (*NAMES, *kinds), "Fields"))
    try:
        return parse_field(name, text, kinds) if name in kinds else parse_built_in(name, text)
    except ValueError as error:
        raise NewsletterError(str(error)) from error


def _subscriber(connection: Connection | None, address: str) -> SampleReader:
    reader = find_subscriber(connection, address) if connection else None
    if reader is None:
        hint = "Choose another reader, or a sample."
        raise NewsletterError(f"no reader has the address {address or '(empty)'}", hint=hint)
    return of_subscriber(reader)


def of_subscriber(reader: Subscriber) -> SampleReader:
    """Return a real reader as a sample reader."""
    name = name_of(reader)
    fields = {**reader.fields, "email": reader.email, "name": name}
    label = f"{name} <{reader.email}>" if name else reader.email
    return SampleReader(key=f"subscriber:{reader.email}", label=label, fields=fields)


def name_of(reader: Subscriber) -> str:
    """Return a reader's name, or "" when it is unknown."""
    first, last = (str(reader.fields.get(name, "")) for name in ("first_name", "last_name"))
    return full_name(first, last, reader.fields)


def search_readers(connection: Connection, text: str, limit: int = MOST_FOUND) -> Sequence[Subscriber]:
    """Return the readers whose address or name holds every word of `text`, in the order they joined."""
    columns = (subscriber.c.email, subscriber.c.first_name, subscriber.c.last_name)
    words = [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in text.split()]
    return next(subscriber_pages(connection, *words, size=limit, with_consent=False), [])
