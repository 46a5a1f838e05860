"""`newsletter serve`: serve the readers' pages, send confirmations, and with `--with-sender` campaigns too."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from newsletter.cli.session import Session
from newsletter.errors import NewsletterError
from newsletter.signals import Interrupts
from newsletter.times import Clock, stamp, utc_now

if TYPE_CHECKING:
    from newsletter.campaigns.engagement import EngagementRecorder
    from newsletter.config import PublicationSettings
    from newsletter.database.connection import Database
    from newsletter.events.applier import EventApplier
    from newsletter.events.receive import WebhookGate
    from newsletter.publishing.scheduler import Runner
    from newsletter.subscribers.welcomes import Welcome
    from newsletter.web.mounted import MountedApp
    from newsletter.web.public.site import Site
    from newsletter.web.public.write_queue import WriteQueue
    from newsletter.web.server import Certificate

STOPPING = "Stopping after the requests and calls that have begun. A second signal stops at once."
DRAIN = 9.5
"""Seconds that the sender has to end after the server was asked to stop."""


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
@click.option("--with-sender", is_flag=True, help="Send campaigns too, as `newsletter run` does")
@click.pass_obj
def command(session: Session, host: str, port: int, with_sender: bool) -> None:
    """Serve the readers' pages: join, confirm, read, leave.

    Takes what providers report to its webhooks, too: bounces, complaints, unsubscriptions. Sends confirmations
    and welcomes itself; campaigns are sent by `newsletter run`, or here with --with-sender. Runs until it is
    stopped: Ctrl-C or SIGTERM let requests and calls that have begun finish, within 10 seconds. Killed at any
    moment it loses nothing that a reader was shown as done: start it again.

    \b
    Examples:
        newsletter serve
        newsletter serve --with-sender
        newsletter serve --host 0.0.0.0 --port 8080
    """
    from newsletter.campaigns.engagement import EngagementRecorder
    from newsletter.events.applier import EventApplier
    from newsletter.events.receive import WebhookGate
    from newsletter.outbound.sender import WebhookSender
    from newsletter.publishing.signup_emails import compile_signup_emails
    from newsletter.sending.transactional_sender import TransactionalSender
    from newsletter.web import server
    from newsletter.web.public.app import public_app
    from newsletter.web.public.write_queue import WriteQueue

    certificate = _certificate(session.publication)
    greetings = compile_signup_emails(session.publication)
    gate = WebhookGate(session.publication)
    for name in gate.refusing:
        _say(f"Webhooks of {name} are refused: [providers.{name}] webhook_secret, which checks them, is not set.")
    with (
        server.listen(host, port) as sock,
        Interrupts(STOPPING) as interrupts,
        WriteQueue(session.database) as write_queue,
        EventApplier(session.publication, write_queue) as applier,
        TransactionalSender(
            session.publication, session.database, greetings.messages, _say, interrupts.asked, _clock(session.database)
        ),
        WebhookSender(session.publication, session.database, _say),
        EngagementRecorder(session.database, session.publication.config.tracking.keep) as engagement,
        _sender(session, interrupts.asked) if with_sender else contextlib.nullcontext(),
    ):
        site = _site(session, write_queue, engagement, greetings.welcomes, gate, applier)
        app = public_app(site, _log, _say, _api(site))
        _say(f"Readers' pages on {server.address(sock, 'https' if certificate else 'http')}  (stop with Ctrl-C)")
        server.serve(app, sock, interrupts.asked, certificate=certificate)


def _clock(database: Database) -> Clock:
    """Return the clock by which all senders at the database share its rates."""
    if database.engine.dialect.name == "sqlite":
        return utc_now
    from newsletter.distributed.database_clock import DatabaseClock  # SQLite needs nothing of it

    return DatabaseClock(database)


def _certificate(publication: PublicationSettings) -> Certificate | None:
    """Return the publication's TLS certificate; None where a proxy in front speaks TLS. Raises ConfigError."""
    from newsletter.web.server import Certificate

    settings = publication.config.serve
    if not settings.certificate and not settings.key:
        return None
    certificate = Certificate(str(publication.root / settings.certificate), str(publication.root / settings.key))
    certificate.check()
    return certificate


def _site(
    session: Session,
    write_queue: WriteQueue,
    engagement: EngagementRecorder,
    welcomes: tuple[Welcome, ...],
    gate: WebhookGate,
    applier: EventApplier,
) -> Site:
    from newsletter.signed_links import Links, derived_key
    from newsletter.subscribers.captcha import find_challenge
    from newsletter.subscribers.double_opt_in import Confirmations
    from newsletter.subscribers.rate_limits import ReaderLimits, SignupLimits
    from newsletter.subscribers.signups import Signups
    from newsletter.web.public.forms import FormTokens
    from newsletter.web.public.pages import Pages
    from newsletter.web.public.site import Site

    publication, settings = session.publication, session.publication.config.serve
    limits = SignupLimits(derived_key(publication, b"count uses of forms"))
    return Site(
        publication=publication,
        database=session.database,
        links=Links(publication),
        pages=Pages(publication),
        write_queue=write_queue,
        signups=Signups(publication, limits),
        confirmations=Confirmations(publication, limits, welcomes),
        reader_limits=ReaderLimits(limits, settings.changes_per_reader, settings.changes_per_network),
        form_tokens=FormTokens(derived_key(publication, b"sign forms")),
        challenge=find_challenge(publication),
        engagement=engagement,
        webhooks=gate,
        event_applier=applier,
    )


def _api(site: Site) -> list[MountedApp]:
    """Return the HTTP API as an application below its prefix; nothing while it is off."""
    settings = site.publication.config.api
    if not settings.enabled:
        return []
    from newsletter.web.api.app import api_app
    from newsletter.web.api.key_limits import KeyLimits
    from newsletter.web.api.operations import ApiSite

    api_site = ApiSite(
        publication=site.publication,
        database=site.database,
        write_queue=site.write_queue,
        links=site.links,
        limits=KeyLimits(settings.per_key),
    )
    return [api_app(api_site)]


@contextlib.contextmanager
def _sender(session: Session, asked: threading.Event) -> Iterator[None]:
    """Run a runner beside the server. When it cannot run, the server stops and its error is raised at the end."""
    from newsletter.cli.run_log import RunnerLog
    from newsletter.publishing.runners import make_runner

    runner = make_runner(
        session.publication, session.database, RunnerLog(session.publication.config.publication.timezone)
    )
    errors: list[NewsletterError] = []

    def run() -> None:
        try:
            runner.run()
        except NewsletterError as error:
            errors.append(error)
            asked.set()

    thread = threading.Thread(target=run, name="runner", daemon=True)
    thread.start()
    threading.Thread(target=_stop, args=(asked, runner), daemon=True).start()
    try:
        yield
    finally:
        runner.stop()
        thread.join(DRAIN)
    if errors:
        raise errors[0]


def _stop(asked: threading.Event, runner: Runner) -> None:
    """Stop the runner with the server, not after its last request: both have the same ten seconds."""
    asked.wait()
    runner.stop()


def _say(sentence: str) -> None:
    """Print a sentence for the operator on stderr."""
    click.echo(sentence, err=True)


def _log(request: Mapping[str, object]) -> None:
    """Write a request as a line of JSON on stderr. When it cannot be written, serving goes on."""
    with contextlib.suppress(OSError):
        sys.stderr.write(json.dumps({"at": stamp(utc_now()), **request}) + "\n")
