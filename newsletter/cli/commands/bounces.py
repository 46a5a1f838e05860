"""`newsletter bounces`: read the mail that comes back to the return path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.config import secret
from newsletter.errors import ConfigError, NewsletterError
from newsletter.events.mailbox import MAX_BYTES, mails_of_file, open_imap, parse_imap
from newsletter.events.read_mail import MailsRead, read_mailbox, read_mails
from newsletter.signals import Interrupts

EVERY = 60.0
"""Seconds between two looks at a mailbox that is watched."""
STOPPING = "Stopping after this mail."


@click.group()
def command() -> None:
    """Read the mail that comes back to the return path: bounces and complaints.

    \b
    Examples:
        newsletter bounces read
    """


@command.command()
@click.argument("source", required=False, metavar="[FILE|-|IMAP-URL]")
@click.option("--watch", is_flag=True, help="Look at the mailbox every minute, until stopped")
@json_option("the counts")
@click.pass_obj
def read(session: Session, source: str | None, watch: bool, as_json: bool) -> None:
    """Read bounces and complaints, and act on them.

    Reads a mail, an mbox or a Maildir, with - a mail on standard input (a mail server can pipe each bounce here), or
    the unread mails of a mailbox, which are marked as read; without an argument, `[bounces] imap`. Only mail to the
    signed return path of one of our messages counts: [providers.smtp] return_path.

    \b
    Examples:
        newsletter bounces read bounce.eml
        newsletter bounces read - < bounce.eml
        newsletter bounces read imaps://bounces@imap.example.com/INBOX --watch
    """
    where = source or session.publication.config.bounces.imap
    if not where:
        hint = 'Name a file or a mailbox, or set [bounces] imap = "imaps://user@imap.example.com/INBOX".'
        raise ConfigError("there is nothing to read", hint=hint)
    if where.startswith(("imap://", "imaps://")):
        _read_imap(session, where, watch=watch, as_json=as_json)
        return
    if watch:
        raise ConfigError("--watch is for mailboxes", hint="Name one: imaps://user@imap.example.com/INBOX")
    if where == "-":
        mails = iter([sys.stdin.buffer.read(MAX_BYTES)])
    elif Path(where).exists():
        mails = mails_of_file(Path(where))
    else:
        raise ConfigError("there is no such file", place=where)
    _print(read_mails(session.publication, session.database, mails), as_json=as_json)


def _read_imap(session: Session, url: str, *, watch: bool, as_json: bool) -> None:
    address = parse_imap(url)
    value = session.publication.config.bounces.imap_password
    if not value:
        raise session.publication.error(("bounces", "imap_password"), "[bounces] imap_password is missing", _PASSWORD)
    password = secret(value, key="[bounces] imap_password")
    with Interrupts(STOPPING) as interrupts:
        while True:
            try:
                with open_imap(address, password) as mailbox:
                    result = read_mailbox(session.publication, session.database, mailbox)
                if result.mails or not watch:
                    _print(result, as_json=as_json)
            except NewsletterError as error:
                if not watch:
                    raise
                click.echo(f"newsletter: {error}", err=True)  # the mailbox may be back in a minute
            if not watch or interrupts.asked.wait(EVERY):
                return


_PASSWORD = 'Add imap_password = "env:IMAP_PASSWORD" under [bounces].'


def _print(result: MailsRead, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"mails": result.mails, "reports": result.reports, "new": result.new}))
    mails = "1 mail" if result.mails == 1 else f"{result.mails:,} mails"
    click.echo(f"{mails}, {result.reports:,} about our messages, {result.new:,} new events", err=True)
