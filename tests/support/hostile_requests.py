"""Hostile HTTP requests, drawn at random: whatever a scanner, a broken client or an attacker may send to a server."""

from __future__ import annotations

import gzip
import json
import random
import select
import socket
from collections.abc import Mapping, Sequence
from urllib.parse import quote, quote_from_bytes, urlsplit

WAIT = 20.0
"""Seconds until an answer has to begin, or the connection to end."""
PATIENCE = 0.5
"""Seconds until a request that is not answered is ended by its client."""
METHODS = (*["GET"] * 8, *["POST"] * 8, "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT")
ODD_METHODS = ("get", "PROPFIND", "M-SEARCH", "QUERY", "X" * 300, "GET\t", "")
USUAL = (
    "ada@example.com",
    "daily",
    "weekly",
    "de",
    "UTC",
    "1",
    "save",
    "download",
    "pause",
    "all",
    "text",
    "yes",
    "Ada",
)
VALUES = (
    *("", " ", "0", "-1", "1e9", "9" * 20, "9" * 5_000, "NaN", "null", "true", "[]", "{}", "%", "%%", "%00", "%0a%0d"),
    *("\x00", "\x1b[31m", "\x7f", "\x85", "\u202e", "\u2028", "\ufeff", "\U0001f600", "é" * 300, "ａ", "a" * 20_000),
    *("'", '"', "<script>alert(1)</script>", "{{ 7*7 }}", "{% if", "${7*7}", "' OR 1=1 --", "=1+1", "../" * 20, "..\\"),
    *("http://[", "http://[::1", "//", "///x", "https://a:999999/", "javascript:x", "data:,x", "file:///etc/passwd"),
    *(
        "ada@example.com",
        "a@b",
        "a@" + "b." * 130 + "com",
        "a\r\nBcc: b@example.com",
        "@",
        "ö@ö.example",
        "a@[127.0.0.1]",
    ),
    *("daily", "weekly", "de", "ar", "xx", "en-" + "x" * 400, "Europe/Berlin", "UTC", "../../etc/localtime", "GMT+99"),
    *("2025-01-17", "9999-12-31", "0000-00-00", "2025-13-45", "9" * 400 + "-01-01", "12.345", "text", "desktop", "1"),
    *("leave", "all", "list", "pause", "return", "save", "download", "resume", "forget", "yes", "never", "content"),
)
FIELDS = (
    *("email", "name", "list", "token", "page", "topic", "use", "sure", "choice", "reason", "action", "timezone"),
    *("language", "lang", "title", "slug", "to", "addresses", "at", "when", "digest", "readers", "reader", "view", "q"),
    *("width", "left", "right", "version", "campaign", "text", "x" * 3_000, "", "\x00", "cf-turnstile-response"),
)
TYPES = (
    *(
        "application/x-www-form-urlencoded",
        "application/json",
        "multipart/form-data; boundary=b",
        "text/plain",
        "x",
        "",
    ),
    *(
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="',
        "application/json; x",
    ),
    *(
        "multipart/form-data; boundary=b; charset=undefined",
        "application/x-www-form-urlencoded; charset=utf-7",
        "a/b" * 99,
    ),
)
HEADERS: Mapping[str, Sequence[str]] = {
    "Accept": ("*/*", "text/html", "application/json", "application/json;q=x", ",;,;=", "x" * 2_000),
    "Accept-Language": ("de", "ar,de;q=0.5", "*", "x;q=2", ";;;,,,", "en-US-x-" + "y" * 500, "de;q=" + "9" * 4_400),
    "Accept-Encoding": ("gzip", "br;q=nan", "identity;q=0", "*"),
    "Range": ("bytes=0-1", "bytes=-1", "bytes=9-1", "bytes=0-,0-,0-", "lines=1", "bytes=" + "9" * 30 + "-"),
    "If-None-Match": ("*", '"x"', 'W/"x", "y"', '"'),
    "If-Modified-Since": ("Fri, 17 Jan 2025 12:00:00 GMT", "tomorrow", "9" * 99, "Fri, 31 Feb 99999 99:99:99 GMT"),
    "If-Range": ('"x"', "Fri, 17 Jan 2025 12:00:00 GMT"),
    "Origin": ("null", "http://[", "https://news.example.com", "https://evil.example", "\xff"),
    "Referer": ("http://[", "https://news.example.com/preferences/x", "about:blank", "x" * 5_000),
    "Sec-Fetch-Site": ("same-origin", "none", "cross-site", "x"),
    "Sec-Fetch-Mode": ("navigate", "cors"),
    "X-Forwarded-For": ("203.0.113.9", "[", "unknown", "::1, x", "1.2.3.4:99999", ", ,"),
    "X-Forwarded-Proto": ("https", "gopher", ""),
    "Forwarded": ('for="[2001:db8::1]:x"', ";"),
    "Cookie": ("a=b", "=", ";" * 500, 'a="\\', "\xff=\xfe"),
    "Authorization": ("Basic x", "Bearer " + "x" * 999, "Digest"),
    "Expect": ("100-continue", "x"),
    "Upgrade": ("websocket", "h2c"),
    "Connection": ("close", "upgrade", "keep-alive, x"),
    "Transfer-Encoding": ("chunked", "gzip, chunked", "x"),
    "Content-Encoding": ("gzip", "br", "x"),
    "Content-Length": ("0", "-1", "1", "9" * 19, "9" * 4_400, "1, 2", "0x10", "+1"),
    "X-Newsletter-Token": ("x", "\xff", ""),
    "X\x00": ("x",),
    "Bad Name": ("x",),
    "X-Long": ("x" * 70_000,),
}


class HostileRequests:
    """A source of requests for one server; equal seeds draw equal requests."""

    def __init__(self, url: str, paths: Sequence[str], tokens: Sequence[str], seed: int) -> None:
        """`paths` hold `{token}` and other names in braces; `tokens` are some that the server takes."""
        address = urlsplit(url)
        self._place = (address.hostname or "", address.port or 80)
        self._host = address.netloc
        self._paths, self._tokens = paths, tokens
        self._random = random.Random(seed)

    def draw(self) -> bytes:
        """Return one request."""
        chance = self._random.random()
        if chance < 0.02:
            return self._random.randbytes(self._random.randrange(200)) + b"\r\n\r\n"
        method = self._random.choice(ODD_METHODS if chance < 0.05 else METHODS)
        body, kind = self._body() if method not in ("GET", "HEAD") or chance > 0.95 else (b"", "")
        head = [f"{method} {self._target()} {self._version()}", f"Host: {self._host_name()}"]
        head += self._headers()
        head += [f"Content-Type: {kind}"] if kind else []
        has_length = any(line.lower().startswith(("content-length", "transfer-encoding")) for line in head)
        head += [f"Content-Length: {len(body)}"] if not has_length and (body or method == "POST") else []
        raw = "\r\n".join(head).encode("utf-8", "replace") + b"\r\n\r\n" + body
        return self._torn(raw) if self._random.random() < 0.03 else raw

    def answer(self, request: bytes) -> int:
        """Send a request; return the status of its answer, 0 where the connection just ended."""
        with socket.create_connection(self._place, timeout=WAIT) as connection:
            try:
                connection.sendall(request)
                if not select.select([connection], [], [], PATIENCE)[0]:
                    # The request announced more than it has: nothing more comes.
                    connection.shutdown(socket.SHUT_WR)
                first = b""
                while b"\n" not in first and (more := connection.recv(4_096)):
                    first += more
            except (ConnectionError, TimeoutError):
                return 0
        words = first.split(None, 2)
        return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") else 0

    def _version(self) -> str:
        return self._random.choice(("HTTP/1.1",) * 30 + ("HTTP/1.0", "HTTP/9.9", "HTTP/1", ""))

    def _host_name(self) -> str:
        odd = ("", "evil.example", "[", "a:b:c", "127.0.0.1:99999999", "\xff", "x" * 3_000)
        return self._host if self._random.random() < 0.95 else self._random.choice(odd)

    def _target(self) -> str:
        path = self._random.choice(self._paths)
        while "{" in path:
            before, _, rest = path.partition("{")
            name, _, after = rest.partition("}")
            path = before + self._part(name) + after
        if self._random.random() < 0.05:
            path = self._random.choice(("//", "/.", "/%2e%2e/", "*", "http://x", "http://[", "/\xff", "?")) + path
        query = "&".join(f"{self._field()}={quote(self._value(), errors='replace')}" for _ in range(self._few()))
        return (path.replace(" ", "%20") or "/") + (f"?{query}" if query else "")

    def _part(self, name: str) -> str:
        if name == "token" and self._random.random() < 0.7:
            return self._mutated(self._random.choice(self._tokens))
        if self._random.random() < 0.2:
            return quote_from_bytes(self._random.randbytes(self._random.randrange(1, 40)))
        return quote(self._value()[:3_000], safe=self._random.choice(("", "/")), errors="replace")

    def _mutated(self, token: str) -> str:
        if self._random.random() < 0.5:
            return token
        at = self._random.randrange(len(token))
        return self._random.choice(
            (
                token[:at],
                token[:at] + "A" + token[at + 1 :],
                token + "=",
                token * 2,
                token.swapcase(),
                token + ".1",
                "%00" + token,
            )
        )

    def _headers(self) -> list[str]:
        names = self._random.sample([*HEADERS], self._random.choice((0, 0, 0, 1, 2, 4)))
        return [f"{name}: {self._random.choice(HEADERS[name])}" for name in names]

    def _few(self) -> int:
        return self._random.choice((0, 0, 0, 1, 2, 5))

    def _field(self) -> str:
        return quote(self._random.choice(FIELDS), errors="replace")

    def _value(self) -> str:
        chance = self._random.random()
        if chance < 0.15:
            return self._mutated(self._random.choice(self._tokens))
        return self._random.choice(USUAL if chance < 0.5 else VALUES)

    def _body(self) -> tuple[bytes, str]:
        """Return a body and its type, which do not always agree."""
        fields = [(self._random.choice(FIELDS), self._value()) for _ in range(self._random.choice((0, 1, 3, 6, 150)))]
        fields += [("token", self._random.choice(self._tokens))]
        kind = self._random.randrange(7)
        if kind < 3:
            body = "&".join(f"{quote(name)}={quote(value, errors='replace')}" for name, value in fields).encode()
            right = TYPES[0]
        elif kind == 3:
            body, right = self._json(dict(fields)), TYPES[1]
        elif kind == 4:
            body, right = self._multipart(fields), TYPES[2]
        elif kind == 5:
            body, right = (
                self._random.randbytes(self._random.choice((0, 10, 1_000, 70_000))),
                self._random.choice(TYPES),
            )
        else:
            body, right = gzip.compress(b"email=a" * 100), TYPES[0]
        return body, right if self._random.random() < 0.8 else self._random.choice(TYPES)

    def _json(self, fields: dict[str, str]) -> bytes:
        values: list[object] = [*fields.values(), None, 1, 1.5, True, [], {}, ["a", 1], "\ud800", ["daily", "weekly"]]
        mixed = {name: self._random.choice(values) for name in fields} | {"list": self._random.choice(values)}
        odd = (b"[" * 50_000, b"{", b"NaN", b"1" * 5_000, b'"\xff"', b"\xef\xbb\xbf{}", b"[]", b'{"a":' * 5_000)
        return json.dumps(mixed).encode() if self._random.random() < 0.8 else self._random.choice(odd)

    def _multipart(self, fields: Sequence[tuple[str, str]]) -> bytes:
        file = '; filename="x"' if self._random.random() < 0.3 else ""
        line = self._random.choice(("\r\n", "\n"))
        parts = [
            f'--b{line}Content-Disposition: form-data; name="{name}"{file}{line}{line}{value}{line}'
            for name, value in fields
        ]
        end = self._random.choice(("--b--\r\n", "--b", "", "--c--\r\n"))
        return "".join([*parts, end]).encode("utf-8", "replace")

    def _torn(self, raw: bytes) -> bytes:
        """Return the request cut off, twice in one, or with a byte changed."""
        at = self._random.randrange(len(raw))
        return self._random.choice((raw[:at], raw + raw, raw[:at] + self._random.randbytes(1) + raw[at + 1 :]))
