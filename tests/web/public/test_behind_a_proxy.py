"""`newsletter serve` behind nginx as the documentation configures it, and alone with a certificate."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from tests import ROOT
from tests.support.ports import free_port
from tests.support.programs import program
from tests.web.public.serving import Served, make_publication, serve, token_of

SETTINGS = '[signup]\nmin_time = "0s"\n[serve]\nproxies = ["127.0.0.1"]'


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a self-signed certificate for news.example.com."""
    folder = tmp_path_factory.mktemp("certificate")
    chain, key = folder / "chain.pem", folder / "key.pem"
    names = ["-subj", "/CN=news.example.com", "-addext", "subjectAltName=DNS:news.example.com,IP:127.0.0.1"]
    made = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*made, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    return chain, key


@contextmanager
def nginx(folder: Path, served: Served, certificate: tuple[Path, Path]) -> Iterator[str]:
    """Run nginx with the documentation's server block, with this test's port and paths."""
    text = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    block = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert block
    port = free_port()
    own = (
        block[1].replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("http://127.0.0.1:8000", served.url)
    )
    own = re.sub(r"ssl_certificate +\S+;", f"ssl_certificate {certificate[0]};", own)
    own = re.sub(r"ssl_certificate_key +\S+;", f"ssl_certificate_key {certificate[1]};", own)
    temporary = "".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""  # else its workers may not write into the test's folder
    main = f"{user} daemon off; pid {folder}/pid; error_log stderr; events {{}}"
    whole = f"{main} http {{ access_log off; {temporary} {own} }}"
    (folder / "nginx.conf").write_text(whole, encoding="utf-8")
    process = subprocess.Popen([program("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        wait_for(f"https://127.0.0.1:{port}/healthz", certificate)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(url: str, certificate: tuple[Path, Path]) -> None:
    for _ in range(600):
        try:
            requests.get(url, verify=str(certificate[0]), timeout=60)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def test_behind_nginx_readers_join_and_the_evidence_has_their_own_address(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    folder = make_publication(tmp_path / "news", SETTINGS)
    trusted = str(certificate[0])
    with serve(folder) as running, nginx(tmp_path, running, certificate) as url:
        token = token_of(requests.get(f"{url}/subscribe", verify=trusted, timeout=60).text)
        data = {"email": "ada@example.com", "token": token}
        forged = {"X-Forwarded-For": "198.51.100.7", "Origin": "https://news.example.com"}
        joined = requests.post(f"{url}/subscribe", data=data, headers=forged, verify=trusted, timeout=60)
        large = requests.post(f"{url}/subscribe", data={"name": "x" * 1_000_000}, verify=trusted, timeout=60)

    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        ((proof,),) = database.execute("SELECT proof FROM signup").fetchall()
    assert joined.status_code == 200
    assert large.status_code == 413
    assert '"network": "127.0.0.1"' in proof


def test_only_a_named_proxy_may_set_the_clients_address(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news", SETTINGS)
    with serve(folder) as running:
        token = token_of(requests.get(f"{running.url}/subscribe", timeout=60).text)
        headers = {"X-Forwarded-For": "203.0.113.66, 198.51.100.7"}
        data = {"email": "ada@example.com", "token": token}
        requests.post(f"{running.url}/subscribe", data=data, headers=headers, timeout=60)

    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        ((proof,),) = database.execute("SELECT proof FROM signup").fetchall()
    assert '"network": "198.51.100.7"' in proof


def test_a_proxy_that_is_not_named_makes_one_warning(tmp_path: Path) -> None:
    with serve(make_publication(tmp_path / "news")) as running:
        for _ in range(3):
            requests.get(f"{running.url}/healthz", headers={"X-Forwarded-For": "203.0.113.66"}, timeout=60)
        running.stop()

    warnings = [line for line in running.lines if "[serve] proxies does not name" in line]
    assert len(warnings) == 1
    assert "203.0.113.66" not in "".join(running.lines)


def test_without_a_proxy_the_server_speaks_tls_itself(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    settings = f'[serve]\ncertificate = "{certificate[0]}"\nkey = "{certificate[1]}"'
    with serve(make_publication(tmp_path / "news", settings)) as running:
        answer = requests.get(f"{running.url}/subscribe", verify=str(certificate[0]), timeout=60)

    assert running.url.startswith("https://")
    assert answer.status_code == 200


def test_an_invalid_certificate_stops_serve(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news", '[serve]\ncertificate = "chain.pem"\nkey = "key.pem"')
    (folder / "chain.pem").write_text("nothing")

    with pytest.raises(AssertionError, match=r"\[serve\] certificate and key cannot be used"), serve(folder):
        pass
