"""The challenge service that tells people from robots: it is asked when configured, and its verdict counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import requests

from newsletter.subscribers.captcha import SERVICES, Challenge
from tests.web.public.serving import Served, make_publication, serve, token_of


class Verifier(BaseHTTPRequestHandler):
    """A stand-in for the service: it passes the answer `good`, and keeps the requests it got."""

    asked: list[dict[str, list[str]]] = []  # noqa: RUF012 - of this server, for the test

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self.asked.append(form)
        body = json.dumps({"success": form["response"] == ["good"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def verifier() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Verifier) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, verifier: str) -> Iterator[Served]:
    settings = (
        '[signup]\nmin_time = "0s"\nchallenge = "turnstile"\nchallenge_key = "site-key"\n'
        f'challenge_secret = "env:CHALLENGE"\nchallenge_url = "{verifier}"'
    )
    folder = make_publication(tmp_path_factory.mktemp("site") / "news", settings)
    with serve(folder, environment={"CHALLENGE": "hush"}) as running:
        yield running


def test_the_challenge_is_in_the_form_and_only_there_a_script_may_run(served: Served) -> None:
    form = requests.get(f"{served.url}/subscribe", timeout=60)
    other = requests.get(f"{served.url}/nowhere", timeout=60)

    assert 'class="field cf-turnstile" data-sitekey="site-key"' in form.text
    assert "script-src https://challenges.cloudflare.com" in form.headers["content-security-policy"]
    assert "script-src" not in other.headers["content-security-policy"]


def test_a_passed_challenge_signs_up_and_a_failed_one_shows_the_form_again(served: Served) -> None:
    def ask(answer: str) -> requests.Response:
        token = token_of(requests.get(f"{served.url}/subscribe", timeout=60).text)
        data = {"email": "ada@example.com", "token": token, "cf-turnstile-response": answer}
        return requests.post(f"{served.url}/subscribe", data=data, timeout=60)

    bad, none, good = ask("bad"), ask(""), ask("good")

    assert [one.status_code for one in (bad, none, good)] == [400, 400, 200]
    assert 'value="ada@example.com"' in bad.text
    assert [one["response"] for one in Verifier.asked] == [["bad"], ["good"]]
    assert Verifier.asked[0]["secret"] == ["hush"]


def test_a_service_that_does_not_answer_signs_nobody_up() -> None:
    challenge = Challenge(service=SERVICES["hcaptcha"], site_key="k", secret="s", verify="http://127.0.0.1:9/")

    assert challenge.judge("good", "192.0.2.1") == "unasked"


def test_a_challenge_without_keys_stops_serve_with_the_line(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news", '[signup]\nchallenge = "hcaptcha"')

    with (
        pytest.raises(AssertionError, match=r"newsletter\.toml:\d+: \[signup\] challenge needs its keys"),
        serve(folder),
    ):
        pass
