"""Sample readers: whom an issue can be shown as, named the way an address bar can hold it.

`sample`, `known`, `worst:markup`, `fields:first_name=Zo%C3%AB&plan=pro`, `subscriber:ada@example.com`.
Their links are nobody's: following one changes nothing. Reads readers, writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sqlalchemy import Connection, or_

from newsletter.checks.context.sample_copies import WORST
from newsletter.config import Publication
from newsletter.config.fields import full_name, parse_built_in, parse_field
from newsletter.database.tables import subscriber
from newsletter.errors import NewsletterError, suggestion
from newsletter.messages.types import Recipient
from newsletter.rendering.build import sample_recipient
from newsletter.subscribers.subscriber import Subscriber, find_subscriber, subscriber_pages

SAMPLE = "sample"
NAMES = ("first_name", "last_name", "name")
"""Built-in fields that merge tags may say and a person may type in."""
MOST_FOUND = 20
_EXAMPLES: Mapping[str, object] = {"text": "Example", "number": 42, "date": "2025-01-17", "boolean": True}
_ADA = {"first_name": "Ada", "last_name": "Lovelace", "name": "Ada Lovelace"}


@dataclass(frozen=True, kw_only=True)
class SampleReader:
    """Somebody an issue can be shown as."""

    key: str
    """What the address bar says."""
    label: str
    """What a person reads."""
    fields: Mapping[str, object]
    """Without the links that everybody has."""

    def recipient(self, publication: Publication, slug: str) -> Recipient:
        """As whom an issue is filled in; the links are the sample's, whoever it is."""
        sample = sample_recipient(publication, slug)
        fields = {**sample.fields, **self.fields}
        links = {name: value for name, value in sample.fields.items() if name != "email"}
        return Recipient(delivery_id=sample.delivery_id, email=str(fields["email"]), fields={**fields, **links})


def sample_readers(publication: Publication) -> list[SampleReader]:
    """Those who need no database: nobody known, somebody of whom all is known, and the worst."""
    own = {name: _example(publication, name, kind) for name, kind in publication.config.fields.items()}
    return [
        SampleReader(key=SAMPLE, label="A reader without a name", fields={}),
        SampleReader(key="known", label="Ada, of whom everything is known", fields={**_ADA, **own}),
        *_worst(publication),
    ]


def _example(publication: Publication, name: str, kind: str) -> object:
    """A value that some segment asks for, so that the reader is somebody in particular; else any of its kind."""
    asked = (conditions.get(name) for conditions in publication.config.segments.values())
    return next((value for value in asked if isinstance(value, str | int | float | bool)), _EXAMPLES[kind])


def _worst(publication: Publication) -> Iterator[SampleReader]:
    for reader, value in WORST.items():
        if value:
            every = dict.fromkeys((*NAMES, *publication.config.fields), value)
            yield SampleReader(key=f"worst:{_key(reader)}", label=f"A reader {reader}", fields=every)


def _key(reader: str) -> str:
    """The last word of what makes the reader hard: `with a line break` is `break`."""
    return re.sub(r"\W", "", reader.rpartition(" ")[2])


def find_reader(publication: Publication, connection: Connection | None, key: str) -> SampleReader:
    """Whom `key` names. Raises NewsletterError when there is nobody, or a field cannot hold what it says."""
    kind, _, value = key.partition(":")
    if kind == "fields":
        return _typed(publication, value)
    if kind == "subscriber":
        return _subscriber(connection, value)
    known = {reader.key: reader for reader in sample_readers(publication)}
    if key not in known:
        raise NewsletterError(f'no sample reader is named "{key}"', hint=suggestion(key, known, "Readers"))
    return known[key]


def _typed(publication: Publication, query: str) -> SampleReader:
    """Fields as a person typed them, each held against its kind; empty ones are missing."""
    fields: dict[str, object] = {}
    for name, text in parse_qsl(query, max_num_fields=200):
        fields[name] = _value(publication, name, text)
    if "name" not in fields:
        first, last = (str(fields.get(name, "")) for name in ("first_name", "last_name"))
        fields["name"] = full_name(first, last, {})
    said = ", ".join(f"{name} {value}" for name, value in fields.items() if name != "name" and value != "")
    present = {name: value for name, value in fields.items() if value != ""}
    return SampleReader(key=f"fields:{query}", label=said or "A reader without any field", fields=present)


def _value(publication: Publication, name: str, text: str) -> object:
    kinds = publication.config.fields
    if name not in (*NAMES, *kinds):
        raise NewsletterError(f'there is no field "{name}"', hint=suggestion(name, (*NAMES, *kinds), "Fields"))
    try:
        return parse_field(name, text, kinds) if name in kinds else parse_built_in(name, text)
    except ValueError as error:
        raise NewsletterError(str(error)) from error


def _subscriber(connection: Connection | None, address: str) -> SampleReader:
    found = find_subscriber(connection, address) if connection else None
    if found is None:
        hint = "Choose another reader, or a sample."
        raise NewsletterError(f"no reader has the address {address or '(empty)'}", hint=hint)
    return of_subscriber(found)


def of_subscriber(found: Subscriber) -> SampleReader:
    """A real reader, as a sample."""
    name = name_of(found)
    fields = {**found.fields, "email": found.email, "name": name}
    label = f"{name} <{found.email}>" if name else found.email
    return SampleReader(key=f"subscriber:{found.email}", label=label, fields=fields)


def name_of(found: Subscriber) -> str:
    """What a reader is called; empty when unknown."""
    first, last = (str(found.fields.get(name, "")) for name in ("first_name", "last_name"))
    return full_name(first, last, found.fields)


def search_readers(connection: Connection, text: str, limit: int = MOST_FOUND) -> Sequence[Subscriber]:
    """Readers whose address or name holds every word of `text`, in the order they joined."""
    columns = (subscriber.c.email, subscriber.c.first_name, subscriber.c.last_name)
    words = [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in text.split()]
    return next(subscriber_pages(connection, *words, size=limit, with_consent=False), [])
