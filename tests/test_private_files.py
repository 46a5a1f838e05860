"""What holds readers' addresses or a secret is readable by its owner only, from the first byte on."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.private_files import make_private_folder, open_private, write_private
from newsletter.signed_links import link_secret
from tests.conftest import Run
from tests.support.sending import settings
from tests.web.public.serving import make_publication, serve

CSV = "email,status\nada@example.com,active\nnonsense,active\n"


def open_to_others(folder: Path) -> set[str]:
    """The files and folders that others than their owner may use in any way."""
    return {path.name for path in folder.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077}


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Nearly every system has 022; this one forbids nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_sending_importing_and_serving_leave_nothing_that_others_can_read(tmp_path: Path, newsletter: Run) -> None:
    folder = settings(tmp_path / "news", issue=True).root
    own = open_to_others(folder)
    (folder / "readers.csv").write_text(CSV, encoding="utf-8")

    imported = newsletter("subscribers", "import", "readers.csv", "--rejects", "refused.csv", cwd=folder)
    sent = newsletter("send", "hello", "--yes", "--allow", "NL201", cwd=folder)
    with serve(folder):
        left = open_to_others(folder)

    assert (imported.returncode, sent.returncode) == (0, 0), imported.stderr + sent.stderr
    made = {path.name for path in folder.rglob("*")}
    assert {"newsletter.db-wal", "newsletter.db.handed", "newsletter.db.sender.lock", "refused.csv", "secret"} <= made
    assert [*folder.glob("outbox/1-hello/*.eml")]
    assert left == own | {"readers.csv"}


def test_files_of_earlier_versions_are_made_private_and_the_operator_is_told(tmp_path: Path, newsletter: Run) -> None:
    publication = settings(tmp_path / "news")
    link_secret(publication)
    database = open_database(publication)
    files = [Path(f"{database.name}{end}") for end in ("", "-wal", "-shm")]
    for file in [*files, publication.root / ".newsletter" / "secret"]:
        file.chmod(0o664)

    told = newsletter("subscribers", "list", cwd=publication.root)
    link_secret(publication)
    with closing(database):
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3

    assert "could be read by others" in told.stderr
    assert stat.S_IMODE((publication.root / ".newsletter" / "secret").stat().st_mode) == 0o600
    assert "could be read" not in newsletter("subscribers", "list", cwd=publication.root).stderr


def test_a_rejects_file_that_others_could_read_is_made_private(tmp_path: Path, newsletter: Run) -> None:
    folder = make_publication(tmp_path / "news")
    refused = folder / "refused.csv"
    refused.write_text("old")

    newsletter("subscribers", "import", "-", "--rejects", "refused.csv", cwd=folder, stdin=CSV)

    assert stat.S_IMODE(refused.stat().st_mode) == 0o600
    assert "nonsense" in refused.read_text()


def test_no_moment_shows_a_new_database_to_others(tmp_path: Path) -> None:
    publication = load_publication(make_publication(tmp_path / "news") / "newsletter.toml")
    seen, over = set(), threading.Event()

    def watch() -> None:
        while not over.is_set():
            for path in publication.root.glob("newsletter.db*"):
                try:
                    seen.add(stat.S_IMODE(path.stat().st_mode))
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    open_database(publication).close()
    over.set()
    watcher.join()

    assert seen == {0o600}


def test_a_folder_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir(mode=0o755)

    make_private_folder(tmp_path / "mail" / "1-hello" / "x")

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("mail", "mail/1-hello", "mail/1-hello/x")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_file_that_was_open_to_all_is_private_before_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("")
    file.chmod(0o666)

    os.close(open_private(file, os.O_WRONLY))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    write_private(file, b"content")
    assert file.read_bytes() == b"content"
