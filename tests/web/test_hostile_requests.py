"""Thousands of random hostile requests get an answer, and none of them is an error of the server.

The usual run sends a few hundred to each server; `NEWSLETTER_SOAK=1` sends 20,000 to both together.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests
from starlette.routing import Route

from newsletter.config import load_publication
from newsletter.signed_links import Links, Purpose
from newsletter.web.preview.app import ROUTES as PREVIEW_ROUTES
from newsletter.web.public.app import ROUTES as PUBLIC_ROUTES
from tests.support.hostile_requests import HostileRequests
from tests.web.preview.preview_server import SETTINGS, publish, running
from tests.web.public.serving import Mail, join, make_publication, path_in, serve, token_of

NUMBER = 10_000 if os.environ.get("NEWSLETTER_SOAK") else 500
"""Requests to each server."""
THREADS = 4
OPEN = '[signup]\nmin_time = "0s"\nper_network = "off"\nper_address = "off"\n[tracking]\nlevel = "individual"\n'
ENDLESS = "/events"
"""The preview's stream, which ends with the page that reads it."""

pytestmark = [pytest.mark.process]


def paths_of(routes: Sequence[object]) -> list[str]:
    """The paths of these routes with their names in braces; and some that have no route."""
    known = {re.sub(r":\w+}", "}", route.path) for route in routes if isinstance(route, Route)}
    return [*sorted(known - {ENDLESS}), "", "/{token}", "/issues/chips", "/issues/chips/view/{view}", "/{a}/{b}/{c}"]


def tracebacks(log: str) -> list[str]:
    """The errors that the server survived; a request that its client ended is none."""
    return re.findall(r"^.*failed\nTraceback(?:.*\n)+?^\S*(?:Error|Exception).*$", log, re.MULTILINE)


def answers(url: str, paths: Sequence[str], tokens: Sequence[str]) -> Counter[int]:
    """Send the requests in a few threads; count the answers, and fail at the first error of the server."""

    def send(seed: int) -> Counter[int]:
        source, statuses = HostileRequests(url, paths, tokens, seed), Counter[int]()
        for _ in range(NUMBER // THREADS):
            request = source.draw()
            status = source.answer(request)
            assert status < 500 or status == 501, (status, request[:3_000])
            statuses[status] += 1
        return statuses

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(send, range(THREADS)), Counter[int]())


def test_the_readers_pages_answer_every_hostile_request_without_an_error(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news", OPEN)
    with serve(folder) as served:
        for n in range(5):
            join(served, f"r{n}@example.com")
        confirm = [path_in(Mail(folder).to(f"r{n}@example.com")[0], "confirm").rpartition("/")[2] for n in range(5)]
        links = Links(load_publication(folder / "newsletter.toml"))
        with closing(sqlite3.connect(folder / "newsletter.db")) as database:
            keys = dict(database.execute("SELECT id, link_key FROM subscriber"))
        purposes = (Purpose.READER, Purpose.TRACK)
        reader = [links.token(each, n, 0, "daily", keys.get(n, "")) for n in range(7) for each in purposes]
        forms = [token_of(requests.get(f"{served.url}/subscribe", timeout=60).text)]
        forms += [token_of(requests.get(f"{served.url}/preferences/{token}", timeout=60).text) for token in reader[2:3]]

        statuses = answers(served.url, paths_of(PUBLIC_ROUTES), [*confirm, *reader, *forms])

        assert requests.get(f"{served.url}/readyz", timeout=60).status_code == 200
        assert tracebacks("".join(served.lines)) == []
    assert statuses[200] > NUMBER / 20, statuses
    assert statuses[0] < NUMBER / 4, statuses


def test_the_preview_answers_every_hostile_request_without_an_error(tmp_path: Path) -> None:
    with running(publish(tmp_path / "news", settings=SETTINGS)) as preview:
        log: list[str] = []
        assert preview.process.stderr
        reader = threading.Thread(target=log.extend, args=(preview.process.stderr,))
        reader.start()  # a pipe that nobody reads stops the server when it is full
        page = preview.get("/issues/chips").text
        token = re.search(r'(?:data-token|content|value)="([\w-]{32})"', page)
        assert token

        statuses = answers(preview.url, paths_of(PREVIEW_ROUTES), [token[1], "chips", "desktop"])

        assert preview.get("/").status_code == 200
        preview.process.terminate()
        reader.join(60)
        assert tracebacks("".join(log)) == []
    assert statuses[200] > NUMBER / 20, statuses
    assert statuses[0] < NUMBER / 4, statuses
