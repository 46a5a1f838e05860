"""Sample readers for whom a mail merge fails first, and their finished copies of an issue.

None of them exists. What is wrong with their copies is for rules to say.
"""

from __future__ import annotations

import email.policy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message as Headers
from email.parser import BytesHeaderParser
from functools import cached_property

from newsletter.checks.html.tree import Element, tree_of, visible_words
from newsletter.messages.mailing import Mailing
from newsletter.messages.types import Message, Recipient
from newsletter.rendering.build import Built, sample_mailing, sample_recipient

WORST: Mapping[str, str | None] = {
    "without any field": None,
    "with empty fields": "",
    "with fields of 200 characters": "Wolfeschlegelsteinhausen-Bergerdorff & " * 5 + "Sons.",
    "with emoji": "Zoë 👩\u200d💻\ufe0f❤️",
    "written from right to left": "\u202eשרה \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "with markup": "<script>alert('&amp;')</script>",
    "with braces": "{{ email }}{% if x %}",
    "with a line break": "Ada\r\nBcc: all@example.com\r\n\r\nHello",
}
"""The value of every field of a sample reader, by what makes this reader hard."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A sample reader's finished copy of an issue."""

    reader: str
    """The key of WORST: what makes this reader hard."""
    value: str
    """The value of every field."""
    recipient: Recipient
    message: Message
    mailing: Mailing

    @cached_property
    def headers(self) -> Headers[str, str]:
        """The headers of the whole message, as a mail program parses them."""
        # The headers from MIME-Version on are left out: with them the parser expects parts of a body.
        head = self.mailing.mime(self.recipient).partition(b"\r\nMIME-Version:")[0]
        return BytesHeaderParser(policy=email.policy.default).parsebytes(head + b"\r\n\r\n")

    @cached_property
    def tree(self) -> Element:
        """The root element of the copy's HTML."""
        return tree_of(self.message.html)

    @cached_property
    def words(self) -> str:
        """The words that the HTML shows, on one line."""
        return visible_words(self.tree)


def copies(built: Built) -> Sequence[Copy]:
    """Return the copy of each reader of WORST."""
    mailing = sample_mailing(built.theme.publication, built)
    return [copy_of(built, reader, value, mailing) for reader, value in WORST.items()]


def copy_of(built: Built, reader: str, value: str | None, mailing: Mailing | None = None) -> Copy:
    """Return the copy of a reader whose every field holds `value`, or who has no fields when it is None."""
    publication = built.theme.publication
    mailing = mailing or sample_mailing(publication, built)
    sample = sample_recipient(publication, built.issue.slug)
    names = ("first_name", "last_name", "name", *publication.config.fields)
    values = {} if value is None else dict.fromkeys(names, value)
    recipient = Recipient(delivery_id=sample.delivery_id, email=sample.email, fields={**values, **sample.fields})
    return Copy(
        reader=reader, value=value or "", recipient=recipient, message=mailing.message(recipient), mailing=mailing
    )
