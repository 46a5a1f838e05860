"""Ask the server of `[remote]`: one request at a time, each with the key.

Errors of the network are tried again for a while, because every request means the same when it is repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from newsletter.config import PublicationSettings, secret
from newsletter.errors import ConfigError, NewsletterError
from newsletter.fetch import FetchedPage, send
from newsletter.network import NetworkAccess

PREFIX = "/api/v1"
MOST_BYTES = 5 * 1024 * 1024
WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each next attempt, when the server does not answer or asks to wait."""
_AGAIN = (429, 502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class RemoteServer:
    """The server of a publication."""

    url: str
    key: str = field(repr=False)

    def get(self, path: str) -> dict[str, Any]:
        """Return what the server shows. Raises NewsletterError."""
        return self._ask("GET", path, b"")

    def post(self, path: str, body: object = None) -> dict[str, Any]:
        """Change something, and return what the server answers. Raises NewsletterError with its reason."""
        return self._ask("POST", path, b"" if body is None else msgspec.json.encode(body))

    def _ask(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        if body:
            headers["Content-Type"] = "application/json"
        # The address is the operator's own, which may be on a private network.
        network = NetworkAccess(private=True, whole=120.0, step=60.0)
        for wait in (*WAITS, None):
            try:
                page = send(network, method, f"{self.url}{PREFIX}{path}", body, headers, most_bytes=MOST_BYTES)
            except NewsletterError:
                if wait is None:
                    raise
            else:
                if page.status not in _AGAIN or wait is None:
                    return self._answer(page)
            time.sleep(wait or 0.0)
        raise AssertionError  # the last attempt returns or raises

    def _answer(self, page: FetchedPage) -> dict[str, Any]:
        try:
            answer = json.loads(page.body)
        except ValueError:
            answer = {}
        if page.status < 300 and isinstance(answer, dict):
            return answer
        raise _refusal(self.url, page.status, answer if isinstance(answer, dict) else {})


def _refusal(url: str, status: int, problem: Mapping[str, Any]) -> NewsletterError:
    if status in (401, 403):
        hint = "Make one there: newsletter keys add NAME --scope publish."
        return ConfigError(f"the key is refused: {problem.get('detail', status)}", place=url, hint=hint)
    if status == 404 and not problem:
        hint = "Is it the publication's address, and is [api] enabled there?"
        return NewsletterError("there is no API", place=url, hint=hint)
    detail = str(problem.get("detail") or problem.get("title") or f"it answers {status}")
    return NewsletterError(detail, place=url, hint=str(problem.get("hint", "")))


def remote_server(publication: PublicationSettings) -> RemoteServer:
    """Return the server that newsletter.toml names. Raises ConfigError when it names none, or the key is not set."""
    settings = publication.config.remote
    if settings.url is None:
        raise ConfigError(
            "no server is named",
            place=publication.place("remote"),
            hint='Add [remote] with url = "https://..." and key.',
        )
    return RemoteServer(url=settings.url, key=secret(settings.key, key="[remote] key"))


def issue_path(slug: str, *parts: str) -> str:
    """Return the path of an issue at the server: `/pushes/chip-rules/pause`."""
    return "/".join(("/pushes", quote(slug, safe=""), *parts))
