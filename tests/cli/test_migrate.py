"""`newsletter migrate` where the file is brought up to date by itself."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Run


def test_migrate_on_sqlite_says_that_all_is_done(publication_folder: Path, newsletter: Run) -> None:
    first, second = (newsletter("migrate", cwd=publication_folder) for _ in "12")

    assert "Made the tables" in first.stderr
    assert "up to date" in second.stderr
