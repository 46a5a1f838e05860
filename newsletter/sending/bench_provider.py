"""Serve as a provider that counts what it accepts and fails on purpose, for `newsletter bench`.

Runs in a process of its own and speaks the sending parts of Postmark's, Resend's and Mailgun's APIs on the loopback
address. It keeps the delivery id of every message that it accepted; nothing leaves the machine.
"""

from __future__ import annotations

import random
import re
import sys
import threading
import time
import zlib
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

AFTER = ("dropped", "cut", "bad gateway")
"""Faults that hide from the sender that a call was accepted."""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """The behaviour of the provider; shares are between 0 and 1."""

    latency: float = 0.0
    """Seconds from the whole request to the answer."""
    faults: float = 0.0
    """The share of calls that are accepted and then not answered as they should be."""
    busy: float = 0.0
    """The share of calls that are refused for a moment."""
    rejected: float = 0.0
    """The share of messages whose address is refused, at every attempt."""
    seed: int = 1


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The calls and messages so far, as `GET /counts` answers."""

    calls: int
    accepted: int
    """Accepted messages, repeats among them."""
    readers: int
    """Different deliveries: as many as accepted messages, unless somebody got one twice."""
    faults: dict[str, int]
    """Calls by the kind of their fault."""


class _Metadata(msgspec.Struct):
    delivery_id: str
    batch: str = ""


class _Tag(msgspec.Struct):
    value: str


class _Posted(msgspec.Struct):
    """A message of Postmark's or Resend's list; its other fields are skipped."""

    metadata: _Metadata | None = msgspec.field(name="Metadata", default=None)
    tags: list[_Tag] = []

    @property
    def delivery_id(self) -> str:
        return self.metadata.delivery_id if self.metadata else self.tags[0].value.replace("-", ".")


_list = msgspec.json.Decoder(list[_Posted]).decode
_variables = msgspec.json.Decoder(dict[str, dict[str, str]]).decode
_encode = msgspec.json.encode


class BenchProvider:
    """The state that all connections share."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.accepted: Counter[str] = Counter()
        self._by_tag: dict[str, list[str]] = {}
        self._calls = 0
        self._faults: Counter[str] = Counter()
        self._answers: dict[str, bytes] = {}
        self._chance = random.Random(behaviour.seed)
        self._lock = threading.Lock()

    def fault(self) -> str:
        """Draw the fault of the next call; empty for none."""
        with self._lock:
            self._calls += 1
            drawn = self._chance.random()
            if drawn < self.behaviour.busy:
                fault = "busy"
            elif drawn < self.behaviour.busy + self.behaviour.faults:
                fault = AFTER[self._faults.total() % len(AFTER)]
            else:
                return ""
            self._faults[fault] += 1
            return fault

    def post(self, path: str, key: str, body: bytes) -> bytes:
        """Accept a call; return the answer, or the first one when its key is known."""
        if key in self._answers:
            return self._answers[key]
        answer = self._post(path, body)
        if key:
            self._answers[key] = answer
        return answer

    def _post(self, path: str, body: bytes) -> bytes:
        if path.startswith("/v3/"):
            self._take(values["d"] for values in _mailgun_variables(body).values())
            return _encode({"id": "<1@news.example.com>", "message": "Queued. Thank you."})
        messages = _list(body)
        ids = [message.delivery_id for message in messages]
        if path == "/emails/batch":
            self._take(ids)
            return _encode({"data": [{"id": f"re-{id}"} for id in ids]})
        self._take(id for id in ids if not self._rejects(id))
        for metadata in (message.metadata for message in messages if message.metadata):
            if not self._rejects(metadata.delivery_id):
                self._by_tag.setdefault(metadata.batch, []).append(metadata.delivery_id)
        return _encode([REJECTED if self._rejects(id) else {"ErrorCode": 0, "MessageID": f"pm-{id}"} for id in ids])

    def _take(self, ids: Any) -> None:
        with self._lock:
            self.accepted.update(ids)

    def _rejects(self, delivery_id: str) -> bool:
        return zlib.crc32(delivery_id.encode()) < self.behaviour.rejected * 2**32

    def search(self, query: str) -> bytes:
        """Answer a search by batch as Postmark does: https://postmarkapp.com/developer/api/messages-api."""
        tag = parse_qs(query).get("metadata_batch", [""])[0]
        messages = [{"Metadata": {"delivery_id": id, "batch": tag}} for id in self._by_tag.get(tag, [])]
        return _encode({"TotalCount": len(messages), "Messages": messages})

    @property
    def counts(self) -> Counts:
        """Return the calls and messages so far."""
        with self._lock:
            total, readers = self.accepted.total(), len(self.accepted)
            return Counts(calls=self._calls, accepted=total, readers=readers, faults=dict(self._faults))


REJECTED = {"ErrorCode": 406, "Message": "Inactive recipient."}
_PART = re.compile(rb'name="recipient-variables"\r\n\r\n(.*?)\r\n--', re.DOTALL)


def _mailgun_variables(body: bytes) -> dict[str, dict[str, str]]:
    part = _PART.search(body)
    return _variables(part[1]) if part else {}


class _BenchServer(ThreadingHTTPServer):
    provider: BenchProvider
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a sender that was killed is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for the whole answer: two meet Nagle's algorithm and a delayed ACK
    server: _BenchServer

    def do_GET(self) -> None:
        provider, url = self.server.provider, urlsplit(self.path)
        if url.path == "/messages/outbound":
            return self._answer(200, provider.search(url.query))
        self._answer(200, _encode(provider.counts if url.path == "/counts" else provider.accepted))

    def do_POST(self) -> None:
        provider = self.server.provider
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = provider.fault()
        if fault == "busy":
            return self._answer(429, b'{"ErrorCode":429,"Message":"Rate limit exceeded."}', ("Retry-After", "0"))
        answer = provider.post(self.path, self.headers.get("Idempotency-Key", ""), body)
        time.sleep(provider.behaviour.latency)
        self._after(fault, answer)

    def _after(self, fault: str, answer: bytes) -> None:
        if fault == "bad gateway":
            return self._answer(502, b"<html>Bad gateway</html>")
        if fault != "dropped":
            cut = len(answer) // 2 if fault == "cut" else len(answer)
            self._answer(200, answer[:cut], ("Content-Length", str(len(answer))))
        self.close_connection = bool(fault)

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            **dict(headers),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: `GET /counts` tells what happened."""


def main() -> None:
    """Serve with the behaviour in the first argument (JSON); print the port; end when stdin does."""
    provider = BenchProvider(msgspec.json.decode(sys.argv[1], type=Behaviour))
    with _BenchServer(("127.0.0.1", 0), _Handler) as server:
        server.provider = provider
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()  # ends with the process that started this one, however that ends
        server.shutdown()


if __name__ == "__main__":
    main()
