"""Notices: what the editors are told by email, once each.

Through the publication's own provider, to `reply_to` or else the sender. Alone writes the `notice`
table. Whoever has something to say decides what it is; nothing here goes to readers.
"""

from __future__ import annotations

import html
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, insert, select

from newsletter import handover
from newsletter.config import Publication
from newsletter.database import Database
from newsletter.links import Links
from newsletter.mailing import Mailing, envelope
from newsletter.messages import CompiledMessage, Recipient
from newsletter.providers import find_provider, read_settings
from newsletter.providers.record import Batch, Outcome
from newsletter.recipients import personal_links
from newsletter.tables import notice as table
from newsletter.times import stamp

KEPT = timedelta(days=30)
"""How long it is remembered that something was told."""


def tell_editors(publication: Publication, database: Database, key: str, subject: str, text: str, now: datetime) -> str:
    """Mail the editors, unless they were told `key` before; why it did not go, or nothing.

    Remembered before it leaves: who is told twice stops reading.
    """
    with database.begin() as connection:
        connection.execute(delete(table).where(table.c.at < stamp(now - KEPT)))
        if connection.execute(select(exists().where(table.c.key == key))).scalar():
            return ""
        connection.execute(insert(table).values(key=key, at=stamp(now)))
    return _mail(publication, subject, text, now)


def _mail(publication: Publication, subject: str, text: str, now: datetime) -> str:
    provider = find_provider(publication)
    key = secrets.token_hex(8)
    to = publication.config.publication.reply_to or publication.config.publication.sender.address
    links = personal_links(Links(publication), 0, 0, publication.default_list, "notice")
    batch = Batch(
        mailing=Mailing(
            _message(publication, subject, text), envelope(publication, publication.default_list, now, key)
        ),
        recipients=(Recipient(delivery_id=f"notice-{key}", email=to, fields={"email": to, **links}),),
        key=key,
        label="other",
    )
    settings = read_settings(publication, provider)
    (result,) = handover.hand_over(handover.prepare(provider, batch, settings)).results
    return "" if result.outcome is Outcome.ACCEPTED else f"{to} was not told by email: {result.reason}"


def _message(publication: Publication, subject: str, text: str) -> CompiledMessage:
    language = publication.config.publication.language
    page = f'<!DOCTYPE html><html lang="{html.escape(language)}"><body><p>{html.escape(text)}</p></body></html>'
    return CompiledMessage(
        slug="notice", subject=subject, preheader="", html=page, text=f"{text}\n", tags=(), language=language
    )
