"""Files with readers' data or secrets: only their owner reads them, from the first byte on.

A file that others could read is made private when it is opened. On systems without Unix permissions nothing changes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_FILE, _FOLDER = 0o600, 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_private(path: Path, flags: int) -> int:
    """Open a file by `os.open`, private from the start; return its descriptor. Raises OSError."""
    file = os.open(path, flags | os.O_CREAT, _FILE)
    _tighten(file)
    return file


def write_private(path: Path, content: bytes) -> None:
    """Write a private file, in the place of what was there. Raises OSError."""
    with open(open_private(path, os.O_WRONLY | os.O_TRUNC), "wb") as file:
        file.write(content)


@contextmanager
def private_text(path: Path) -> Iterator[TextIO]:
    """Open a private file for new text in UTF-8, whose line ends stay as they are. Raises OSError."""
    with open(open_private(path, os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8", newline="") as file:
        yield file


def make_private_folder(path: Path) -> None:
    """Make a folder and those above it, as far as they are missing. A folder that is there keeps its permissions."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=_FOLDER, exist_ok=True)
    if not path.is_dir():
        path.mkdir()  # raises the error that says what is in the way


def make_private(path: Path) -> bool:
    """Take a file's permissions from everybody but its owner; return whether there were any.

    Nothing is done for a file that is absent or belongs to somebody else.
    """
    with suppress(OSError):
        return _tighten(path)
    return False


def _tighten(file: int | Path) -> bool:
    mode = stat.S_IMODE(os.stat(file).st_mode)
    if not mode & _OTHERS:
        return False
    with suppress(PermissionError):  # it is somebody else's file, which we may write
        os.chmod(file, mode & ~_OTHERS)
        return True
    return False
