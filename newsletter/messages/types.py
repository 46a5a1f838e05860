"""What travels from the writing half to the sending half.

The waist of the hourglass: before CompiledMessage nothing knows readers, after it
nothing knows MJML or Markdown. No behaviour beyond the digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import msgspec

from newsletter.addresses import Mailbox


@dataclass(frozen=True, kw_only=True)
class CompiledMessage:
    """Subject, HTML and text of an issue, the same for all readers, slots still open.

    An open slot is a token (`NLM00003xNL`) in the texts; `tags[3]` is the merge tag it
    stands for, as its author wrote it. Cut once more, by `mailing.Mailing`, into segments
    that are joined per reader.
    """

    slug: str
    subject: str
    preheader: str
    html: str
    text: str
    tags: tuple[str, ...]
    prefix: str = "NLM"
    """What the tokens begin with; differs only where an author wrote `NLM` and five digits."""
    links: tuple[str, ...] = ()
    """Every address the HTML links to, in order, once each."""
    language: str = "en"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over subject, HTML and text, with the merge tags in their places."""
        parts = (self.open(part).encode() for part in (self.subject, self.html, self.text))
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def open(self, text: str) -> str:
        """The text with merge tags instead of tokens, for people to read."""
        return self.token.sub(lambda found: self.tags[int(found[1])], text)

    @cached_property
    def token(self) -> re.Pattern[str]:
        """Finds tokens; group 1 is the index of the tag."""
        return re.compile(rf"{self.prefix}(\d{{5}})xNL")


@dataclass(frozen=True, kw_only=True)
class About:
    """What lists of issues, feeds and search engines are told of an issue; slots are filled for nobody."""

    slug: str
    title: str
    """The subject."""
    description: str
    """The preheader, else how the issue begins; may be empty."""
    date: str
    """The issue's day, `2025-01-17`."""
    author: str = ""
    picture: str = ""
    """The address of its first picture."""
    alt: str = ""
    language: str = "en"
    archived: bool = True
    """False: only its readers have it, no page shows it."""


@dataclass(frozen=True, kw_only=True)
class WebPage:
    """An issue as a web page: the signup as a form, slots filled for nobody, no personal links."""

    about: About
    html: str = field(repr=False)


class Recipient(msgspec.Struct, frozen=True, kw_only=True):  # a third of a dataclass's time, once per message
    """Whom one message is for: what the sending code may see of a subscriber."""

    delivery_id: str
    """Ours, in Message-ID and in the provider's metadata: `<campaign>.<subscriber>`."""
    email: str
    fields: Mapping[str, object]
    """Values of merge tags by name; `email`, `unsubscribe_url`, `preferences_url` and `web_url` are always there."""

    @property
    def name(self) -> str:
        """For the To header; empty when unknown."""
        return str(self.fields.get("name") or "")


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """The headers that all messages of one sending share (RFC 5322, 2919, 8058)."""

    sender: Mailbox
    reply_to: str
    list_id: str
    """`Daily Inference <daily.news.example.com>`: a name and the list's id (RFC 2919)."""
    date: datetime
    """Aware. The same for every message and every attempt, so that a retry is the same bytes."""
    key: str
    """Makes Message-IDs of this sending differ from every other database's: `<delivery_id>.<key>@domain`."""


class JsonMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A Message for an API that takes JSON: its bodies, nearly all of it, are JSON strings already, in pieces."""

    delivery_id: str
    sender: str
    """As `Mailbox.quoted`."""
    reply_to: str
    to: str
    """The same."""
    subject: str
    html: Sequence[bytes]
    """Quotes and all (RFC 8259 section 7), UTF-8; most pieces are the same ones for all readers."""
    text: Sequence[bytes]
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Message:
    """One email to one address, exactly as a provider that takes parts receives it."""

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
    """How a provider that substitutes writes a slot, and what else it would take for one. There is one per provider."""

    slot: str
    """With the slot's number for `{}`: `%recipient.s{}%`."""
    literal: re.Pattern[str]
    """Finds, in anybody's text, the first character of what the provider would take for a slot of its own."""
    mark: str
    """That character: text without it is as it is."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A message with slots in a provider's own syntax, the same for all; what fills them is `Mailing.variables`."""

    sender: Mailbox
    reply_to: str
    subject: str
    html: str
    text: str
    headers: Mapping[str, str]
