"""Serve the HTTP API from a thread of the test, and send it requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from newsletter.api_keys import add_key, parse_scopes
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.rates import Rate
from newsletter.signed_links import Links
from newsletter.times import utc_now
from newsletter.web import server
from newsletter.web.api.app import OPERATIONS, api_app
from newsletter.web.api.key_limits import KeyLimits
from newsletter.web.api.operations import PREFIX, ApiSite, Operation
from newsletter.web.public.write_queue import WriteQueue

ALL = "read,subscribers,campaigns,publish"


@dataclass(frozen=True, kw_only=True)
class ServedApi:
    """A running API, and what it is of."""

    url: str
    publication: PublicationSettings
    database: Database
    key: str
    """A key that may do everything."""

    def make_key(self, name: str, scopes: str = ALL) -> str:
        with self.database.begin() as connection:
            return add_key(connection, name, parse_scopes([scopes]), utc_now())[1]

    def ask(self, method: str, path: str, key: str | None = None, **more: Any) -> requests.Response:
        """Send a request with a key, as `requests.request` does."""
        headers = {"Authorization": f"Bearer {key or self.key}", **more.pop("headers", {})}
        return requests.request(method, f"{self.url}{PREFIX}{path}", headers=headers, timeout=60, **more)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a path that answers 200."""
        answer = self.ask("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def serve_api(
    folder: Path, rate: str = "off", database: Database | None = None, operations: Sequence[Operation] = OPERATIONS
) -> Iterator[ServedApi]:
    """Serve the API of the publication in `folder`, at `rate`, until the block ends."""
    publication = load_publication(folder / "newsletter.toml")
    opened = database or open_database(publication)
    stop = threading.Event()
    with server.listen("127.0.0.1", 0) as sock, WriteQueue(opened) as queue:
        site = ApiSite(
            publication=publication,
            database=opened,
            write_queue=queue,
            links=Links(publication),
            limits=KeyLimits(Rate(rate)),
        )
        thread = threading.Thread(target=server.serve, args=(api_app(site, operations).app, sock, stop))
        thread.start()
        with opened.begin() as connection:
            _key, secret = add_key(connection, "everything", parse_scopes([ALL]), utc_now())
        try:
            yield ServedApi(url=server.address(sock), publication=publication, database=opened, key=secret)
        finally:
            stop.set()
            thread.join()
    if database is None:
        opened.close()
