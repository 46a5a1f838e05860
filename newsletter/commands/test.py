"""`newsletter test`: an issue to a few addresses, marked as a test."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import click

from newsletter import handover, subscribers
from newsletter.addresses import address_key, parse_address
from newsletter.build import Built, build_issue
from newsletter.errors import NewsletterError
from newsletter.issues import find_issue
from newsletter.links import Links
from newsletter.mailing import Mailing, envelope
from newsletter.messages import Recipient
from newsletter.providers import find_provider, read_settings
from newsletter.providers.record import Batch, Outcome, Result
from newsletter.reader_fields import full_name
from newsletter.recipients import personal_links
from newsletter.session import Session
from newsletter.suppressions import suppressed

MARK = "[TEST] "


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What became of the test to one address."""

    email: str
    result: Result


def _addresses(_ctx: click.Context, _option: click.Parameter, value: Iterable[str]) -> list[str]:
    try:
        return [parse_address(part) for text in value for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("issue")
@click.argument("more", nargs=-1, metavar="[ADDRESS]...", callback=_addresses)
@click.option("--to", "to", metavar="ADDRESS", multiple=True, required=True, callback=_addresses, help="Who gets it")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome for each address as JSON")
@click.pass_obj
def command(session: Session, issue: str, more: list[str], to: list[str], as_json: bool) -> None:
    """Send a marked test of an issue to a few addresses.

    The subject begins with [TEST]. Readers are addressed as themselves, others as a reader without a name.
    No campaign is made, and nobody counts as having the issue.

    \b
    Examples:
        newsletter test chip-rules --to me@example.com
        newsletter test chip-rules --to me@example.com you@example.com
    """
    built = build_issue(session.publication, find_issue(session.publication, issue))
    tested = _send(session, built, list(dict.fromkeys([*to, *more])))
    if as_json:
        click.echo(json.dumps([_json(one) for one in tested]))
    else:
        for one in tested:
            click.echo(f"{one.email}: {one.result.outcome}{': ' + one.result.reason if one.result.reason else ''}")
    _leave(tested)


def _send(session: Session, built: Built, addresses: list[str]) -> list[Tested]:
    publication = session.publication
    provider = find_provider(publication)
    settings = read_settings(publication, provider)
    key = secrets.token_hex(4)
    refused = _suppressed(session, addresses)
    message = replace(built.message, subject=MARK + built.message.subject)
    mailing = Mailing(message, envelope(publication, built.issue.list, datetime.now(UTC), key))
    going = [address for address in addresses if address not in refused]
    tested = [Tested(email=address, result=result) for address, result in refused.items()]
    people = [_recipient(session, built, one, f"test-{key}.{no}") for no, one in enumerate(going, start=1)]
    for start in range(0, len(people), provider.batch_size):
        part = tuple(people[start : start + provider.batch_size])
        batch = Batch(mailing=mailing, recipients=part, key=f"{key}-{start}", label="other")
        results = handover.hand_over(handover.prepare(provider, batch, settings)).results
        tested += [Tested(email=one.email, result=result) for one, result in zip(part, results, strict=True)]
    return sorted(tested, key=lambda one: addresses.index(one.email))


def _suppressed(session: Session, addresses: list[str]) -> dict[str, Result]:
    """Not even a test goes to who must never be mailed."""
    keys = {address: address_key(address) for address in addresses}
    with session.database.read() as connection:
        reasons = suppressed(connection, list(keys.values()))
    words = {address: reasons[key] for address, key in keys.items() if key in reasons}
    return {one: Result(outcome=Outcome.REJECTED, reason=f"suppressed: {reason}") for one, reason in words.items()}


def _recipient(session: Session, built: Built, address: str, delivery_id: str) -> Recipient:
    with session.database.read() as connection:
        known = subscribers.find(connection, address)
    id = known.id if known else 0
    links = personal_links(Links(session.publication), id, 0, built.issue.list, built.issue.slug)
    fields = {**_known_fields(known), "email": address, **links}
    return Recipient(delivery_id=delivery_id, email=address, fields=fields)


def _known_fields(known: subscribers.Subscriber | None) -> dict[str, object]:
    if known is None:
        return {}
    first, last = (str(known.fields.get(name, "")) for name in ("first_name", "last_name"))
    return {**known.fields, "name": full_name(first, last, known.fields)}


def _json(one: Tested) -> dict[str, str]:
    return {"email": one.email, "outcome": one.result.outcome, "reason": one.result.reason}


def _leave(tested: list[Tested]) -> None:
    """Exit 3 when only the unknown are left. Raises NewsletterError when somebody did not get it."""
    failed = [one for one in tested if one.result.outcome in (Outcome.REJECTED, Outcome.BUSY)]
    if failed:
        reason = failed[0].result.reason
        raise NewsletterError(f"the test did not go to {len(failed)} of {len(tested)} addresses: {reason}")
    if any(one.result.outcome is Outcome.UNKNOWN for one in tested):
        sys.exit(3)
