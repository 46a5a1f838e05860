"""A server that speaks Postmark's batch API on the loopback address, and remembers what it accepted."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "11111111-2222-3333-4444-555555555555"


class PostmarkServer:
    """`faults` are used up one per call, in order: each is a name of `_Handler.faulty`; then all is well."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        """Every message accepted, as it was posted."""
        self.calls: list[int] = []
        """How many messages each accepted call had."""
        self.refused: dict[str, tuple[int, str]] = {}
        """Error code and words by address."""
        self.faults: list[str] = []
        self.delay = 0.0
        """Seconds before an answer, after the messages were accepted."""
        self.answers = threading.Event()
        """Cleared, calls stay in the air until it is set again."""
        self.answers.set()
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.postmark = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> PostmarkServer:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def addresses(self) -> list[str]:
        """Of every message accepted, with repeats."""
        with self.lock:
            return [message["To"].rpartition("<")[2].rstrip(">") for message in self.messages]

    def wait_for_calls(self, number: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.calls) < number:
            assert time.monotonic() < deadline, f"{len(self.calls)} calls instead of {number}"
            time.sleep(0.01)

    def accept(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with self.lock:
            self.calls.append(len(messages))
            return [self._accept_one(message) for message in messages]

    def _accept_one(self, message: dict[str, Any]) -> dict[str, Any]:
        address = message["To"].rpartition("<")[2].rstrip(">")
        if address in self.refused:
            code, words = self.refused[address]
            return {"ErrorCode": code, "Message": words}
        self.messages.append(message)
        return {"ErrorCode": 0, "Message": "OK", "To": message["To"], "MessageID": f"pm-{len(self.messages)}"}


class _Server(ThreadingHTTPServer):
    postmark: PostmarkServer
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        postmark = self.server.postmark
        with postmark.lock:
            fault = postmark.faults.pop(0) if postmark.faults else ""
        if fault:
            return self.faulty(fault, body)
        if self.path != "/email/batch":
            return self.answer(404, b"not found", "text/plain")
        if self.headers["X-Postmark-Server-Token"] != TOKEN:
            return self.error(401, 10, "Request does not contain a valid Server token.")
        messages = json.loads(body)
        if len(messages) > 500:
            return self.error(422, 410, "Too many batch messages.")
        answers = postmark.accept(messages)
        time.sleep(postmark.delay)
        postmark.answers.wait()
        self.answer(200, json.dumps(answers).encode())

    def faulty(self, fault: str, body: bytes) -> None:
        messages = json.loads(body)
        accept = self.server.postmark.accept
        if fault == "busy":
            self.error(429, 429, "Rate limit exceeded.", {"Retry-After": "0"})
        elif fault == "maintenance":
            self.error(503, 100, "Down for maintenance.")
        elif fault == "no credits":
            self.error(422, 405, "You ran out of credits.")
        elif fault == "accepted, then dropped":
            accept(messages)
            self.close_connection = True
        elif fault == "accepted, then cut":
            answer = json.dumps(accept(messages)).encode()
            self.answer(200, answer[: len(answer) // 2], length=len(answer))
            self.close_connection = True
        elif fault == "accepted, then a proxy's page":
            accept(messages)
            self.answer(200, b"<html>Welcome</html>", "text/html")
        elif fault == "accepted, then 502":
            accept(messages)
            self.answer(502, b"<html>Bad gateway</html>", "text/html")
        elif fault == "credits run out half way":
            half = len(messages) // 2
            left = [{"ErrorCode": 405, "Message": "You ran out of credits."}] * (len(messages) - half)
            self.answer(200, json.dumps(accept(messages[:half]) + left).encode())
        else:
            raise AssertionError(fault)

    def error(self, status: int, code: int, words: str, headers: dict[str, str] | None = None) -> None:
        self.answer(status, json.dumps({"ErrorCode": code, "Message": words}).encode(), headers=headers)

    def answer(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        *,
        length: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read what was accepted, not a log."""
