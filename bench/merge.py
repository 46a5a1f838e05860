"""Measure the making of one reader's finished message against the standard library's EmailMessage.

Ours fills the slots and joins the message. EmailMessage gets the reader's HTML and text already filled in, and only
encodes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from itertools import cycle, islice
from typing import TypeVar

from msgspec import structs

from bench.readers import readers
from bench.sample import SLUG, publication
from bench.timing import in_turns, report
from newsletter.campaigns.tracking import FIELD, Level, track_token, tracked
from newsletter.config import load_publication
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import CompiledMessage, Message, Recipient
from newsletter.rendering.build import build_issue
from newsletter.signed_links import Links, Purpose

T = TypeVar("T")
MANY = 200
FEW = 10


def main() -> None:
    """Print microseconds per message and the ratio."""
    with publication() as folder:
        settings = load_publication(folder / "newsletter.toml")
        message = build_issue(settings, folder / "issues" / f"2025-01-17-{SLUG}.md").message
        headers = envelope(settings, "daily", datetime(2025, 1, 17, tzinfo=UTC), "bench")
        mailing, links = Mailing(message, headers), Links(settings)
        counted = Mailing(tracked(message, Level.INDIVIDUAL, links, 1), headers)
        links.token(Purpose.TRACK, 1, 1, "")  # reads the secret, once
    recipients = [_recipient(number, row) for number, row in enumerate(readers(MANY))]
    filled = cycle([mailing.message(recipient) for recipient in recipients])
    taken = in_turns(
        {
            "newsletter": lambda: _each(mailing.mime, recipients),
            "tracked": lambda: _each(partial(_counted, counted, links), [*enumerate(recipients, start=1)]),
            "EmailMessage": lambda: _each(_standard, islice(filled, FEW)),
        },
        rounds=25,
    )
    _print(taken["newsletter"] / MANY, taken["EmailMessage"] / FEW, message, taken["tracked"] / MANY)


def _each(make: Callable[[T], bytes], of: Iterable[T]) -> None:
    """Make one message after the other and keep none, as a sender does."""
    for values in of:
        make(values)


def _recipient(number: int, row: tuple[str, ...]) -> Recipient:
    token = f"https://news.example.com/unsubscribe/{number:040d}"
    email, first, last, plan, *_ = row
    fields = {"email": email, "first_name": first, "last_name": last, "name": f"{first} {last}".strip(), "plan": plan}
    urls = {"unsubscribe_url": token, "preferences_url": token, "web_url": "https://news.example.com/issues/long"}
    return Recipient(delivery_id=f"1.{number}", email=email, fields={**fields, **urls})


def _counted(mailing: Mailing, links: Links, numbered: tuple[int, Recipient]) -> bytes:
    """Make a message whose links have a token for the reader; the token is made here, as a sender makes it."""
    number, recipient = numbered
    fields = {**recipient.fields, FIELD: track_token(links, number, 1)}
    return mailing.mime(structs.replace(recipient, fields=fields))


def _standard(message: Message) -> bytes:
    """Make the message with the standard library."""
    email = EmailMessage(policy=SMTP)
    email["From"] = str(message.sender)
    email["To"] = message.to.address
    email["Subject"] = message.subject
    for name, value in message.headers.items():
        email[name] = value
    email.set_content(message.text)
    email.add_alternative(message.html, subtype="html")
    return email.as_bytes()


def _print(ours: float, theirs: float, message: CompiledMessage, counted: float) -> None:
    rows = [
        (
            f"EmailMessage.as_bytes() ({len(message.html) // 1000} KB of HTML, {len(message.links)} links)",
            f"{theirs * 1e6:,.0f} us",
        ),
        ("newsletter: merge and MIME", f"{ours * 1e6:,.1f} us"),
        ("messages a second, one core", f"{1 / ours:,.0f}"),
        ("merge and MIME, with tracking by reader", f"{counted * 1e6:,.1f} us"),
        ("ratio", f"{theirs / ours:.0f}"),
    ]
    report("Merge: EmailMessage.as_bytes() / newsletter, per message", rows, "at least 80")


if __name__ == "__main__":
    main()
