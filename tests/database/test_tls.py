"""TLS to PostgreSQL, by the options of the address."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.database.connection import address, migrate_database, open_database
from newsletter.errors import ConfigError
from tests import ROOT
from tests.database.test_connection import publication
from tests.support.postgresql_server import NOBODY, let_enter
from tests.support.programs import program

pytestmark = [pytest.mark.postgresql, pytest.mark.process]


def make_certificate(folder: Path, name: str) -> Path:
    path = folder / f"{name}.pem"
    key_file = path.with_suffix(".key")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key_file)]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-out", str(path)]
    subprocess.run([program("openssl"), "req", "-x509", *key, *names], check=True, capture_output=True)
    key_file.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(key_file, NOBODY, NOBODY)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Start the system's server with TLS, which the one of the test run is built without; return it and its folder."""
    programs = Path(program("postgresql")).parent
    folder = tmp_path_factory.mktemp("tls")
    let_enter(folder)
    certificate = make_certificate(folder, "server")
    make_certificate(folder, "other")
    options = ["ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={certificate.with_suffix('.key')}"]
    run = subprocess.Popen(["sleep", "600"])
    try:
        module = [sys.executable, "-m", "tests.support.postgresql_server", str(programs), str(run.pid)]
        subprocess.run([*module, str(folder / "address"), *options], cwd=ROOT, check=True)
        yield (folder / "address").read_text(), folder
    finally:
        run.kill()
        run.wait()


def test_a_server_that_proves_who_it_is_is_spoken_to_in_secret(server: tuple[str, Path], tmp_path: Path) -> None:
    where, folder = server
    options = f"sslmode=verify-full&sslrootcert={folder}/server.pem"
    news = publication(tmp_path, f"postgresql://postgres@{where}/postgres?{options}")
    migrate_database(address(news), news)

    with closing(open_database(news)) as database, database.read() as connection:
        is_secret = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert connection.scalar(is_secret) is True
        assert database.name == f"postgresql://postgres@{where}/postgres"


def test_a_server_that_cannot_prove_who_it_is_is_one_error(server: tuple[str, Path], tmp_path: Path) -> None:
    where, folder = server
    for options in (f"sslrootcert={folder}/other.pem", f"sslrootcert={folder}/missing.pem"):
        news = publication(tmp_path, f"postgresql://postgres:secret@{where}/postgres?sslmode=verify-full&{options}")

        with pytest.raises(ConfigError, match="certificate") as refused:
            open_database(news)

        assert "options of libpq" in refused.value.hint
        assert "secret" not in str(refused.value)
