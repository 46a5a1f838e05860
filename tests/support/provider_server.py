"""Servers with the APIs of providers, on the loopback address, as the providers' documentation describes them.

They remember what they accepted, keep to the limits and keys, answer searches, and fail on demand.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = "key-of-the-account"
AT = "2025-01-17T12:00:00-05:00"
Answer = tuple[int, object]
Rendered = dict[str, str]
"""Subject, html, text, headers and the provider's other fields of a message, by name."""


class ProviderServer:
    """A provider's server. Every call uses up the first of `faults`; "" is none, and after the last all is well.

    `not accepted: busy`, `: dropped`, `: 500` or one of `refusals` fail before the messages are looked at. `dropped`,
    `cut`, `a page`, `then away` and `502` fail afterwards. `half a request` stops reading.
    """

    dialect = ""
    settings = ""
    """The lines of newsletter.toml beside base_url."""
    most = 1000
    """Messages in a call, at most."""
    refusals: Mapping[str, Answer] = MappingProxyType({})
    """By the name of a fault, what the provider answers without having looked at the messages."""

    def __init__(self) -> None:
        self.accepted: list[tuple[str, str, str]] = []
        """The address, the delivery id and the batch's tag of every accepted message."""
        self.calls: list[int] = []
        """The number of messages in each call whose key was right."""
        self.bad: set[str] = set()
        """Addresses that the provider calls invalid."""
        self.faults: list[str] = []
        self.busy_with: tuple[dict[str, str], str] | None = None
        """Headers and words of the next 429 or 503, instead of the provider's own form."""
        self.suppressed: list[tuple[str, str]] = []
        """Addresses on the provider's own list, and why, in its words."""
        self.reply_headers: dict[str, str] = {}
        """Headers of the answers to accepted calls."""
        self.rendered: dict[str, Rendered] = {}
        """What each address got, where the server fills in the slots or takes parts."""
        self.down = False
        """Whether the search answers 503."""
        self.hidden: set[str] = set()
        """Delivery ids that the search does not show yet."""
        self.delay = 0.0
        """Seconds before an answer, after the messages were accepted."""
        self.answers = threading.Event()
        """While it is cleared, calls wait for their answers."""
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
        """The number of messages that the reader with the most has."""
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

    def wait_for_messages(self, number: int) -> None:
        deadline = time.monotonic() + 60
        while (arrived := sum(self.calls)) < number:
            assert time.monotonic() < deadline, f"{arrived} messages instead of {number}"
            time.sleep(0.005)

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        raise NotImplementedError

    def read(self, target: str, headers: Message) -> Answer:
        """Answer a GET; `target` is path and query."""
        url = urlsplit(target)
        return self.get(url.path, {name: values[0] for name, values in parse_qs(url.query).items()})

    def get(self, path: str, query: dict[str, str]) -> Answer:
        return 404, {}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"message": "slow down"}, {"Retry-After": "0"}

    def found(self, tag: str) -> list[str]:
        """Return the delivery ids that a search for a batch's tag shows."""
        return [id for _, id, batch_tag in self.accepted if batch_tag == tag and id not in self.hidden]


class Postmark(ProviderServer):
    """A server with Postmark's batch API and search (https://postmarkapp.com/developer)."""

    dialect = "postmark"
    settings = 'token = "env:PROVIDER_KEY"\n'
    most = 500
    refusals = MappingProxyType(
        {
            "maintenance": (503, {"ErrorCode": 100, "Message": "Down for maintenance."}),
            "no credits": (422, {"ErrorCode": 405, "Message": "You ran out of credits."}),
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        """Every accepted message, as it was posted."""
        self.refused: dict[str, tuple[int, str]] = {}
        """Error code and words by address."""
        self.credits = 1_000_000
        """How many messages the account pays for."""

    @property
    def addresses(self) -> list[str]:
        """The address of every accepted message, with repeats."""
        with self.lock:
            return [address for address, _, _ in self.accepted]

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if path != "/email/batch":
            return 404, "not found"
        if headers["X-Postmark-Server-Token"] != KEY:
            return 401, {"ErrorCode": 10, "Message": "Request does not contain a valid Server token."}
        messages = json.loads(body)
        if len(messages) > self.most:
            return 422, {"ErrorCode": 410, "Message": "Too many batch messages."}
        return 200, self.accept(messages)

    def accept(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return one answer for each message of a call."""
        self.calls.append(len(messages))
        return [self._one(message) for message in messages]

    def _one(self, message: dict[str, Any]) -> dict[str, Any]:
        address = message["To"].rpartition("<")[2].rstrip(">")
        if address in self.bad:
            return {"ErrorCode": 406, "Message": "Inactive recipient."}
        if address in self.refused:
            code, words = self.refused[address]
            return {"ErrorCode": code, "Message": words}
        if len(self.messages) >= self.credits:
            return {"ErrorCode": 405, "Message": "You ran out of credits."}
        metadata = message.get("Metadata", {})
        self.messages.append(message)
        self.accepted.append((address, metadata.get("delivery_id", ""), metadata.get("batch", "")))
        return {"ErrorCode": 0, "Message": "OK", "To": message["To"], "MessageID": f"pm-{len(self.accepted)}"}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"ErrorCode": 429, "Message": "Rate limit exceeded."}, {"Retry-After": "0"}

    def get(self, path: str, query: dict[str, str]) -> Answer:
        if path.endswith("/suppressions/dump"):
            entries = [
                {"EmailAddress": address, "SuppressionReason": reason, "Origin": "Recipient", "CreatedAt": AT}
                for address, reason in self.suppressed
            ]
            return 200, {"Suppressions": entries}
        ids = self.found(query["metadata_batch"])
        messages = [{"Metadata": {"delivery_id": id, "batch": query["metadata_batch"]}} for id in ids]
        return 200, {"TotalCount": len(messages), "Messages": messages[: int(query["count"])]}


class Resend(ProviderServer):
    """A server with Resend's batch API (https://resend.com/docs/api-reference)."""

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
    """A server with Mailgun's API (https://documentation.mailgun.com). It fills in the variables, into `rendered`."""

    dialect = "mailgun"
    settings = 'api_key = "env:PROVIDER_KEY"\ndomain = "news.example.com"\n'

    def __init__(self) -> None:
        super().__init__()
        self.largest = self.most
        """The largest batch that the account may send."""

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
            known = re.sub(r"%recipient\.(\w+)%", lambda match: values.get(match[1], ""), text)
            return re.sub(r"%(?:recipient|unsubscribe_url|tag_unsubscribe_url)%", "EXECUTED", known)

        filled = {name: fill(value) for name, value in fields.items() if name not in ("to", "recipient-variables")}
        self.rendered[address] = filled
        self.accepted.append((address, filled["v:delivery_id"], fields.get("o:tag", "")))

    def get(self, path: str, query: dict[str, str]) -> Answer:
        if not path.endswith("/events"):
            return self._list(path, query)
        ids = self.found(query["tags"])
        start = int(query.get("page", "0"))
        items = [{"event": "accepted", "user-variables": {"delivery_id": id}} for id in ids[start : start + 300]]
        after = f"https://api.mailgun.net{path}?tags={query['tags']}&page={start + 300}"
        return 200, {"items": items, "paging": {"next": after}}

    def _list(self, path: str, query: dict[str, str]) -> Answer:
        """Answer a page of bounces, complaints or unsubscribes, two on each."""
        start = int(query.get("page", "0"))
        mine = [address for address, name in self.suppressed if path.endswith(f"/{name}")]
        items = [{"address": address, "created_at": "Fri, 17 Jan 2025 12:00:00 UTC"} for address in mine]
        paging = {"next": f"https://api.mailgun.net{path}?page={start + 2}"}
        return 200, {"items": items[start : start + 2], "paging": paging}

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
        """Ignore it: a client that was killed is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        provider = self.server.provider
        if provider.down:
            return self.answer(503, {"message": "down"})
        with provider.lock:
            status, content = provider.read(self.path, self.headers)
        self.answer(status, content)

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
            status, content = provider.post(self.path, self.headers, body)
        time.sleep(provider.delay)
        provider.answers.wait()
        self.after(fault, status, content)

    def refuse(self, fault: str) -> None:
        """Answer a call without having looked at its messages."""
        if fault == "busy":
            status, content, headers = self.server.provider.busy()
            if self.server.provider.busy_with:
                headers, words = self.server.provider.busy_with
                content = {"ErrorCode": 429, "Message": words, "message": words, "name": "rate_limit_exceeded"}
            self.answer(status, content, headers)
        elif fault == "dropped":
            self.hang_up()
        elif fault in self.server.provider.refusals:
            self.answer(*self.server.provider.refusals[fault])
        else:
            self.answer(int(fault), b"<html>Sorry</html>")

    def after(self, fault: str, status: int, content: object) -> None:
        """Answer a call whose messages were accepted."""
        if fault == "dropped":
            self.hang_up()
        elif fault == "cut":
            body = json.dumps(content).encode()
            self.answer(status, body[: len(body) // 2], self.server.provider.reply_headers, length=max(len(body), 9))
            self.hang_up()
        elif fault == "a page":
            self.answer(200, b"<html>Welcome</html>")
        elif fault == "then away":
            self.answer(status, content, self.server.provider.reply_headers)
            self.close_connection = True
        elif fault:
            self.answer(int(fault), b"<html>Bad gateway</html>")
        else:
            self.answer(status, content, self.server.provider.reply_headers)

    def hang_up(self) -> None:
        self.close_connection = True

    def answer(
        self, status: int, content: object, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        body = (
            content
            if isinstance(content, bytes)
            else content.encode()
            if isinstance(content, str)
            else json.dumps(content).encode()
        )
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: tests read what was accepted."""


SERVERS: dict[str, type[ProviderServer]] = {kind.dialect: kind for kind in (Postmark, Resend, Mailgun)}
