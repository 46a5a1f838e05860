"""Email the editors about a problem, once for each problem.

An alert goes through the publication's own provider to `reply_to`, or else to the sender. Only this module writes the
`notice` table. Callers write the text; nothing here goes to readers.
"""

from __future__ import annotations

import html
import secrets
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, delete, exists, insert, select

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.database.process_tables import notice as table
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers import find_provider, read_settings
from newsletter.providers.base import Batch, Outcome, Provider, Result, Settings
from newsletter.sending.direct_send import send_directly
from newsletter.sending.recipients import personal_links
from newsletter.signed_links import Links
from newsletter.times import stamp


class Alert(Protocol):
    """A problem that the editors are told of by email."""

    @property
    def key(self) -> str:
        """Return its name, under which it is told once."""

    @property
    def subject(self) -> str:
        """Return the subject, after the publication's name."""

    @property
    def sentence(self) -> str:
        """Return the text."""


KEPT = timedelta(days=30)
"""Time for which an alert that was sent is remembered, and not sent again."""


def alert_editors(
    publication: PublicationSettings, database: Database, key: str, subject: str, text: str, now: datetime
) -> str:
    """Email the editors unless an alert with this key was sent before; return why it failed, or an empty string.

    Raises ConfigError when the provider is set wrong.
    """
    return mail_once(publication, database, key, _message(publication, subject, text), _editors(publication), now)


def mail_once(
    publication: PublicationSettings, database: Database, key: str, message: CompiledMessage, to: str, now: datetime
) -> str:
    """Email a message to one address unless one with this key was sent before; return why it failed, or nothing.

    The key is recorded before the email leaves, because repeated alerts go unread, and removed again when the email
    certainly did not leave. Raises ConfigError when the provider is set wrong.
    """
    provider = find_provider(publication)
    settings = read_settings(publication, provider)
    with database.begin() as connection:
        connection.execute(delete(table).where(table.c.at < stamp(now - KEPT)))
        if connection.execute(select(exists().where(table.c.key == key))).scalar():
            return ""
        connection.execute(insert(table).values(key=key, at=stamp(now)))
    result = _mail(publication, database, provider, settings, message, to, now)
    if result.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
        return ""
    with database.begin() as connection:
        connection.execute(delete(table).where(table.c.key == key))
    return f"{to} was not told by email: {result.reason}"


def was_mailed(connection: Connection, key: str) -> bool:
    """Tell whether a message with this key was sent, or is being sent."""
    return bool(connection.execute(select(exists().where(table.c.key == key))).scalar())


def _mail(
    publication: PublicationSettings,
    database: Database,
    provider: Provider,
    settings: Settings,
    message: CompiledMessage,
    to: str,
    now: datetime,
) -> Result:
    key, name = secrets.token_hex(8), publication.default_list
    links = personal_links(Links(publication), (0, ""), 0, name, message.slug)
    batch = Batch(
        mailing=Mailing(message, envelope(publication, name, now, key)),
        recipients=(Recipient(delivery_id=f"{message.slug}-{key}", email=to, fields={"email": to, **links}),),
        key=key,
        label="other",
    )
    (result,) = send_directly(publication, database, provider, settings, batch).results
    return result


def _editors(publication: PublicationSettings) -> str:
    return publication.config.publication.reply_to or publication.config.publication.sender.address


def _message(publication: PublicationSettings, subject: str, text: str) -> CompiledMessage:
    language = publication.config.publication.language
    page = f'<!DOCTYPE html><html lang="{html.escape(language)}"><body><p>{html.escape(text)}</p></body></html>'
    return CompiledMessage(
        slug="notice", subject=subject, preheader="", html=page, text=f"{text}\n", tags=(), language=language
    )
