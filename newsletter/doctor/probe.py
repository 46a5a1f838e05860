"""Send one marked message through the provider, as a test goes, so that the copy that arrives can be judged."""

from __future__ import annotations

import html

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.doctor.finding import CheckResult, failed, passed, warned
from newsletter.errors import NewsletterError
from newsletter.messages.types import CompiledMessage
from newsletter.providers.base import Outcome
from newsletter.publishing.test_send import send_message
from newsletter.times import utc_now

NAME = "probe.sent"
TEXT = (
    "This message was sent by `newsletter doctor` to find out how mail arrives.",
    "Save it as your mail program got it (Show original, View source, or Save as .eml), and run: "
    "newsletter doctor --read FILE",
)


def probe_result(publication: PublicationSettings, database: Database | None, address: str) -> CheckResult:
    """Send the probe to an address, and return what the provider answered."""
    try:
        message = probe_message(publication)
        (sent,) = send_message(publication, database, message, publication.default_list, [address], utc_now())
    except NewsletterError as error:
        return failed(NAME, f"The probe was not sent: {error.message}.", error.hint)
    if sent.result.outcome is Outcome.ACCEPTED:
        return passed(NAME, f"The probe to {address} was taken. Save it when it arrives: newsletter doctor --read FILE")
    if sent.result.outcome is Outcome.UNKNOWN:
        return warned(
            NAME, f"Whether the probe was taken is unknown: {sent.result.reason}.", "Look for it in the mailbox."
        )
    fix = "Correct what the provider says, and send it again."
    return failed(NAME, f"The probe to {address} was refused: {sent.result.reason}.", fix)


def probe_message(publication: PublicationSettings) -> CompiledMessage:
    """Return the probe: an email of two paragraphs, in every other way like an issue."""
    language = publication.config.publication.language
    body = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in TEXT)
    title = html.escape(publication.config.publication.name)
    head = f'<html lang="{html.escape(language)}"><head><title>{title}</title></head>'
    return CompiledMessage(
        slug="doctor",
        subject=f"{publication.config.publication.name}: newsletter doctor",
        preheader="",
        html=f"<!DOCTYPE html>{head}<body>{body}</body></html>",
        text="\n\n".join(TEXT) + "\n",
        tags=(),
        language=language,
    )
