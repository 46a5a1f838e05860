"""The API in `newsletter serve`: off unless it is switched on, quiet about keys and addresses, and killed."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from pathlib import Path

import pytest
import requests

from newsletter import Publication
from newsletter.api_keys import add_key, parse_scopes
from newsletter.times import utc_now
from tests.web.api.conftest import make_news
from tests.web.api.serving import ALL
from tests.web.public.serving import Served, serve

KILLS = int(os.environ.get("NEWSLETTER_API_KILLS", "1"))


def make(folder: Path, settings: str = "[api]\nenabled = true\n") -> str:
    """Make a publication with the API, and a key that may do everything."""
    make_news(folder)
    with (folder / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write(settings)
    with Publication.open(folder) as publication, publication.database.begin() as connection:
        return add_key(connection, "shop", parse_scopes([ALL]), utc_now())[1]


def ask(served: Served, key: str, method: str, path: str, **more: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}", **dict(more.pop("headers", {}))}  # type: ignore[call-overload]
    return requests.request(method, f"{served.url}/api/v1{path}", headers=headers, timeout=60, **more)  # type: ignore[arg-type]


def test_the_api_is_off_unless_newsletter_toml_switches_it_on(tmp_path: Path) -> None:
    key = make(tmp_path, settings="")

    with serve(tmp_path) as served:
        assert ask(served, key, "GET", "/lists").status_code == 404
        assert requests.get(f"{served.url}/api/v1/openapi.json", timeout=60).status_code == 404


def test_the_api_stands_beside_the_pages_and_the_log_has_no_key_and_no_address(tmp_path: Path) -> None:
    key = make(tmp_path)

    with serve(tmp_path) as served:
        made = ask(served, key, "POST", "/subscribers", json={"email": "ada@example.com"})
        found = ask(served, key, "GET", "/subscribers/ada@example.com?tag=bob@example.com")
        shown = ask(served, key, "GET", "/subscribers/ada@example.com")
        wrong = ask(served, "nlk_wrong", "GET", "/lists")
        pages = requests.get(f"{served.url}/", timeout=60)
        counts = requests.get(f"{served.url}/metrics", timeout=60).text
        assert served.stop() == 0

    assert [answer.status_code for answer in (made, found, shown, wrong, pages)] == [201, 400, 200, 401, 200]
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in shown.headers
    assert 'route="/api/v1/subscribers/{subscriber:path}"' in counts
    log = "".join(served.lines)
    assert '"route": "/api/v1/subscribers"' in log
    assert key not in log
    assert "nlk_wrong" not in log
    assert "@example.com" not in log


@pytest.mark.slow
def test_a_server_that_is_killed_during_writes_has_lost_and_doubled_nothing(tmp_path: Path) -> None:
    key = make(tmp_path, "[api]\nenabled = true\nper_key = 'off'\n")
    answered: dict[int, requests.Response] = {}

    for kill in range(KILLS):
        first = 200 * kill
        with serve(tmp_path) as served:
            _write_until_killed(served, key, range(first, first + 200), answered)
        with serve(tmp_path) as served:
            for number in range(first, first + 200):
                again = _write(served, key, number)
                if number in answered:
                    assert again.content == answered[number].content
                    assert again.headers.get("idempotent-replayed") == "true"
                assert again.status_code == 201

    with sqlite3.connect(tmp_path / "newsletter.db") as database:
        total, readers = 200 * KILLS, "SELECT count(*), count(DISTINCT email_key) FROM subscriber"
        assert database.execute(readers).fetchone() == (total, total)
        assert database.execute("SELECT count(*) FROM consent").fetchone() == (total,)
        assert database.execute("SELECT count(*) FROM api_write").fetchone() == (total,)
    print(json.dumps({"kills": KILLS, "answered before": len(answered), "writes": 200 * KILLS}))


def _write(served: Served, key: str, number: int) -> requests.Response:
    body = {"email": f"r{number}@example.com"}
    return ask(served, key, "POST", "/subscribers", json=body, headers={"Idempotency-Key": f"write-{number}"})


def _write_until_killed(served: Served, key: str, numbers: range, answered: dict[int, requests.Response]) -> None:
    """Write from four threads; the server is killed as soon as 50 of these writes are answered."""
    enough = threading.Event()

    def work(part: range) -> None:
        for number in part:
            try:
                answered[number] = _write(served, key, number)
            except requests.RequestException:
                return
            if sum(each in answered for each in numbers) >= 50:
                enough.set()

    threads = [threading.Thread(target=work, args=(numbers[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    served.kill()
    for thread in threads:
        thread.join()
