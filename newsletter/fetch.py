"""What a web address answers: one request at a time, redirects followed, sizes and times limited.

Every hop goes through `network`, which says who may be asked. What an answer means is
not known here; mail goes through `providers.transport`.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions as inner
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from newsletter import __version__
from newsletter.errors import NewsletterError
from newsletter.network import FetchError, Line, NetworkAccess, NetworkFailure, connections

MOST_BYTES = 5 * 1024 * 1024
MOST_HOPS = 10
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, kw_only=True)
class FetchedPage:
    """What a server said, after its redirects."""

    url: str
    """Where the answer came from."""
    status: int
    kind: str
    """The media type, lower case: `text/html`; empty when the server did not say."""
    charset: str
    body: bytes


def fetch(network: NetworkAccess, url: str) -> FetchedPage:
    """The content of an address. Raises FetchError, NewsletterError for any answer but a good one."""
    answer = ask(network, "GET", url)
    if answer.status >= 300:
        hint = "It wants a login or refuses programs." if answer.status in (401, 403) else "Look at it in a browser."
        raise NewsletterError(f"the server answers {answer.status}", place=url, hint=hint)
    return answer


def ask(network: NetworkAccess, method: str, url: str, *, most_bytes: int = MOST_BYTES) -> FetchedPage:
    """One answer of whatever status, redirects followed. With `most_bytes=0` no body is read. Raises FetchError."""
    with connections(network) as line:
        here = url
        for _ in range(MOST_HOPS + 1):
            _check(here, url)
            answer, location = _exchange(line, method, here, url, most_bytes)
            if not location:
                return answer
            here = urljoin(here, location)
        raise FetchError(NetworkFailure.CIRCLE, f"redirects more than {MOST_HOPS} times", place=url)


def _check(here: str, asked: str) -> None:
    try:
        parts = urlsplit(here)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"[\x00-\x20\x7f]", here):
        where = f"leads to {here[:100]!r}, which" if here != asked else "this"
        hint = "Write one that begins with https://."
        raise FetchError(NetworkFailure.ADDRESS, f"{where} is not a web address", place=asked, hint=hint)


class _Adapter(HTTPAdapter):
    """Makes every connection through a `Line`, and none twice."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """The same pools, with our connections in them."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._line)


def _pools(line: Line) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return line.open(self.host, self.port or self.default_port)

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return line.open(self.host, self.port or self.default_port)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _exchange(line: Line, method: str, here: str, asked: str, most_bytes: int) -> tuple[FetchedPage, str]:
    """The answer, and where it sends us; empty for nowhere."""
    line.url = here
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy would resolve the name itself, past the guard
            session.mount("http://", _Adapter(line))
            session.mount("https://", _Adapter(line))
            return _answer(line, session, method, here, most_bytes)
    except FetchError as error:
        raise FetchError(error.trouble, error.message, place=asked, hint=error.hint) from error
    except (requests.exceptions.RequestException, inner.HTTPError, OSError, ValueError) as error:
        raise _trouble(line, error, asked) from error


def _answer(line: Line, session: requests.Session, method: str, here: str, most_bytes: int) -> tuple[FetchedPage, str]:
    headers = {
        "User-Agent": f"newsletter/{__version__}" + (f" (+{line.network.own})" if line.network.own else ""),
        "Accept": "*/*",
        "Accept-Encoding": "identity",  # nothing that grows when it is unpacked
        "Connection": "close",
    }
    timeout = (line.network.step, line.network.step)
    with session.request(
        method, here, headers=headers, timeout=timeout, stream=True, allow_redirects=False
    ) as response:
        location = response.headers.get("Location", "") if response.status_code in _REDIRECTS else ""
        body = b"" if location or not most_bytes else _body(line, response, most_bytes)
        kind, _, rest = response.headers.get("Content-Type", "").lower().partition(";")
        charset = re.search(r"charset=[\"']?([\w.:-]+)", rest)
        return FetchedPage(
            url=here,
            status=response.status_code,
            kind=kind.strip(),
            charset=charset[1] if charset else "",
            body=body,
        ), location


def _body(line: Line, response: requests.Response, most_bytes: int) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_content(65536):
        pieces.append(piece)
        size += len(piece)
        if size > most_bytes:
            raise FetchError(NetworkFailure.LARGE, f"the answer is over {most_bytes / 1024 / 1024:g} MB")
    if line.expired:
        raise FetchError(NetworkFailure.SILENT, f"no whole answer within {line.network.whole:g} s")
    return b"".join(pieces)


def _trouble(line: Line, error: Exception, asked: str) -> FetchError:
    """What went wrong after the connection stood."""
    reason = _reason(error)
    if line.expired:
        return FetchError(NetworkFailure.SILENT, f"no whole answer within {line.network.whole:g} s", place=asked)
    if isinstance(error, requests.exceptions.Timeout) or isinstance(reason, (TimeoutError, inner.ReadTimeoutError)):
        return FetchError(NetworkFailure.SILENT, f"no answer within {line.network.step:g} s", place=asked)
    if isinstance(error, requests.exceptions.SSLError):
        return FetchError(NetworkFailure.TLS, f"no encrypted connection: {_words(reason)}", place=asked)
    if isinstance(error, ValueError) and not isinstance(error, requests.exceptions.JSONDecodeError):
        return FetchError(NetworkFailure.ADDRESS, "this is not a web address", place=asked)
    return FetchError(NetworkFailure.BROKEN, f"the connection broke: {_words(reason)}", place=asked)


def _reason(error: BaseException) -> BaseException:
    """The innermost exception."""
    inside: object = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
    return _reason(inside) if isinstance(inside, BaseException) else error


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (
        re.sub(r"\s+", " ", re.sub(r"<[^>]*>:? ?|\[[^\]]*\] ?|\(_ssl\.c:\d+\)", "", text))[:120].strip() or "no reason"
    )
