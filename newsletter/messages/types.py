"""The values that travel from building to sending: CompiledMessage, Recipient, Message and their parts.

Before CompiledMessage nothing knows readers; after it nothing knows MJML or Markdown. No behaviour beyond
the digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

import msgspec

from newsletter.addresses import Mailbox


@dataclass(frozen=True, kw_only=True)
class CompiledMessage:
    """Subject, HTML and text of an issue for all readers, with open slots.

    A slot is a token (`NLM00003xNL`) in the texts; `tags[3]` is its merge tag, as the author
    wrote it. `mailing.Mailing` cuts the texts into segments and joins them per reader.
    """

    slug: str
    subject: str
    preheader: str
    html: str
    text: str
    tags: tuple[str, ...]
    prefix: str = "NLM"
    """The beginning of the tokens; another one only where an author wrote `NLM` and five digits."""
    links: tuple[str, ...] = ()
    """Every address that the HTML links to, in order, each once."""
    language: str = "en"

    @cached_property
    def digest(self) -> str:
        """The SHA-256 over subject, HTML and text, with the merge tags in their places."""
        parts = (self.open(part).encode() for part in (self.subject, self.html, self.text))
        # NUL separates the parts, which cannot hold one.
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def open(self, text: str) -> str:
        """Return a text with merge tags in place of tokens, for people to read."""
        return self.token.sub(lambda token: self.tags[int(token[1])], text)

    @cached_property
    def token(self) -> re.Pattern[str]:
        """The pattern of the tokens; group 1 is the index of the tag."""
        return re.compile(rf"{re.escape(self.prefix)}(\d{{5}})xNL")


@dataclass(frozen=True, kw_only=True)
class About:
    """The description of an issue for lists of issues, feeds and search engines; slots are filled for no reader."""

    slug: str
    title: str
    """The subject."""
    description: str
    """The preheader, else the beginning of the issue; may be empty."""
    date: str
    """The issue's day, `2025-01-17`."""
    author: str = ""
    picture: str = ""
    """The address of its first picture."""
    alt: str = ""
    language: str = "en"
    archived: bool = True
    """False keeps it off the web: only its readers have it."""


class ChangeKind(StrEnum):
    """Name what may be done to a sent issue's page."""

    AMENDED = "amended"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class ArchiveChange:
    """A change of a sent issue's page, which the page and the feed tell their readers about."""

    kind: ChangeKind
    at: datetime
    """When it was made; aware."""
    note: str = ""
    """The editors' words about it."""

    @property
    def is_withdrawal(self) -> bool:
        """Tell whether it took the page away."""
        return self.kind is ChangeKind.WITHDRAWN


@dataclass(frozen=True, kw_only=True)
class WebPage:
    """An issue as a web page: the signup as a form, slots filled for no reader, no personal links."""

    about: About
    html: str = field(repr=False)
    changes: tuple[ArchiveChange, ...] = ()
    """The changes since it was sent, the first first. A page that was withdrawn is empty."""

    @property
    def is_withdrawn(self) -> bool:
        """Tell whether the page was taken away."""
        return bool(self.changes) and self.changes[-1].is_withdrawal


class Recipient(msgspec.Struct, frozen=True, kw_only=True):  # a third of a dataclass's time, once per message
    """The reader of a message: the part of a subscriber that the sending code may see."""

    delivery_id: str
    """Our id, in Message-ID and in the provider's metadata: `<campaign>.<subscriber>`."""
    email: str
    fields: Mapping[str, object]
    """Values of merge tags by name; `email`, `unsubscribe_url`, `preferences_url` and `web_url` are always there."""

    @property
    def name(self) -> str:
        """The name for the To header; empty when unknown."""
        return str(self.fields.get("name") or "")


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """The headers that all messages of one sending share (RFC 5322, 2919, 8058)."""

    sender: Mailbox
    reply_to: str
    list_id: str
    """`Daily Inference <daily.news.example.com>`: a name and the list's id (RFC 2919)."""
    date: datetime
    """An aware time, equal for every message and attempt, so that a retry has equal bytes."""
    key: str
    """Makes Message-IDs differ from those of every other database: `<delivery_id>.<key>@domain`."""


class JsonMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A Message for an API that takes JSON: its bodies are pieces of JSON strings already."""

    delivery_id: str
    sender: str
    """The sender, spelled as by `Mailbox.quoted`."""
    reply_to: str
    to: str
    """The recipient, spelled as by `Mailbox.quoted`."""
    subject: str
    html: Sequence[bytes]
    """A JSON string with its quotes (RFC 8259 section 7), UTF-8; readers share most of the pieces."""
    text: Sequence[bytes]
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Message:
    """An email to one address, exactly as a provider that takes parts receives it."""

    delivery_id: str
    sender: Mailbox
    reply_to: str
    to: Mailbox
    subject: str
    html: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Everything else that must be in the email: Message-ID, List-Id, List-Unsubscribe, ..."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Syntax:
    """A provider's spelling of a slot, and the text that it would take for one. Each provider has one Syntax."""

    slot: str
    """A slot, with its number for `{}`: `%recipient.s{}%`."""
    literal: re.Pattern[str]
    """Finds the first character of any text that the provider would take for a slot of its own."""
    mark: str
    """The character that `literal` finds: a text without it needs no change."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A message for all readers with slots in a provider's syntax; `Mailing.variables` has their values."""

    sender: Mailbox
    reply_to: str
    subject: str
    html: str
    text: str
    headers: Mapping[str, str]
