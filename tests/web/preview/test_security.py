"""The preview's security: its hosts and origins, the files it serves, and that an issue runs nothing."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from starlette.exceptions import HTTPException
from starlette.requests import Request

from newsletter.preview.workspace import Workspace
from newsletter.web.preview.app import starlette_app
from newsletter.web.preview.open_pages import OpenPages
from newsletter.web.preview.security import require_token
from tests.support.web_server import WebServer
from tests.web.preview.preview_server import ISSUE, NAME, Preview, opened, publish, running

SCRIPT = (
    '<mj-section><mj-column><mj-text>{{ body }}<script>top.document.title = "taken"</script>'
    '<img src="x" onerror="top.document.title=\'taken\'"><a id="js" href="javascript:top.document.title=1">x</a>'
    '<form action="https://example.com/steal"><button id="form">Go</button></form></mj-text></mj-column></mj-section>\n'
)


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    folder = publish(tmp_path_factory.mktemp("guard") / "news", blocks__text=SCRIPT)
    (folder / "images" / "secret.txt").write_text("secret")
    (folder / "images" / "script.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')
    (folder.parent / "outside.png").write_bytes((folder / "images" / "acme.png").read_bytes())
    (folder / "images" / "link.png").symlink_to(folder.parent / "outside.png")
    with running(folder) as preview:
        yield preview


def test_it_listens_on_this_machine_only(preview: Preview) -> None:
    port = int(preview.host.rpartition(":")[2])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]

    addresses = {fields[1].split(":")[0] for fields in listening if fields[1].endswith(f":{port:04X}")}

    assert addresses == {"0100007F"}


@pytest.mark.parametrize(
    "host", ["news.example.com", "127.0.0.1.example.com", "localhost.example.com:8000", "", "[::2]"]
)
def test_another_hosts_name_is_refused(preview: Preview, host: str) -> None:
    answer = preview.get("/", headers={"Host": host})

    assert answer.status_code == 403 if host else answer.status_code in (400, 403)
    assert "Daily Inference" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST"])
def test_this_machines_names_are_answered(preview: Preview, host: str) -> None:
    port = preview.host.rpartition(":")[2]

    assert preview.get("/", headers={"Host": f"{host}:{port}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_post_of_another_site_is_refused(preview: Preview, headers: dict[str, str]) -> None:
    assert preview.post("/", headers=headers).status_code == 403


def test_another_sites_page_cannot_read_or_frame_anything(preview: Preview) -> None:
    assert (
        preview.get("/rows", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    )

    answer = preview.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})

    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_change_needs_the_token_of_this_start(tmp_path: Path) -> None:
    app = starlette_app(Workspace(publish(tmp_path / "news") / "newsletter.toml"), OpenPages())

    def request_with(token: str) -> Request:
        headers = [(b"x-newsletter-token", token.encode())]
        return Request({"type": "http", "method": "POST", "headers": headers, "app": app})

    require_token(request_with(app.state.token))
    with pytest.raises(HTTPException, match="earlier start") as refused:
        require_token(request_with("guessed"))
    assert refused.value.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/images/../newsletter.toml",
        "/images/..%2fnewsletter.toml",
        "/images/%2e%2e/%2e%2e/outside.png",
        "/images/..%2f..%2foutside.png",
        "/images/link.png",
        "/images/secret.txt",
        "/images/%2fetc%2fpasswd",
        "/images/newsletter.toml",
        "/images/issues/" + NAME,
        "/static/../inbox.html",
        "/static/..%2finbox.html",
        "/images/%00.png",
    ],
)
def test_only_the_publications_pictures_are_served(preview: Preview, path: str) -> None:
    with closing(http.client.HTTPConnection(preview.host, timeout=60)) as connection:
        connection.request("GET", path)  # as it stands: requests would tidy the dots

        assert connection.getresponse().status == 404


def test_pictures_are_served_and_a_drawing_cannot_run(preview: Preview) -> None:
    assert preview.get("/images/acme.png").headers["Content-Type"] == "image/png"

    drawing = preview.get("/images/script.svg")

    assert drawing.status_code == 200
    assert "sandbox" in drawing.headers["Content-Security-Policy"]


def test_no_script_of_an_issue_runs(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        email = page.frame_locator("#single iframe:not(.incoming)")
        email.locator("#js").click(force=True)
        email.locator("#form").click(force=True)
        page.wait_for_timeout(300)

        assert "taken" not in page.title()
        assert page.title() != "1"
        assert page.locator("iframe").first.get_attribute("sandbox") == (
            "allow-same-origin allow-popups allow-popups-to-escape-sandbox"
        )
        assert page.url.startswith(preview.url)


def test_an_email_opened_in_its_own_tab_runs_nothing_either(preview: Preview, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{preview.url}/issues/chips/view/html")

    assert page.title() != "taken"
    assert re.search(
        r"default-src 'none'.* sandbox ", preview.get("/issues/chips/view/html").headers["Content-Security-Policy"]
    )
    page.close()


def test_markup_in_a_subject_or_a_message_is_shown_as_text(preview: Preview) -> None:
    preview.save(ISSUE.replace("Chip rules and a camera", "<script>alert(1)</script>").replace(":::button", ":::<b>"))
    try:
        pages = [
            preview.get(path).text for path in ("/", "/issues/chips", "/issues/chips/problems", "/issues/chips/failure")
        ]
    finally:
        preview.save(ISSUE)

    assert all("<script>alert" not in page and "&lt;script&gt;alert" in page for page in pages[:2])
    assert all("&lt;b" in page and "<b>&" not in page for page in pages[2:])


def test_remote_pictures_are_fetched_only_when_asked_for(preview: Preview, browser: Browser) -> None:
    with WebServer() as elsewhere:
        preview.save(ISSUE.replace("images/chips.png", f"{elsewhere.url}/a.png"))
        try:
            with opened(browser, preview, "/issues/chips?view=grid"):
                assert elsewhere.asked == []
            with opened(browser, preview, "/issues/chips?remote=1"):
                assert ("GET", "/a.png") in elsewhere.asked
        finally:
            preview.save(ISSUE)


def test_a_missing_page_is_answered_in_words(preview: Preview) -> None:
    answer = preview.get("/issues/none-such")

    assert answer.status_code == 404
    assert "No issue is named" in answer.text
    assert "Traceback" not in answer.text


def test_the_server_survives_bytes_that_are_no_http(preview: Preview) -> None:
    host, _, port = preview.host.partition(":")
    for sent in (
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00",
        b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=60) as wire:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            wire.recv(100)

    assert preview.get("/").status_code == 200


def test_an_origin_that_is_no_address_and_a_campaign_of_thousands_of_digits_are_refused(preview: Preview) -> None:
    foreign = preview.post("/new?title=x", headers={"Origin": "http://["})
    endless = preview.get(f"/campaigns/{'9' * 4_400}/pause")

    assert (foreign.status_code, endless.status_code) == (403, 404)
