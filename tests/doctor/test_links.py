"""The readers' pages from outside: name, certificate, page and one click, on real servers."""

from __future__ import annotations

import sqlite3
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import open_database
from newsletter.doctor import web_probe
from newsletter.doctor.dns import dns_client
from newsletter.doctor.finding import CheckResult
from newsletter.doctor.links import links_results
from newsletter.signed_links import link_secret
from tests.doctor.certificates import certificate
from tests.support.dns_server import dns_server
from tests.support.ports import free_port
from tests.support.sending import add_readers, settings
from tests.web.public.serving import SETTINGS, make_publication, serve


def at(folder: Path, url: str, *, has_secret: bool = True) -> PublicationSettings:
    """A publication whose pages are at this address."""
    path = settings(folder).path
    path.write_text(path.read_text().replace("https://news.example.com", url))
    publication = load_publication(path)
    if has_secret:
        link_secret(publication)
    return publication


def results(publication: PublicationSettings) -> dict[str, CheckResult]:
    return {result.check: result for result in links_results(publication, dns_client())}


def everything_in(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(folder / "newsletter.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def test_one_click_is_tried_on_the_real_server_and_changes_nobody(tmp_path: Path) -> None:
    port = free_port()
    own = SETTINGS.replace("https://news.example.com", f"http://127.0.0.1:{port}")
    folder = make_publication(tmp_path / "news", settings=own)
    publication = load_publication(folder / "newsletter.toml")
    link_secret(publication)
    with closing(open_database(publication)) as database:
        add_readers(database, 3)
    with serve(folder, "--port", str(port)):
        while not everything_in(folder)["host"]:  # the server makes this machine the database's home as it starts
            time.sleep(0.02)
        before = everything_in(folder)
        found = results(publication)
        after = everything_in(folder)

    assert found["links.one_click"].state == found["links.page"].state == "pass"
    assert found["links.certificate"].state == "warn"  # http on this machine
    assert before == after
    assert len(before["subscription"]) == 3


@contextmanager
def web_server(post: int = 200, get: int = 200, file: Path | None = None, body: str = "{}") -> Iterator[Web]:
    """A server that answers with these statuses, whatever is asked."""
    server = Web(("127.0.0.1", 0), _Handler)
    server.statuses, server.body = {"POST": post, "GET": get}, body.encode()
    if file:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Web(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: object) -> None:
        self.statuses: dict[str, int] = {}
        self.body = b""
        self.asked: list[tuple[str, str, bytes]] = []
        """The method, path and body of every request."""
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(*arguments)  # type: ignore[arg-type]

    def handle_error(self, *_arguments: object) -> None:
        """Ignore it: a client that does not trust the certificate hangs up."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        self.server.asked.append((self.command, self.path, body))
        self.server.gate.wait(30)
        status = self.server.statuses[self.command]
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "https://elsewhere.example.net/")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: tests read `asked`."""


UNSUBSCRIBED = '{"unsubscribed": []}'


def test_the_one_click_is_the_post_of_rfc_8058(tmp_path: Path) -> None:
    with web_server(body=UNSUBSCRIBED) as server:
        found = results(at(tmp_path, f"http://127.0.0.1:{server.port}"))

    (method, path, body), *more = [asked for asked in server.asked if asked[0] == "POST"]
    assert (method, body, more) == ("POST", b"List-Unsubscribe=One-Click", [])
    assert path.startswith("/unsubscribe/")
    assert found["links.one_click"].state == "pass"


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (301, "redirects to https://elsewhere.example.net/", "Set [publication] url"),
        (404, "answers 404", "the same [environment] secret"),
        (405, "answers 405", "pass POST to /unsubscribe/"),
        (403, "answers 403", "pass POST to /unsubscribe/"),
        (500, "answers 500", "Start the readers' pages"),
        (200, "something other than this program", "Start the readers' pages"),
    ],
)
def test_a_one_click_that_does_not_work_fails_with_what_to_do(
    status: int, words: str, advice: str, tmp_path: Path
) -> None:
    with web_server(post=status, body="<p>hello</p>") as server:
        found = results(at(tmp_path, f"http://127.0.0.1:{server.port}"))

    assert found["links.one_click"].state == "fail"
    assert words in found["links.one_click"].message
    assert advice in found["links.one_click"].fix
    assert all(path.startswith("/unsubscribe/") for _, path, _ in server.asked)


def test_no_redirect_is_followed(tmp_path: Path) -> None:
    with web_server(post=307, get=302) as server:
        found = results(at(tmp_path, f"http://127.0.0.1:{server.port}"))

    assert len(server.asked) == 2
    assert found["links.page"].state == "fail"


@pytest.mark.parametrize(("days", "state"), [(90, "pass"), (5, "warn")])
def test_a_trusted_certificate_passes_until_two_weeks_before_its_end(
    days: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path, days=days)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with web_server(file=file, body=UNSUBSCRIBED) as server, dns_server({"news.example.com A": "127.0.0.1"}) as dns:
        monkeypatch.setenv("NEWSLETTER_DNS", dns.address)
        found = results(at(tmp_path, f"https://news.example.com:{server.port}"))

    assert found["links.certificate"].state == state
    assert f"good for {days} more days" in found["links.certificate"].message
    assert found["links.name"].message == "The name news.example.com leads to 127.0.0.1."
    assert found["links.one_click"].state == "pass"


@pytest.mark.parametrize(
    ("name", "days"), [("other.example.com", 90), ("news.example.com", -1), ("news.example.com", 90)]
)
def test_a_certificate_of_another_name_that_ended_or_that_nobody_knows_fails(
    name: str, days: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path, name=name, days=days)
    if name != "news.example.com" or days < 0:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with web_server(file=file) as server, dns_server({"news.example.com A": "127.0.0.1"}) as dns:
        monkeypatch.setenv("NEWSLETTER_DNS", dns.address)
        found = results(at(tmp_path, f"https://news.example.com:{server.port}"))

    assert found["links.certificate"].state == "fail"
    assert "links.one_click" not in found


def test_a_name_that_leads_nowhere_fails_and_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with dns_server({}) as dns:
        monkeypatch.setenv("NEWSLETTER_DNS", dns.address)
        found = results(at(tmp_path, "https://news.example.com"))

    assert [(name, result.state) for name, result in found.items()] == [("links.name", "fail")]


def test_without_a_secret_none_is_made(tmp_path: Path) -> None:
    with web_server() as server:
        found = results(at(tmp_path, f"http://127.0.0.1:{server.port}", has_secret=False))

    assert found["links.one_click"].state == "skip"
    assert not (tmp_path / ".newsletter").exists()


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_probe, "STEP_SECONDS", 0.2)
    with web_server() as server:
        server.gate.clear()
        found = results(at(tmp_path, f"http://127.0.0.1:{server.port}"))

    assert found["links.page"].state == "fail"
    assert "no answer within 0.2 seconds" in found["links.page"].message
