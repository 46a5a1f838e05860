"""Find the encoding of a file of readers, and make it one whose line ends are single bytes.

UTF-8 is tried first: a file with as many valid characters of several bytes as broken ones is UTF-8, and its broken
rows are refused one by one. Else charset-normalizer decides, and Windows-1252 if there are too few characters to tell.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from typing import cast

_BLOCK = 1 << 20
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_UTF_32 = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
_ENOUGH = 12
"""Lines with other than ASCII characters that charset-normalizer needs; with fewer it guesses wildly."""
_SAMPLE = 1 << 16
_HALVES = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
"""Halves of a pair of UTF-16, written as if they were characters: broken UTF-8, and nothing in any other encoding."""
_ALIKE = ("latin_1", "iso8859_15", "cp1254", "cp1257", "cp1258", "mac_roman", "hp_roman8", "cp1252")
"""Encodings that differ from Windows-1252, by far the most frequent, in a few letters."""
_CENTRAL = re.compile(rb"[A-Za-z][\xa3\xa5\xaf\xb3\xb9\xbc\xbe\xbf]|[\xa3\xa5\xaf\xb3\xb9\xbc\xbe\xbf][a-z]")
"""Letters of Windows-1250 that are signs in Windows-1252, beside a letter: `Paweł` would be `Pawe³`."""
_LIKELY = [
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
"""Encodings in which spreadsheets and platforms write; of all others, DOS's above all, too many are taken for one."""
_TITLES = {"utf-8": "UTF-8", "cp1252": "Windows-1252", "utf-16": "UTF-16", "utf-32": "UTF-32"}


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file whose encoding is known."""

    file: BufferedIOBase
    """At its beginning; a copy in UTF-8 when the file's own encoding has line ends of several bytes."""
    encoding: str
    """The encoding of `file`."""
    title: str
    """The encoding of the original, for people; empty for UTF-8."""
    sha256: str
    """Of the original."""
    is_guess: bool = False
    """Tells that only the frequency of its bytes speaks for the encoding."""


def open_text(file: BufferedIOBase, encoding: str = "") -> TextFile:
    """Return the seekable file with its encoding: the named one, else the one that it shows.

    Raises ValueError when it is no text, or not in the named encoding.
    """
    file.seek(0)
    if encoding:
        return _converted(file, encoding)
    return _as_it_shows(file)


def _converted(file: BufferedIOBase, encoding: str) -> TextFile:
    """Return a copy in UTF-8. Raises ValueError when the file is not in this encoding."""
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        copy = _in_utf_8(file, encoding)
    except ValueError as error:
        raise ValueError(f"this is not {_title(encoding)}; name another --encoding, or none") from error
    return TextFile(file=copy, encoding="utf-8", title="", sha256=digest)


def _as_it_shows(file: BufferedIOBase) -> TextFile:
    wide = _wide(file.read(64))
    file.seek(0)
    if wide:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return TextFile(file=_in_utf_8(file, wide), encoding="utf-8", title=_title(wide), sha256=digest)
    census = _Census()
    for block in _blocks(file):
        census.take(block)
    encoding = census.encoding()
    file.seek(0)
    title = "" if encoding == "utf-8" else _title(encoding)
    digest = census.digest.hexdigest()
    return TextFile(file=file, encoding=encoding, title=title, sha256=digest, is_guess=bool(title))


def _wide(head: bytes) -> str:
    """Return the encoding of a file with characters of two or four bytes, which its first bytes show."""
    for mark, encoding in (_UTF_32 | _UTF_16).items():
        if head.startswith(mark):
            return encoding
    # A header is nearly all ASCII: every other byte is then zero.
    even, odd = head[0::2], head[1::2]
    if len(head) >= 8 and odd and odd.count(0) > 0.8 * len(odd) and not even.count(0):
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 8 and even.count(0) > 0.8 * len(even) and not odd.count(0) else ""


def _in_utf_8(file: BufferedIOBase, encoding: str) -> BufferedIOBase:
    """Return a temporary copy in UTF-8, gone when it is closed. Raises ValueError."""
    file.seek(0)
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the import closes it
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in _blocks(file):
            copy.write(decoder.decode(block).encode())
        copy.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        copy.close()
        raise ValueError(f"this begins as {_title(encoding)} and is not; save the file as CSV UTF-8") from error
    copy.seek(0)
    return cast(BufferedIOBase, copy)


def _blocks(file: BufferedIOBase) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _title(encoding: str) -> str:
    return _TITLES.get(encoding.removesuffix("-le").removesuffix("-be"), encoding.upper().replace("_", "-"))


class _Census:
    """Counts what a file's bytes would be in UTF-8, and keeps its first lines that are not."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.valid = self.broken = 0
        self.lines = 0
        self.sample = bytearray()
        self._rest = b""

    def take(self, block: bytes) -> None:
        """Take the next block of the file."""
        self.digest.update(block)
        if block.isascii() and self._rest.isascii():
            self._rest = b""
            return
        # A character may be cut by the end of the block; lines are not, but may be long.
        text = self._rest + block
        cut = text.rfind(b"\n") + 1 or len(text)
        self._rest = text[cut:][:_BLOCK]
        self._count(text[:cut])

    def _count(self, text: bytes) -> None:
        try:
            self.valid += len(text) - len(text.decode())
            return
        except UnicodeDecodeError:
            decoded = text.decode(errors="surrogateescape")
        broken = sum(1 for sign in decoded if "\udc80" <= sign <= "\udcff")
        self.valid += sum(1 for sign in decoded if sign > "\x7f") - broken + 3 * len(_HALVES.findall(text))
        self.broken += broken
        self._keep(text)

    def _keep(self, text: bytes) -> None:
        for line in text.splitlines(keepends=True):
            if len(self.sample) >= _SAMPLE:
                return
            if not line.isascii():
                self.sample += line[:_SAMPLE]
                self.lines += 1

    def encoding(self) -> str:
        """Return the encoding of the whole file. Raises ValueError when it is no text."""
        if self._rest:
            self._count(self._rest)
        if self.valid >= self.broken:
            return "utf-8"
        return _legacy(bytes(self.sample), enough=self.lines >= _ENOUGH)


def _legacy(sample: bytes, *, enough: bool) -> str:
    """Return the encoding of lines that are not UTF-8."""
    if sample.count(0) or sum(byte < 9 for byte in sample[:1024]) > 2:
        raise ValueError("this is no text, and not UTF-8; export the readers as CSV")
    western = not set(sample) & set(b"\x81\x8d\x8f\x90\x9d")
    if western and not enough:
        return "cp1252"
    from charset_normalizer import from_bytes  # 40 ms: only for files of another time

    best = from_bytes(sample, threshold=0.4, cp_isolation=_LIKELY).best()
    guessed = best.encoding if best else ""
    if western and (guessed in ("", *_ALIKE) or (guessed == "cp1250" and not _CENTRAL.search(sample))):
        return "cp1252"
    if not guessed:
        raise ValueError("the file is not UTF-8, and its encoding cannot be told; save it as CSV UTF-8")
    return guessed
