"""Mailing: a CompiledMessage prepared for one sending, and each reader's copy of it.

Cut and encoded once, joined per reader: finished MIME bytes for SMTP and files, or the
parts of a message for providers' APIs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from newsletter.addresses import Mailbox, quoted
from newsletter.config import PublicationSettings
from newsletter.messages.expressions import Fields, present
from newsletter.messages.fragments import html_fragment, text_fragment, with_addresses
from newsletter.messages.merge import Segments, joined, subject_line
from newsletter.messages.mime import (
    SOFT_BREAK,
    header_date,
    header_mailbox,
    header_text,
    mailbox,
    quoted_part,
    quoted_value,
)
from newsletter.messages.provider_templates import Substitution
from newsletter.messages.types import CompiledMessage, Envelope, JsonMessage, Message, Recipient, Syntax, Template

_CRLF = b"\r\n"


class Mailing:
    """A CompiledMessage under an Envelope. Making one is slow and its methods are fast: make one per sending."""

    def __init__(
        self, message: CompiledMessage, envelope: Envelope, addresses: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Cut and encode the message.

        With `addresses` (`fragments.with_addresses`), every recipient needs its token in the field `TOKEN`.
        """
        self.compiled = message
        self.envelope = envelope
        self._addresses = addresses
        self._sender, self._list_id = envelope.sender.quoted, _list_id(envelope.list_id).decode()
        html = with_addresses(html_fragment(message.html, message), addresses)
        text = with_addresses(text_fragment(message.text, message), addresses)
        self._subject = subject_line(text_fragment(message.subject, message))
        self._html, self._text = joined(html), joined(text)
        self._html_segments = Segments(html, quoted_part, quoted_value, SOFT_BREAK)
        self._text_segments = Segments(text, quoted_part, quoted_value, SOFT_BREAK)
        self._html_json, self._text_json = Segments(html, _json, _json), Segments(text, _json, _json)
        boundary = f"=_{message.digest[:32]}".encode()  # "=_" cannot occur in quoted-printable
        self._head, self._between, self._tail = _frame(envelope, boundary)
        self._between_html = self._between + _part_head("html", message.language)
        self._substitutions: dict[Syntax, Substitution] = {}

    def subject(self, recipient: Recipient) -> str:
        """Return a reader's subject, decoded."""
        return self._subject(present(recipient.fields))

    def mime(self, recipient: Recipient) -> bytes:
        """Return a reader's copy as a whole message (RFC 5322, 2046): CRLF, lines of at most 76 characters."""
        fields = present(recipient.fields)
        return b"".join(
            (
                self._own_headers(recipient, fields),
                self._head,
                *self._text_segments.parts(fields),
                self._between_html,
                *self._html_segments.parts(fields),
                self._tail,
            )
        )

    def message(self, recipient: Recipient) -> Message:
        """Return a reader's copy in parts, decoded."""
        fields = present(recipient.fields)
        return Message(
            delivery_id=recipient.delivery_id,
            sender=self.envelope.sender,
            reply_to=self.envelope.reply_to,
            to=Mailbox(name=recipient.name, address=recipient.email),
            subject=self._subject(fields),
            html=self._html(fields),
            text=self._text(fields),
            headers=self._headers(recipient),
        )

    def json_message(self, recipient: Recipient) -> JsonMessage:
        """Return a reader's copy in parts, its bodies as JSON strings made of pieces that were encoded once."""
        fields = present(recipient.fields)
        return JsonMessage(
            delivery_id=recipient.delivery_id,
            sender=self._sender,
            reply_to=self.envelope.reply_to,
            to=quoted(recipient.name, recipient.email),
            subject=self._subject(fields),
            html=(b'"', *self._html_json.parts(fields), b'"'),
            text=(b'"', *self._text_json.parts(fields), b'"'),
            headers=self._headers(recipient),
        )

    def template(self, syntax: Syntax) -> Template:
        """Return the template for a provider that fills in slots itself and adds the Message-ID."""
        substitution = self._substitution(syntax)
        return Template(
            sender=self.envelope.sender,
            reply_to=self.envelope.reply_to,
            subject=substitution.subject,
            html=substitution.html,
            text=substitution.text,
            headers=self._shared_headers(substitution.unsubscribe_url),
        )

    def variables(self, recipients: Sequence[Recipient], syntax: Syntax) -> list[Sequence[str]]:
        """Return the values of each slot of `template(syntax)`, in the order of the recipients."""
        return self._substitution(syntax).columns([present(recipient.fields) for recipient in recipients])

    def message_id(self, recipient: Recipient) -> str:
        """Return our Message-ID, equal at every attempt: `<12.345.9f2c@news.example.com>`."""
        # Equal at every attempt, so that a mailbox can recognise a repeated message.
        return f"<{recipient.delivery_id}.{self.envelope.key}@{self.envelope.sender.domain}>"

    def _headers(self, recipient: Recipient) -> dict[str, str]:
        """Return the headers beyond From, To, Reply-To and Subject (RFC 2919; RFC 8058 section 3.1)."""
        shared = self._shared_headers(str(recipient.fields["unsubscribe_url"]))
        return {"Message-ID": self.message_id(recipient), **shared}

    def _shared_headers(self, unsubscribe_url: str) -> dict[str, str]:
        return {
            "List-Id": self._list_id,
            "List-Unsubscribe": f"<{unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def _substitution(self, syntax: Syntax) -> Substitution:
        if syntax not in self._substitutions:
            self._substitutions[syntax] = Substitution(self.compiled, syntax, self._addresses)
        return self._substitutions[syntax]

    def _own_headers(self, recipient: Recipient, fields: Fields) -> bytes:
        unsubscribe_url = str(recipient.fields["unsubscribe_url"]).encode("ascii", "replace")
        lines = (
            b"To: " + header_mailbox(recipient.name, recipient.email),
            b"Subject: " + header_text(self._subject(fields)),
            b"Message-ID: " + self.message_id(recipient).encode("ascii", "replace"),
            b"List-Unsubscribe: <" + unsubscribe_url + b">",
            b"",
        )
        return _CRLF.join(lines)


def _json(text: str) -> bytes:
    """Return the inside of a JSON string."""
    return msgspec.json.encode(text)[1:-1]


def _frame(envelope: Envelope, boundary: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the fixed bytes of a message: the shared headers with the text part's, the seam, and the end."""
    lines = [
        b"From: " + mailbox(envelope.sender),
        b"Date: " + header_date(envelope.date),
        b"List-Id: " + _list_id(envelope.list_id),
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/alternative;\r\n boundary="' + boundary + b'"',
    ]
    if envelope.reply_to:
        lines.insert(1, b"Reply-To: " + header_mailbox("", envelope.reply_to))
    head = _CRLF.join(lines) + b"\r\n\r\n--" + boundary + _CRLF + _part_head("plain", "")
    return head, b"\r\n--" + boundary + _CRLF, b"\r\n--" + boundary + b"--\r\n"


def _list_id(value: str) -> bytes:
    """Return a List-Id: a phrase, which may be encoded, and the id, which may not be (RFC 2919 section 2)."""
    title, _, identifier = value.rpartition(" <")
    return header_mailbox(title, identifier.removesuffix(">"))


def _part_head(kind: str, language: str) -> bytes:
    lines = [f"Content-Type: text/{kind}; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"]
    if language:
        lines.append(f"Content-Language: {language}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def envelope(publication: PublicationSettings, list_name: str, date: datetime, key: str) -> Envelope:
    """Return the headers of one sending to one list, from newsletter.toml. `date` is aware."""
    config = publication.config
    host = urlsplit(config.publication.url).hostname or "localhost"
    return Envelope(
        sender=config.publication.sender,
        reply_to=config.publication.reply_to,
        list_id=f"{config.lists[list_name].title} <{list_name}.{host}>",
        date=date,
        key=key,
    )
