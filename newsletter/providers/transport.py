"""HTTP transport to providers' APIs: a `requests` call that is never repeated by itself.

Tells whether a request that failed may have been accepted. Knows no provider and no
ledger, and never tries again: the sender decides about a repeat.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from email.utils import parsedate_to_datetime

import requests
import urllib3.exceptions as inner
from requests.adapters import HTTPAdapter

from newsletter.providers.base import Answer, Batch, Outcome, Provider, Request, Response
from newsletter.providers.body import RequestBody

CONNECT_SECONDS = 10
READ_SECONDS = 60
RESPONSE_CAP = 8 * 1024 * 1024
"""Bytes of a response, at most; 500 results are some 100 KB."""

_local = threading.local()


class TransportError(Exception):
    """A request without a whole response."""

    def __init__(self, outcome: Outcome, reason: str, *, stop: bool = False) -> None:
        super().__init__(reason)
        self.outcome = outcome
        """BUSY when the request certainly was not accepted, UNKNOWN when it may have been."""
        self.reason = reason
        self.stop = stop
        """True when trying again cannot help."""


def send(provider: Provider, batch: Batch, request: Request, *, read: float = READ_SECONDS) -> Answer:
    """Send `request`, which carries `batch`, to an HTTP provider once, and return its answer within `read` seconds."""
    assert provider.outcomes is not None
    try:
        response = exchange(request, read=read)
    except TransportError as failed:
        return batch.everyone(failed.outcome, failed.reason, stop=failed.stop)
    return provider.outcomes(response, batch)


def exchange(request: Request, *, connect: float = CONNECT_SECONDS, read: float = READ_SECONDS) -> Response:
    """Send a request once and return its response; times in seconds. Raises TransportError."""
    body = _BlockReader(request.body)
    try:
        return _exchange(request, body, (connect, read))
    except requests.exceptions.SSLError as error:
        raise _tls(error, started=body.started) from error
    except (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError) as error:
        raise TransportError(Outcome.BUSY, f"no connection to {_host(request)}: {_words(error)}") from error
    except requests.exceptions.ConnectionError as error:
        raise _connection(error, request) from error
    except requests.exceptions.Timeout as error:
        raise TransportError(Outcome.UNKNOWN, f"no answer from {_host(request)} within {read:g} s") from error
    except ValueError as error:  # an address or a header that cannot be written, so that nothing was sent
        raise TransportError(Outcome.BUSY, f"no request can be made to {request.url}: {error}", stop=True) from error
    except (requests.exceptions.RequestException, inner.HTTPError, OSError) as error:
        raise TransportError(Outcome.UNKNOWN, f"the answer of {_host(request)} was cut: {_words(error)}") from error


def _exchange(request: Request, body: _BlockReader, timeout: tuple[float, float]) -> Response:
    data = body if len(body) else None
    call = requests.Request(request.method, request.url, headers=dict(request.headers), data=data).prepare()
    # A redirect would send the key and the readers' addresses somewhere else.
    with _session().send(call, timeout=timeout, allow_redirects=False, stream=True) as response:
        content = b"".join(_pieces(response))
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Response(status=response.status_code, headers=headers, body=content)


def _pieces(response: requests.Response) -> list[bytes]:
    pieces, size = [], 0
    for piece in response.iter_content(65536):
        pieces.append(piece)
        size += len(piece)
        if size > RESPONSE_CAP:
            raise TransportError(Outcome.UNKNOWN, f"the answer is over {RESPONSE_CAP >> 20} MiB")
    return pieces


class _BlockReader:
    """The request's bytes in blocks, and whether the first block has been read.

    A TLS error does not tell by itself whether it came before or after the request.
    """

    def __init__(self, body: RequestBody) -> None:
        self._size, self._blocks = len(body), iter(body)
        self.started = False

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")

    def read(self, _size: int = 0) -> bytes:
        """Return the next block, whatever the size asked for; empty after the last one."""
        self.started = True
        return next(self._blocks, b"")


def _session() -> requests.Session:
    """Return this thread's session; threads cannot share one safely."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        # No proxy and no netrc of the environment: keys go to the provider alone.
        _local.session.trust_env = False
        # urllib3 would repeat a request by itself.
        _local.session.mount("http://", HTTPAdapter(max_retries=0))
        _local.session.mount("https://", HTTPAdapter(max_retries=0))
    session: requests.Session = _local.session
    return session


def _tls(error: Exception, *, started: bool) -> TransportError:
    if started:
        return TransportError(Outcome.UNKNOWN, f"the encrypted connection broke: {_words(error)}")
    return TransportError(Outcome.BUSY, f"no encrypted connection: {_words(error)}", stop=True)


def _connection(error: Exception, request: Request) -> TransportError:
    """Return the outcome of a `ConnectionError`: its inner reason tells whether the request was on its way."""
    if isinstance(_reason(error), inner.NewConnectionError):
        return TransportError(Outcome.BUSY, f"no connection to {_host(request)}: {_words(error)}")
    if isinstance(_reason(error), inner.ReadTimeoutError):
        return TransportError(Outcome.UNKNOWN, f"no answer from {_host(request)} in time")
    return TransportError(Outcome.UNKNOWN, f"the connection to {_host(request)} broke: {_words(error)}")


def _reason(error: Exception) -> object:
    first = error.args[0] if error.args else error
    return getattr(first, "reason", None) or first


def _words(error: Exception) -> str:
    """Return the innermost reason of an error, without object addresses and host lists."""
    reason = _reason(error)
    if isinstance(reason, inner.NameResolutionError):
        return "its name cannot be found"
    if isinstance(reason, inner.ConnectTimeoutError) and not isinstance(reason, inner.NewConnectionError):
        return f"none within {CONNECT_SECONDS} s"
    while isinstance(reason, BaseException) and reason.args and isinstance(reason.args[-1], BaseException):
        reason = reason.args[-1]
    if isinstance(reason, ssl.SSLCertVerificationError):
        return reason.verify_message
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return re.sub(r"^.*?: (?=TransportError to|\[)", "", re.sub(r"<[^>]*>:? ?", "", text)) or type(reason).__name__


def _host(request: Request) -> str:
    return request.url.split("/")[2] if request.url.count("/") >= 2 else request.url


def unsettled(
    title: str, response: Response, batch: Batch, words: str, *, busy: Collection[int] = (429,)
) -> Answer | None:
    """Return the answer to a call that the provider called `title` neither took nor refused; None when it did.

    BUSY for a status of `busy` and a 503 that names a time; UNKNOWN for every other that is no 4xx, and for 408.
    """
    if response.status in busy or (response.status == 503 and "retry-after" in response.headers):
        wait = wait_asked_for(response.headers, words)
        return batch.everyone(Outcome.BUSY, f"{title} is busy: {words}", retry_after=wait)
    if response.status >= 500 or response.status < 400 or response.status == 408:
        return batch.everyone(Outcome.UNKNOWN, f"{title} answered {words}")
    return None


def wait_asked_for(headers: Mapping[str, str], text: str = "", now: float | None = None) -> float | None:
    """Return the seconds that a 429 or 503 asks us to wait, or None when it names none.

    Five forms are in use: `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3),
    `RateLimit-Reset` in seconds, `X-RateLimit-Reset` as Unix time, and words in the
    body ("after 120 seconds", "after Mon, 20 Dec 2021 20:33:21 UTC"). `headers` by
    lower-case name; `now` is Unix time, for dates.
    """
    now = time.time() if now is None else now
    for name in ("retry-after", "ratelimit-reset", "x-sib-ratelimit-reset", "x-ratelimit-reset"):
        if name in headers and (wait := _seconds(headers[name], now)) is not None:
            return wait
    if seconds := re.search(r"\bafter (\d+(?:\.\d+)?) ?s(?:ec(?:onds?)?)?\b", text):
        return float(seconds[1])
    if moment := re.search(r"\bafter (\w{3}, \d{1,2} \w{3} \d{4} [\d:]{8} \w+)", text):
        return _seconds(moment[1], now)
    return None


def _seconds(value: str, now: float) -> float | None:
    """Return the seconds until a moment: given as seconds, Unix time or a date; never negative."""
    if re.fullmatch(r"\d{1,15}(\.\d+)?", value.strip()):
        number = float(value)
        return max(0.0, number - now) if number > 1e9 else number
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, IndexError):
        return None


def after_the_host(page: str) -> str:
    """Return the path and query of an address, which may have no host, as text: an answer may hold what is none."""
    if not page.startswith("/"):
        page = page.partition("://")[2]
    return "/" + page.partition("/")[2].partition("#")[0]
