"""Request one web address: follow its redirects, and limit the size and the time of the answer.

Every redirect goes through `network.py`, which refuses private addresses. Answers are not interpreted here; mail
providers are called by `providers/transport.py`.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions as inner
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from newsletter import __version__
from newsletter.errors import NewsletterError
from newsletter.network import Connections, FetchError, NetworkAccess, NetworkFailure, open_connections

MOST_BYTES = 5 * 1024 * 1024
"""The longest body that is read."""
MOST_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, kw_only=True)
class FetchedPage:
    """The answer of a server, after its redirects."""

    url: str
    """The address that answered."""
    status: int
    kind: str
    """The media type, lower case: `text/html`; empty when the server did not say."""
    charset: str
    body: bytes
    retry_after: str = ""
    """The header Retry-After, as it came."""


@dataclass(frozen=True, kw_only=True)
class _Request:
    """Describe one request, before its redirects."""

    method: str
    most_bytes: int
    """The longest body of an answer that is read; 0 reads none."""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def fetch(network: NetworkAccess, url: str) -> FetchedPage:
    """Return the content of an address. Raises FetchError, and NewsletterError when the status is not a 2xx."""
    page = ask(network, "GET", url)
    if page.status >= 300:
        hint = "It wants a login or refuses programs." if page.status in (401, 403) else "Look at it in a browser."
        raise NewsletterError(f"the server answers {page.status}", place=url, hint=hint)
    return page


def ask(network: NetworkAccess, method: str, url: str, *, most_bytes: int = MOST_BYTES) -> FetchedPage:
    """Return the answer, whatever its status, after redirects; no body with `most_bytes=0`. Raises FetchError."""
    request = _Request(method=method, most_bytes=most_bytes)
    with open_connections(network) as connections:
        here = url
        for _ in range(MOST_REDIRECTS + 1):
            _check(here, url)
            page, location = _exchange(connections, request, here, url)
            if not location:
                return page
            here = urljoin(here, location)
        raise FetchError(NetworkFailure.CIRCLE, f"redirects more than {MOST_REDIRECTS} times", place=url)


def post(
    network: NetworkAccess, url: str, body: bytes, headers: Mapping[str, str], *, most_bytes: int = 0
) -> FetchedPage:
    """Post a body, and return the answer, whatever its status; no redirect is followed. Raises FetchError."""
    return send(network, "POST", url, body, headers, most_bytes=most_bytes)


def send(
    network: NetworkAccess, method: str, url: str, body: bytes, headers: Mapping[str, str], *, most_bytes: int
) -> FetchedPage:
    """Send a request with headers of its own; no redirect is followed. Raises FetchError."""
    _check(url, url)
    request = _Request(method=method, most_bytes=most_bytes, body=body, headers=headers)
    with open_connections(network) as connections:
        return _exchange(connections, request, url, url)[0]


def _check(here: str, asked: str) -> None:
    try:
        parts = urlsplit(here)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"[\x00-\x20\x7f]", here):
        subject = f"leads to {here[:100]!r}, which" if here != asked else "this"
        hint = "Write one that begins with https://."
        raise FetchError(NetworkFailure.ADDRESS, f"{subject} is not a web address", place=asked, hint=hint)


class _Adapter(HTTPAdapter):
    """Opens every connection through `Connections`, and retries none."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make urllib3's pools open their connections through ours."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._connections)


def _pools(connections: Connections) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connections.open(self.host, self.port or self.default_port)

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connections.open(self.host, self.port or self.default_port)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _exchange(connections: Connections, request: _Request, here: str, asked: str) -> tuple[FetchedPage, str]:
    """Return the answer, and the address it redirects to; empty when it does not."""
    connections.url = here
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy would resolve the name itself, past the guard
            session.mount("http://", _Adapter(connections))
            session.mount("https://", _Adapter(connections))
            return _answer(connections, session, request, here)
    except FetchError as error:
        # Again, with the address that was asked: `network` knows only the host.
        raise FetchError(error.failure, error.message, place=asked, hint=error.hint) from error
    except (requests.exceptions.RequestException, inner.HTTPError, OSError, ValueError) as error:
        raise _fetch_error(connections, error, asked) from error


def _answer(
    connections: Connections, session: requests.Session, request: _Request, here: str
) -> tuple[FetchedPage, str]:
    headers = {
        "User-Agent": f"newsletter/{__version__}"
        + (f" (+{connections.network.own})" if connections.network.own else ""),
        "Accept": "*/*",
        "Accept-Encoding": "identity",  # nothing that grows when it is unpacked
        "Connection": "close",
        **request.headers,
    }
    timeout = (connections.network.step, connections.network.step)
    with session.request(
        request.method,
        here,
        headers=headers,
        data=request.body or None,
        timeout=timeout,
        stream=True,
        allow_redirects=False,
    ) as response:
        location = response.headers.get("Location", "") if response.status_code in _REDIRECTS else ""
        body = b"" if location or not request.most_bytes else _body(connections, response, request.most_bytes)
        kind, _, rest = response.headers.get("Content-Type", "").lower().partition(";")
        charset = re.search(r"charset=[\"']?([\w.:-]+)", rest)
        return FetchedPage(
            url=here,
            status=response.status_code,
            kind=kind.strip(),
            charset=charset[1] if charset else "",
            body=body,
            retry_after=response.headers.get("Retry-After", ""),
        ), location


def _body(connections: Connections, response: requests.Response, most_bytes: int) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_content(65536):
        pieces.append(piece)
        size += len(piece)
        if size > most_bytes:
            raise FetchError(NetworkFailure.LARGE, f"the answer is over {most_bytes / 1024 / 1024:g} MB")
    if connections.expired:
        raise FetchError(NetworkFailure.SILENT, f"no whole answer within {connections.network.whole:g} s")
    return b"".join(pieces)


def _fetch_error(connections: Connections, error: Exception, asked: str) -> FetchError:
    """Return the FetchError for an exception of requests, urllib3 or the socket."""
    reason = _reason(error)
    if connections.expired:
        return FetchError(NetworkFailure.SILENT, f"no whole answer within {connections.network.whole:g} s", place=asked)
    if isinstance(error, requests.exceptions.Timeout) or isinstance(reason, (TimeoutError, inner.ReadTimeoutError)):
        return FetchError(NetworkFailure.SILENT, f"no answer within {connections.network.step:g} s", place=asked)
    if isinstance(error, requests.exceptions.SSLError):
        return FetchError(NetworkFailure.TLS, f"no encrypted connection: {_reason_in_words(reason)}", place=asked)
    if isinstance(error, ValueError) and not isinstance(error, requests.exceptions.JSONDecodeError):
        return FetchError(NetworkFailure.ADDRESS, "this is not a web address", place=asked)
    return FetchError(NetworkFailure.BROKEN, f"the connection broke: {_reason_in_words(reason)}", place=asked)


def _reason(error: BaseException) -> BaseException:
    """Return the innermost exception."""
    inside: object = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
    return _reason(inside) if isinstance(inside, BaseException) else error


def _reason_in_words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (
        re.sub(r"\s+", " ", re.sub(r"<[^>]*>:? ?|\[[^\]]*\] ?|\(_ssl\.c:\d+\)", "", text))[:120].strip() or "no reason"
    )
