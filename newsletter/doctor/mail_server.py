"""Connect to the mail server, log in, and leave again: no message is offered.

The server gets as long for its greeting as the whole check, and no longer.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from smtplib import SMTPException

from newsletter.doctor.finding import CheckResult, failed, passed, warned
from newsletter.providers.base import Settings
from newsletter.providers.smtp_errors import BrokenError, RefusedError, Stage
from newsletter.providers.smtp_session import LOOPBACK, SmtpSession

SECONDS = 20.0
"""Seconds for the connection, the greeting and the login together."""
NAME = "provider.smtp.connection"


def mail_server_results(settings: Settings, domain: str) -> Iterator[CheckResult]:
    """Yield what came of a connection; `domain` is the sender's, which the greeting names."""
    session = SmtpSession(settings, domain)
    alarm = threading.Timer(SECONDS, session.abort)
    alarm.daemon = True
    alarm.start()
    try:
        session.open()
        yield _connected(session, settings)
        yield _encrypted(session, settings)
    except (RefusedError, BrokenError, SMTPException, OSError) as error:
        yield _refused(settings, error, is_late=session.is_aborted)
    finally:
        alarm.cancel()
        session.leave()


def _server(settings: Settings) -> str:
    return f"{settings['host']}:{settings['port']}"


def _connected(session: SmtpSession, settings: Settings) -> CheckResult:
    login = f'takes the login of "{settings["username"]}"' if settings["username"] else "wants no login"
    return passed(NAME, f"The mail server {_server(settings)} answers and {login}.")


def _encrypted(session: SmtpSession, settings: Settings) -> CheckResult:
    name = "provider.smtp.encryption"
    if isinstance(session.sock, ssl.SSLSocket):
        return passed(name, f"The connection to the mail server is encrypted ({session.sock.version()}).")
    if settings["host"] in LOOPBACK:
        return passed(name, "The mail server is on this machine, so its connection needs no encryption.")
    offers = session.has_extn("starttls")
    fix = 'Set security = "starttls".' if offers else "Ask for a server with STARTTLS or TLS."
    return warned(name, f"Mail and readers' addresses travel to {_server(settings)} unencrypted.", fix)


def _refused(settings: Settings, error: Exception, *, is_late: bool) -> CheckResult:
    if is_late:
        words = f"The mail server {_server(settings)} does not answer within {SECONDS:g} seconds."
        return failed(NAME, words, "Look at host and port, and whether a firewall lets them through.")
    if isinstance(error, RefusedError) and error.stage is Stage.LOGIN:
        words = f"The mail server {_server(settings)} refuses the login: {error.code} {error.said}."
        return failed(NAME, words, "Correct username and password under [providers.smtp].")
    words = f"The mail server {_server(settings)} cannot be used: {error}."
    return failed(NAME, words, "Look at host, port and security under [providers.smtp]: docs/providers.md.")
