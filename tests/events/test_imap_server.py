"""`newsletter bounces read` and a mailbox of Dovecot, which others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from newsletter.campaigns.return_paths import return_path_of
from newsletter.config import PublicationSettings
from newsletter.database.connection import open_database
from tests.conftest import Run
from tests.events.test_bounces import MAILBOX, dsn
from tests.support.dovecot import PASSWORD, Dovecot, dovecot
from tests.support.sending import add_readers, settings, start_campaign


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def publication(tmp_path_factory: pytest.TempPathFactory) -> PublicationSettings:
    made = settings(tmp_path_factory.mktemp("imap"), '[bounces]\nimap_password = "env:IMAP_PASSWORD"\n')
    database = open_database(made)
    add_readers(database, 150)
    with database.begin() as connection:
        start_campaign(connection)
    database.close()
    return made


@pytest.fixture(scope="module")
def server(publication: PublicationSettings) -> Iterator[Dovecot]:
    """A mailbox of 120 bounces, more than a page, and a letter."""
    paths = [return_path_of(publication, MAILBOX)(f"1.{reader}") for reader in range(1, 121)]
    with dovecot([*map(dsn, paths), b"From: a@example.com\r\nSubject: Hi\r\n\r\nHello\r\n"]) as running:
        yield running


def test_a_mailbox_is_read_over_tls_page_by_page_and_only_its_own_certificate_is_believed(
    newsletter: Run, publication: PublicationSettings, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = publication.root, server.url(tls=True)
    refused = newsletter("bounces", "read", url, cwd=folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    first = newsletter("bounces", "read", url, "--json", cwd=folder)
    again = newsletter("bounces", "read", url, "--json", cwd=folder)

    assert refused.returncode == 1
    assert "certificate verify failed" in refused.stderr
    assert json.loads(first.stdout) == {"mails": 121, "reports": 120, "new": 120}
    assert json.loads(again.stdout) == {"mails": 0, "reports": 0, "new": 0}
    assert server.flags() == ["S"] * 121
    listed = json.loads(newsletter("suppressions", "list", "--json", cwd=folder).stdout)
    assert len(listed) == 120


def test_a_wrong_password_and_a_folder_that_is_not_there_are_said_and_nothing_is_marked(
    newsletter: Run, publication: PublicationSettings, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = publication.root, server.flags()
    missing = newsletter("bounces", "read", server.url(tls=False, folder="Nowhere"), cwd=folder)
    monkeypatch.setenv("IMAP_PASSWORD", "another")
    wrong = newsletter("bounces", "read", server.url(tls=False), cwd=folder)

    assert (missing.returncode, 'no folder is named "Nowhere"' in missing.stderr) == (1, True)
    assert (wrong.returncode, "the mail server refuses" in wrong.stderr) == (1, True)
    assert server.flags() == before
