"""Make one request to the publication's own address, and look at the certificate that it shows.

Nobody else is asked: a redirect is an answer like any other and is not followed. The names are looked up by the
doctor's own DNS client, so that the answer is what readers' machines find.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from newsletter import __version__

STEP_SECONDS = 8.0
"""Seconds for a connection, and for each piece of an answer."""
MOST_BYTES = 64 * 1024
"""Bytes of an answer that are read."""


class ProbeError(Exception):
    """No answer came; the message says why."""


class CertificateError(ProbeError):
    """The certificate is not one that browsers and mail programs trust."""


@dataclass(frozen=True, kw_only=True)
class ProbeAnswer:
    """The answer to a request, as it came."""

    status: int
    headers: dict[str, str]
    """Header values by lower-case name."""
    body: bytes
    expires_at: datetime | None
    """When the certificate ends; None without TLS."""


def probe(url: str, address: str, *, method: str = "GET", body: bytes = b"", accept: str = "*/*") -> ProbeAnswer:
    """Send one request to `url` at a network address. Raises ProbeError."""
    parts = urlsplit(url)
    host, port = _ascii(parts.hostname or ""), parts.port or (443 if parts.scheme == "https" else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": f"newsletter/{__version__} doctor", "Accept": accept, "Connection": "close"}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    client = http.client.HTTPConnection(host, port, timeout=STEP_SECONDS)
    try:
        client.sock = _connection(host, address, port, is_encrypted=parts.scheme == "https")
        ends = _end(client.sock)
        client.request(method, path, body=body or None, headers=headers)
        response = client.getresponse()
        content = _content(response)
        return ProbeAnswer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=content,
            expires_at=ends,
        )
    except ssl.SSLCertVerificationError as error:
        raise CertificateError(error.verify_message) from error
    except TimeoutError as error:
        raise ProbeError(f"no answer within {STEP_SECONDS:g} seconds") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = (
            getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error) or type(error).__name__
        )
        raise ProbeError(str(reason)) from error
    finally:
        client.close()


def _ascii(host: str) -> str:
    """Return an international name as DNS and certificates have it (RFC 5891)."""
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host  # no such name exists, and the connection says so


def _content(response: http.client.HTTPResponse) -> bytes:
    """Read the beginning of the body, which may be without end."""
    pieces, size, deadline = [], 0, time.monotonic() + STEP_SECONDS
    while size < MOST_BYTES and time.monotonic() < deadline and (piece := response.read1(8192)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _connection(host: str, address: str, port: int, *, is_encrypted: bool) -> socket.socket:
    plain = socket.create_connection((address, port), STEP_SECONDS)
    if not is_encrypted:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _end(connection: object) -> datetime | None:
    """Return the end of the certificate that a connection showed."""
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    if not certificate or "notAfter" not in certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
