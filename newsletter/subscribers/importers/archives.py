"""Unpack the zip file of an export: its CSV files are read, the others are named.

A file is unpacked into a temporary one without a name. Bounds hold off archives that unpack to more than any list of
readers has.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from typing import IO, cast

MOST_FILES = 20_000
MOST_BYTES = 4 << 30
"""Of all CSV files together, unpacked: some twenty million readers."""
_FREELY = 64 << 20
"""Bytes that any archive may unpack to; beyond, its files may shrink to a hundredth, as text does not."""
_TABLES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, kw_only=True)
class PackedFile:
    """A file of an archive."""

    name: str
    """Its last part, without folders."""
    file: BufferedIOBase
    """A seekable copy."""


def is_archive(file: BufferedIOBase) -> bool:
    """Return whether the file is a zip file. Raises ValueError for other packed files and workbooks."""
    file.seek(0)
    head = file.read(8)
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        raise ValueError("this is a gzip file; unpack it: gunzip -c FILE | newsletter subscribers import -")
    if head.startswith((b"\xd0\xcf\x11\xe0", b"7z\xbc\xaf", b"Rar!")):
        raise ValueError("this is no CSV file; save the readers as CSV UTF-8")
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


@contextmanager
def unpacked(file: BufferedIOBase) -> Iterator[tuple[list[PackedFile], list[str]]]:
    """Yield the CSV files of a zip file, and the names of all others. Raises ValueError."""
    packed: list[PackedFile] = []
    try:
        with zipfile.ZipFile(cast(IO[bytes], file)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check(members)
            tables = [member for member in members if _is_table(member.filename)]
            others = [member.filename for member in members if not _is_table(member.filename)]
            left = MOST_BYTES
            for member in tables:
                packed.append(_unpack(archive, member, left))
                left -= packed[-1].file.seek(0, os.SEEK_END)
                packed[-1].file.seek(0)
        yield packed, others
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(f"the zip file cannot be read: {error}") from error
    finally:
        for entry in packed:
            entry.file.close()


def _check(members: list[zipfile.ZipInfo]) -> None:
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise ValueError("this is an Excel workbook; save it as CSV UTF-8")
    if any(member.filename == "META-INF/manifest.xml" for member in members):
        raise ValueError("this is a spreadsheet document; save it as CSV UTF-8")
    if len(members) > MOST_FILES:
        raise ValueError(f"the zip file has {len(members):,} files; at most {MOST_FILES:,}")
    if any(member.flag_bits & 1 for member in members):
        raise ValueError("the zip file has a password; unpack it, and import its CSV files")


def _is_table(name: str) -> bool:
    last = _last_part(name)
    return last.lower().endswith(_TABLES) and not last.startswith(".") and not name.startswith("__MACOSX/")


def _last_part(name: str) -> str:
    """Return a file's name without folders and without signs that a terminal would act on."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign if sign.isprintable() else "_" for sign in last)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> PackedFile:
    """Return a copy of one file. Raises ValueError when it is larger than it may be."""
    most = min(left, max(_FREELY, 100 * member.compress_size))
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - `unpacked` closes it
    size = 0
    with archive.open(member) as source:
        while block := source.read(1 << 20):
            size += len(block)
            if size > most:
                copy.close()
                raise ValueError(
                    f"{member.filename} unpacks to more than {most >> 20:,} MiB, which no list of readers does"
                )
            copy.write(block)
    copy.seek(0)
    return PackedFile(name=_last_part(member.filename), file=cast(BufferedIOBase, copy))
