"""Copy a SQLite database while it is in use into one private file, and take such a file apart again.

The file is a zip: the database, the secret of readers' links where the program made it, and what a person wants to know
of them. The copy is of one moment, by SQLite's online backup (https://www.sqlite.org/backup.html). What a restored
database may send is for publishing/restoring.py to decide; no table is read here.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter.database.connection import Database
from newsletter.database.schema import newest_revision
from newsletter.errors import ConfigError, NewsletterError
from newsletter.private_files import open_private, write_private

DATABASE, SECRET, ABOUT = "newsletter.db", "secret", "backup.json"
"""The names inside the file."""
PAGES = 2_000
"""Pages copied between two looks at the progress."""
Progress = Callable[[int, int], None]
"""Takes the pages copied so far, and all pages."""


@dataclass(frozen=True, kw_only=True)
class BackupAbout:
    """The description of a backup."""

    made_at: str
    """A stamp: the moment that the copy shows."""
    publication: str
    schema: str
    """The newest migration that the database has."""
    has_secret: bool


def back_up(
    database: Database, file: Path, *, publication: str, secret: Path | None, made_at: str, progress: Progress
) -> BackupAbout:
    """Write the database, and the secret if it is a file, to `file`, which must not exist; senders go on meanwhile.

    Raises ConfigError for a database that is no file, NewsletterError when the file exists or cannot be written.
    """
    _require_sqlite(database)
    if file.exists():
        raise NewsletterError("this file exists and is left as it is", place=str(file), hint="Name another.")
    about = BackupAbout(
        made_at=made_at, publication=publication, schema=newest_revision(), has_secret=bool(secret and secret.is_file())
    )
    part, copy = file.with_name(f".{file.name}.part"), file.with_name(f".{file.name}.db")
    try:
        _copy(Path(database.name), copy, progress)
        _pack(part, copy, secret if about.has_secret else None, about)
        os.replace(part, file)
    except OSError as error:
        raise NewsletterError(
            f"cannot be written: {error.strerror or error}", place=str(file), hint="No backup was made."
        ) from error
    finally:
        for left in (part, copy):
            left.unlink(missing_ok=True)
    return about


def _require_sqlite(database: Database) -> None:
    if database.engine.dialect.name != "sqlite":
        hint = (
            "Back it up with PostgreSQL's own program: pg_dump --format=custom --file news.dump URL\n"
            "  Put it back with pg_restore, and keep the secret of readers' links, .newsletter/secret, beside it."
        )
        raise ConfigError(
            "`backup` copies a SQLite database, and this one is on a server", place=database.name, hint=hint
        )


def _copy(database: Path, copy: Path, progress: Progress) -> None:
    os.close(open_private(copy, os.O_RDWR | os.O_TRUNC))
    try:
        with (
            closing(sqlite3.connect(database, isolation_level=None)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            # The open transaction keeps the copy at one moment; without it, each write would begin the copy again.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(target, pages=PAGES, progress=lambda _status, left, total: progress(total - left, total))
            target.execute("PRAGMA journal_mode = DELETE")  # one file, without companions
            _require_whole(target, str(database))
    except sqlite3.Error as error:
        raise NewsletterError(f"the database cannot be copied: {error}", place=str(database)) from error


def _require_whole(connection: sqlite3.Connection, place: str) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise NewsletterError(f"the database is broken: {found}", place=place)


def _pack(part: Path, copy: Path, secret: Path | None, about: BackupAbout) -> None:
    with os.fdopen(open_private(part, os.O_RDWR | os.O_TRUNC), "w+b") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            packed.writestr(ABOUT, json.dumps(about.__dict__, ensure_ascii=False, indent=2))
            packed.write(copy, DATABASE)
            if secret:
                packed.write(secret, SECRET)
        stream.flush()
        os.fsync(stream.fileno())


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """A backup taken apart."""

    about: BackupAbout
    database: Path
    """A copy of its database; removed unless it was moved away."""
    secret: bytes | None


@contextmanager
def unpacked(file: Path, folder: Path) -> Iterator[Unpacked]:
    """Take a backup apart into `folder`. Raises NewsletterError for a file that is none, is broken or is too new."""
    copy = folder / f".{DATABASE}.restoring"
    try:
        about, secret = _take_apart(file, copy)
        yield Unpacked(about=about, database=copy, secret=secret)
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{copy}{end}").unlink(missing_ok=True)


def _take_apart(file: Path, copy: Path) -> tuple[BackupAbout, bytes | None]:
    none = NewsletterError("this is no backup of `newsletter backup`", place=str(file), hint="Nothing was changed.")
    try:
        with zipfile.ZipFile(file) as packed:
            fields: dict[str, Any] = json.loads(packed.read(ABOUT))
            about = BackupAbout(**fields)
            with (
                packed.open(DATABASE) as source,
                os.fdopen(open_private(copy, os.O_WRONLY | os.O_TRUNC), "wb") as target,
            ):
                shutil.copyfileobj(source, target, 1 << 20)
            secret = packed.read(SECRET) if about.has_secret else None
    except OSError as error:
        raise NewsletterError(f"cannot be restored: {error.strerror or error}", place=str(file)) from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise none from error
    if about.schema > newest_revision():
        hint = "Upgrade newsletter, then restore it."
        raise NewsletterError(f"made by a newer newsletter (schema {about.schema})", place=str(file), hint=hint)
    try:
        with closing(sqlite3.connect(copy)) as connection:
            _require_whole(connection, str(file))
    except sqlite3.Error as error:
        raise none from error
    return about, secret


def require_unused(database: Path) -> None:
    """Raise NewsletterError while another program has the database open. One that is broken is nobody's."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=1.0)) as connection:
            # SQLite leaves write-ahead logging only for the last connection, and copies the log first.
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            hint = "Stop `newsletter serve`, `run` and `send` first. Nothing was changed."
            raise NewsletterError("another program has the database open", place=str(database), hint=hint) from error
    except sqlite3.DatabaseError:
        pass


def put_in_place(copy: Path, database: Path, aside: Path | None) -> None:
    """Move the database of before, with its companions, to `aside`, and the restored one to its place.

    Without a database of before, companions that are left are removed: they would be read into the restored one.
    """
    for end in ("-wal", "-shm", "-journal", ""):
        if (old := Path(f"{database}{end}")).exists():
            os.replace(old, f"{aside}{end}") if aside else old.unlink()
    os.replace(copy, database)


def put_secret(content: bytes, path: Path, aside: Path) -> bool:
    """Write the secret of readers' links, and keep another that is there at `aside`; tell whether it was another."""
    if path.is_file() and path.read_bytes() == content:
        return False
    was_there = path.is_file()
    if was_there:
        os.replace(path, aside)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(path, content)
    return was_there
