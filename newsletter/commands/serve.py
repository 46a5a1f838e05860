"""`newsletter serve`: the readers' pages."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

import click

from newsletter.clock import utc_now
from newsletter.interrupts import Interrupts
from newsletter.links import Links, derived_key
from newsletter.session import Session
from newsletter.times import stamp

STOPPING = "Stopping: what is being answered is finished. Once more stops at once."


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="The address to listen on")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    metavar="N",
    type=click.IntRange(0, 65535),
    help="The port to listen on; 0 takes a free one",
)
@click.pass_obj
def command(session: Session, host: str, port: int) -> None:
    """Show readers their pages: join, confirm, read, leave.

    Runs until it is told to stop: Ctrl-C or SIGTERM let what is being answered finish, within 10 seconds.
    Killed at any moment it loses nothing that a reader was told: start it again.

    \b
    Examples:
        newsletter serve
        newsletter serve --host 0.0.0.0 --port 8080
    """
    from newsletter.greetings import compile_greetings
    from newsletter.limits import Limits
    from newsletter.postman import Postman
    from newsletter.sightings import Sightings
    from newsletter.signups import Signups
    from newsletter.web import server
    from newsletter.web.public.app import public_app
    from newsletter.web.public.forms import FormTokens
    from newsletter.web.public.pages import Pages
    from newsletter.web.public.site import Site
    from newsletter.web.public.writes import Writes

    publication = session.publication
    greetings = compile_greetings(publication)
    limits = Limits(derived_key(publication, b"count uses of forms"))
    postman = Postman(publication, session.database, greetings.messages, _say)
    with (
        server.listen(host, port) as sock,
        Interrupts(STOPPING) as interrupts,
        Writes(session.database) as writes,
        postman,
        Sightings(session.database, publication.config.tracking.keep) as sightings,
    ):
        site = Site(
            publication=publication,
            database=session.database,
            links=Links(publication),
            pages=Pages(publication),
            writes=writes,
            signups=Signups(publication, limits, greetings.welcomes),
            tokens=FormTokens(derived_key(publication, b"sign forms")),
            sightings=sightings,
        )
        click.echo(f"Readers' pages on {server.address(sock)}  (stop with Ctrl-C)", err=True)
        server.serve(public_app(site, _log), sock, interrupts.asked)


def _say(sentence: str) -> None:
    """Something for the log that a person reads."""
    click.echo(sentence, err=True)


def _log(request: Mapping[str, object]) -> None:
    """A line of JSON on stderr."""
    sys.stderr.write(json.dumps({"at": stamp(utc_now()), **request}) + "\n")
