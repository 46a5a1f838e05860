"""Providers' APIs on the loopback address, as their documentation has them, with faults on demand.

They remember what they accepted, keep to their limits and keys, and can be searched like the real ones.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections import Counter
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = "key-of-the-account"
Answer = tuple[int, object]


class ProviderServer:
    """`faults` are used up one per call, in order; "" is none, and so is what comes after the last."""

    dialect = ""
    settings = ""
    """The lines of newsletter.toml beside base_url."""
    most = 1000

    def __init__(self) -> None:
        self.accepted: list[tuple[str, str, str]] = []
        """Address, delivery id, and the batch's tag, of every message that was accepted."""
        self.calls: list[int] = []
        """How many messages each call had, whatever became of it."""
        self.bad: set[str] = set()
        """Addresses that the provider calls invalid."""
        self.faults: list[str] = []
        self.busy_with: tuple[dict[str, str], str] | None = None
        """Headers and words of the next 429 or 503, instead of the provider's own form."""
        self.down = False
        """The search answers 503."""
        self.hidden: set[str] = set()
        """Delivery ids that the search does not show yet."""
        self.delay = 0.0
        self.answers = threading.Event()
        """Cleared, calls stay in the air until it is set again."""
        self.answers.set()
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
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
    def most_often(self) -> int:
        """How many messages the reader with the most has."""
        return max(Counter(address for address, _, _ in self.accepted).values(), default=0)

    @property
    def toml(self) -> str:
        """Sections of newsletter.toml that send through this server."""
        return (
            f'[send]\nprovider = "{self.dialect}"\npatience = "3s"\n'
            f'[providers.{self.dialect}]\nbase_url = "{self.url}"\n{self.settings}'
        )

    def wait_for_calls(self, number: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.calls) < number:
            assert time.monotonic() < deadline, f"{len(self.calls)} calls instead of {number}"
            time.sleep(0.005)

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        raise NotImplementedError

    def get(self, path: str, query: dict[str, str]) -> Answer:
        return 404, {}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"message": "slow down"}, {"Retry-After": "0"}

    def found(self, tag: str) -> list[str]:
        return [id for _, id, its in self.accepted if its == tag and id not in self.hidden]


class Postmark(ProviderServer):
    """https://postmarkapp.com/developer."""

    dialect = "postmark"
    settings = 'token = "env:PROVIDER_KEY"\n'
    most = 500

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if headers["X-Postmark-Server-Token"] != KEY:
            return 401, {"ErrorCode": 10, "Message": "Request does not contain a valid Server token."}
        messages = json.loads(body)
        self.calls.append(len(messages))
        assert len(messages) <= self.most
        return 200, [self._one(message) for message in messages]

    def _one(self, message: dict[str, Any]) -> dict[str, Any]:
        address = message["To"].rpartition("<")[2].rstrip(">")
        if address in self.bad:
            return {"ErrorCode": 406, "Message": "Inactive recipient."}
        metadata = message["Metadata"]
        self.accepted.append((address, metadata["delivery_id"], metadata.get("batch", "")))
        return {"ErrorCode": 0, "MessageID": f"pm-{len(self.accepted)}"}

    def get(self, path: str, query: dict[str, str]) -> Answer:
        ids = self.found(query["metadata_batch"])
        messages = [{"Metadata": {"delivery_id": id, "batch": query["metadata_batch"]}} for id in ids]
        return 200, {"TotalCount": len(messages), "Messages": messages[: int(query["count"])]}


class Resend(ProviderServer):
    """https://resend.com/docs/api-reference."""

    dialect = "resend"
    settings = 'api_key = "env:PROVIDER_KEY"\n'
    most = 100

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, tuple[bytes, Answer]] = {}
        self.quota = 1_000_000
        """Messages a day."""

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if headers["Authorization"] != f"Bearer {KEY}":
            return 403, {"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid."}
        key, messages = headers["Idempotency-Key"], json.loads(body)
        self.calls.append(len(messages))
        if key in self.keys:
            before, answer = self.keys[key]
            changed = {"name": "invalid_idempotent_request", "message": "This key was used with another body."}
            return answer if before == body else (409, changed)
        if len(self.accepted) + len(messages) > self.quota:
            return 429, {"name": "daily_quota_exceeded", "message": "You have reached your daily quota."}
        addresses = {message["to"][0].rpartition("<")[2].rstrip(">") for message in messages}
        if len(messages) > self.most or addresses & self.bad:
            return 422, {"name": "validation_error", "message": "Invalid `to` field."}
        answer = 200, {"data": [self._one(message) for message in messages]}
        self.keys[key] = body, answer
        return answer

    def _one(self, message: dict[str, Any]) -> dict[str, str]:
        address = message["to"][0].rpartition("<")[2].rstrip(">")
        self.accepted.append((address, message["tags"][0]["value"].replace("-", "."), ""))
        return {"id": f"re-{len(self.accepted)}"}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        refusal = {"name": "rate_limit_exceeded", "message": "Too many requests."}
        return 429, refusal, {"retry-after": "0", "ratelimit-reset": "0"}


class Mailgun(ProviderServer):
    """https://documentation.mailgun.com; it fills in the variables, so that `rendered` is what readers get."""

    dialect = "mailgun"
    settings = 'api_key = "env:PROVIDER_KEY"\ndomain = "news.example.com"\n'

    def __init__(self) -> None:
        super().__init__()
        self.largest = self.most
        """The account may send batches of this size only."""
        self.rendered: dict[str, dict[str, str]] = {}

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if headers["Authorization"] != "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode():
            return 401, {"message": "Invalid private key"}
        if path != "/v3/news.example.com/messages":
            return 200, "Mailgun Magnificent API"
        fields = _form(headers["Content-Type"], body)
        variables = json.loads(fields["recipient-variables"])
        self.calls.append(len(variables))
        if len(variables) > self.largest:
            return 403, {"message": "Domain news.example.com is not allowed to send large batches yet"}
        if self.bad & variables.keys():
            return 400, {"message": "to parameter is not a valid address. please check documentation"}
        assert sorted(re.findall(r"[\w.+]+@[\w.]+", fields["to"])) == sorted(variables)
        for address, values in variables.items():
            self._one(address, values, fields)
        return 200, {"id": f"<{len(self.calls)}@news.example.com>", "message": "Queued. Thank you."}

    def _one(self, address: str, values: dict[str, str], fields: dict[str, str]) -> None:
        def fill(text: str) -> str:
            known = re.sub(r"%recipient\.(\w+)%", lambda found: values.get(found[1], ""), text)
            return re.sub(r"%(?:recipient|unsubscribe_url|tag_unsubscribe_url)%", "EXECUTED", known)

        filled = {name: fill(value) for name, value in fields.items() if name not in ("to", "recipient-variables")}
        self.rendered[address] = filled
        self.accepted.append((address, filled["v:delivery_id"], fields.get("o:tag", "")))

    def get(self, path: str, query: dict[str, str]) -> Answer:
        ids = self.found(query["tags"])
        start = int(query.get("page", "0"))
        items = [{"event": "accepted", "user-variables": {"delivery_id": id}} for id in ids[start : start + 300]]
        after = f"https://api.mailgun.net{path}?tags={query['tags']}&page={start + 300}"
        return 200, {"items": items, "paging": {"next": after}}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"message": "Too many requests, please try again after 0 seconds."}, {}


def _form(content_type: str, body: bytes) -> dict[str, str]:
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields = {}
    for part in message.get_payload():
        assert isinstance(part, Message)
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        fields[str(part.get_param("name", header="Content-Disposition"))] = payload.decode()
    return fields


class _Server(ThreadingHTTPServer):
    provider: ProviderServer
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        provider, url = self.server.provider, urlsplit(self.path)
        if provider.down:
            return self.answer(503, {"message": "down"})
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        with provider.lock:
            status, found = provider.get(url.path, query)
        self.answer(status, found)

    def do_POST(self) -> None:
        provider = self.server.provider
        with provider.lock:
            fault = provider.faults.pop(0) if provider.faults else ""
        if fault == "half a request":
            self.rfile.read(10)
            return self.hang_up()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if fault.startswith("not accepted: "):
            return self.refuse(fault.removeprefix("not accepted: "))
        with provider.lock:
            status, found = provider.post(self.path, self.headers, body)
        time.sleep(provider.delay)
        provider.answers.wait()
        self.after(fault, status, found)

    def refuse(self, fault: str) -> None:
        """Without having looked at the message."""
        if fault == "busy":
            status, found, headers = self.server.provider.busy()
            if self.server.provider.busy_with:
                headers, words = self.server.provider.busy_with
                found = {"ErrorCode": 429, "Message": words, "message": words, "name": "rate_limit_exceeded"}
            self.answer(status, found, headers)
        elif fault == "dropped":
            self.hang_up()
        else:
            self.answer(int(fault), b"<html>Sorry</html>")

    def after(self, fault: str, status: int, found: object) -> None:
        """After it was accepted."""
        if fault == "dropped":
            self.hang_up()
        elif fault == "cut":
            body = json.dumps(found).encode()
            self.answer(status, body[: len(body) // 2], length=len(body))
            self.hang_up()
        elif fault == "a page":
            self.answer(200, b"<html>Welcome</html>")
        elif fault == "then away":
            self.answer(status, found)
            self.close_connection = True
        elif fault:
            self.answer(int(fault), b"<html>Bad gateway</html>")
        else:
            self.answer(status, found)

    def hang_up(self) -> None:
        self.close_connection = True

    def answer(
        self, status: int, found: object, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        body = (
            found
            if isinstance(found, bytes)
            else found.encode()
            if isinstance(found, str)
            else json.dumps(found).encode()
        )
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read what was accepted, not a log."""


SERVERS: dict[str, type[ProviderServer]] = {kind.dialect: kind for kind in (Postmark, Resend, Mailgun)}
