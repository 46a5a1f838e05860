"""Find out which `security` a mail server wants, when the one that is set does not work.

A server with TLS from the first byte waits in silence for a client that waits for its greeting; one without answers a
TLS handshake with words. Both are told by a second connection, which says nothing but a handshake or EHLO.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl

PROBE_SECONDS = 5

WITHOUT = 'Set security = "tls" with the port of TLS (465), or "none" if the server is your own and needs no encryption'
"""What to do about a server that does not offer STARTTLS."""


class WrongSecurityError(Exception):
    """The `security` of newsletter.toml is not the server's; the message says which is."""


def require_plain(host: str, port: int) -> None:
    """Raise WrongSecurityError when the server expects TLS from the first byte."""
    if _speaks_tls(host, port):
        raise WrongSecurityError('it expects TLS from the first byte: set security = "tls"')


def explain_failed_tls(host: str, port: int, error: Exception) -> None:
    """Raise WrongSecurityError when the server, with which a handshake failed, greets without TLS."""
    if offered := _greets(host, port):
        how = '"starttls"' if offered == "starttls" else '"none", for it offers no encryption'
        raise WrongSecurityError(f"it does not begin with TLS: set security = {how}") from error


def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is said over it
    try:
        with (
            socket.create_connection((host, port), PROBE_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return True
    except (OSError, ValueError):
        return False


def _greets(host: str, port: int) -> str:
    """Return `starttls` or `none` for a server that greets without TLS; empty when it does not."""
    try:
        with smtplib.SMTP(host, port, "localhost", PROBE_SECONDS) as session:
            session.ehlo_or_helo_if_needed()
            found = "starttls" if session.has_extn("starttls") else "none"
            with contextlib.suppress(smtplib.SMTPException, OSError):
                session.quit()
            return found
    except (smtplib.SMTPException, OSError, ValueError):
        return ""
