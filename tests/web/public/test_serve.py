"""`newsletter serve` as an operator meets it: headers, health, metrics, log, errors, and its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.web.public.serving import Served, make_publication, serve, token_of


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_publication(tmp_path_factory.mktemp("site") / "news")) as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/subscribe", "/nowhere", "/healthz", "/style.css"])
def test_every_answer_carries_the_security_headers(served: Served, path: str) -> None:
    answer = requests.get(served.url + path, timeout=60)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "max-age" in answer.headers["strict-transport-security"]


def test_liveness_and_readiness_are_ok(served: Served) -> None:
    assert requests.get(f"{served.url}/healthz", timeout=60).text == "ok\n"
    assert requests.get(f"{served.url}/readyz", timeout=60).text == "ok\n"


def test_metrics_count_requests_by_their_route(served: Served) -> None:
    requests.get(f"{served.url}/subscribe?list=weekly", timeout=60)

    text = requests.get(f"{served.url}/metrics", timeout=60).text

    assert 'newsletter_http_requests_total{route="/subscribe",method="GET",status="200"}' in text
    assert "weekly" not in text


def test_the_log_has_a_line_for_each_request_without_an_address(served: Served) -> None:
    requests.get(f"{served.url}/subscribe?email=ada@example.com", timeout=60)
    requests.get(f"{served.url}/healthz", timeout=60)
    requests.get(f"{served.url}/confirm/a-token", timeout=60)

    output = output_until(served, '"route": "/confirm/{token}"')

    assert '"route": "/subscribe"' in output
    assert "127.0.0.1" not in output
    assert "ada@" not in output
    assert "a-token" not in output


def output_until(served: Served, words: str) -> str:
    """Wait for these words in the server's output; return the output after its first line."""
    until = time.monotonic() + 60
    while words not in (output := "".join(served.lines[1:])):
        assert time.monotonic() < until, output
        time.sleep(0.05)
    return output


def test_a_missing_page_is_answered_with_a_page(served: Served) -> None:
    answer = requests.get(f"{served.url}/nowhere", timeout=60)

    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_a_program_gets_errors_as_json(served: Served) -> None:
    answer = requests.get(f"{served.url}/nowhere", headers={"Accept": "application/json"}, timeout=60)

    assert answer.status_code == 404
    assert answer.json() == {"error": "Not Found"}


def test_pages_may_be_asked_for_below_the_folder_of_the_publications_address(tmp_path: Path) -> None:
    settings = '[publication]\nname = "N"\nurl = "https://example.com/news"\nfrom = "n@example.com"\n'
    folder = make_publication(tmp_path / "news", settings=f'{settings}[lists.daily]\ntitle = "Daily"')

    with serve(folder) as running:
        stripped = requests.get(f"{running.url}/subscribe", timeout=60)
        kept = requests.get(f"{running.url}/news/subscribe", timeout=60)

    assert stripped.status_code == kept.status_code == 200
    assert 'action="/news/subscribe"' in stripped.text


def test_a_taken_port_is_refused_in_one_sentence(served: Served, tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news")
    port = served.url.rpartition(":")[2]

    with (
        pytest.raises(AssertionError, match=f"newsletter: error: cannot listen on 127.0.0.1 port {port}"),
        serve(folder, "--port", port),
    ):
        pass


def test_no_sign_up_is_accepted_while_the_database_is_gone(tmp_path: Path) -> None:
    with serve(make_publication(tmp_path / "news", '[signup]\nmin_time = "0s"')) as running:
        token = token_of(requests.get(f"{running.url}/subscribe", timeout=60).text)
        (running.folder / "newsletter.db").rename(running.folder / "elsewhere.db")

        data = {"email": "ada@example.com", "token": token}
        answers = [requests.post(f"{running.url}/subscribe", data, timeout=60)]
        answers.append(requests.get(f"{running.url}/readyz", timeout=60))

        assert [answer.status_code for answer in answers] == [503, 503]


def test_the_server_ends_within_ten_seconds_of_a_stop(tmp_path: Path) -> None:
    with serve(make_publication(tmp_path / "news")) as running:
        requests.get(f"{running.url}/healthz", timeout=60)

        assert running.stop() == 0


def test_a_route_that_fails_answers_500_and_logs_its_traceback_without_the_token(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news")
    template = folder / "templates" / "pages" / "broken_link.html"
    template.parent.mkdir(parents=True)
    template.write_text("{{ undefined_name }}", encoding="utf-8")

    with serve(folder) as running:
        answer = requests.get(f"{running.url}/unsubscribe/a-token?email=ada@example.com", timeout=60)
        output = output_until(running, '"status": 500')

    assert answer.status_code == 500
    assert answer.headers["x-frame-options"] == "DENY"
    assert "GET /unsubscribe/{token} failed" in output
    assert output.count("Traceback") == 1
    assert "undefined_name" in output
    assert "a-token" not in output
    assert "ada@" not in output
