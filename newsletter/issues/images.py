"""Pictures of the publication: whether a file is there, inside the folder and an image, and how large it is.

The first bytes decide the kind, and the name must end accordingly; imagesize reads the size. Nothing is decoded,
nothing is fetched, and a file whose place or name is no picture's is never opened: closing SQLite's file drops the
locks that this process holds on it (https://sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

import codecs
import io
import os
import posixpath
import re
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

MOST_NAMED = 500
_KIND_BY_SUFFIX = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp", ".svg": "svg"}
PRIVATE_FOLDERS = frozenset(("issues", "outbox", "build", "exports"))
"""Folders of the publication that hold drafts, mail and readers' data: no server gives out anything in them."""
_ENOUGH = 65_536  # a JPEG's frame header comes after its Exif data
MEDIA_TYPES = {
    "png": "image/png",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "svg": "image/svg+xml",
}
_KINDS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"GIF8", "gif"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp"))
"""The first bytes of the kinds that mail clients show. SVG is text and is recognised by its root element."""
_BEFORE_ROOT = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^<>\[]*(?:\[[^\]]*\]\s*)?>", re.DOTALL | re.IGNORECASE)
"""What XML allows before the root element: space, declarations, comments, a document type."""
_SVG_ROOT = re.compile(rb"<(?:[\w.-]+:)?svg[\s/>]")


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A picture file: its kind, and its size in pixels (0 where its first bytes do not hold it)."""

    kind: str
    width: int
    height: int


class PictureError(ValueError):
    """A path that is no usable picture; the message is a sentence for its author."""


def is_remote(path: str) -> bool:
    """Tell an address from a path."""
    return path.lower().startswith(("http://", "https://"))


def find_picture(root: Path, path: str) -> ImageFile:
    """Return the picture at a path inside the publication's folder. Raises PictureError."""
    file = locate_picture(root, path)
    picture = read_picture(_beginning(file, path), path)
    if picture.kind != _KIND_BY_SUFFIX[file.suffix.lower()]:
        suffix = next(suffix for suffix, kind in _KIND_BY_SUFFIX.items() if kind == picture.kind)
        raise PictureError(f'"{path}" holds a {picture.kind.upper()}: rename it to end in {suffix}')
    return picture


def locate_picture(root: Path, path: str) -> Path:
    """Return the file at a path, judged by its place and name alone, not opened. Raises PictureError."""
    folder = root.resolve()
    try:
        file = (root / picture_path(root, path)).resolve()
    except ValueError as error:  # a NUL
        raise PictureError(f'no picture "{path}"') from error
    # resolve() follows symbolic links, so that none leads out of the folder or to another kind of file.
    if not file.is_relative_to(folder):
        raise PictureError(f'picture "{path}" is outside the publication')
    if not os.path.isfile(file):  # unlike `is_file`, False for a name that is too long
        raise PictureError(f'no picture "{path}"')
    if file.suffix.lower() not in _KIND_BY_SUFFIX:
        raise PictureError(f'"{path}" is not a picture: its name does not end in {", ".join(_KIND_BY_SUFFIX)}')
    parts = file.relative_to(folder).parts
    # Lower case: some file systems do not tell `Issues` from `issues`.
    if parts[0].lower() in PRIVATE_FOLDERS or any(part.startswith(".") for part in parts):
        raise PictureError(f'picture "{path}" is in a folder that is never published: move it to images/')
    return file


def _beginning(file: Path, path: str) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_ENOUGH)
    except OSError as error:
        raise PictureError(f'picture "{path}" cannot be read: {error.strerror}') from error


def read_picture(head: bytes, path: str) -> ImageFile:
    """Return the kind and size that the first bytes of a file hold. Raises PictureError when it is no picture."""
    kind = _kind_of(head)
    if not kind:
        raise PictureError(f'"{path}" is not a picture')
    if kind == "svg":
        return ImageFile(kind=kind, width=0, height=0)
    width, height = _size_of(head)
    # A JPEG may hold its size after more than the bytes that are read here.
    if kind != "jpeg" and not (width and height):
        raise PictureError(f'"{path}" is a {kind.upper()} without a size: it is broken')
    return ImageFile(kind=kind, width=width, height=height)


def _kind_of(head: bytes) -> str:
    for magic, kind in _KINDS:
        if head.startswith(magic) and (kind != "webp" or head[8:12] == b"WEBP"):
            return kind
    return "svg" if _is_svg(head) else ""


def _is_svg(head: bytes) -> bool:
    """Tell whether the root element of an XML document is `<svg>`; an element further inside does not count."""
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    while skipped := _BEFORE_ROOT.match(head, start):
        start = skipped.end()
    return _SVG_ROOT.match(head, start) is not None


def _size_of(head: bytes) -> tuple[int, int]:
    """Return width and height, 0 and 0 when the bytes end before them or contradict themselves."""
    import imagesize  # brings urllib.request: only where a picture is read

    try:
        width, height = imagesize.get(io.BytesIO(head))
    except (ValueError, LookupError, ArithmeticError, OSError, struct.error):  # what broken bytes lead to
        return 0, 0
    return (int(width), int(height)) if width > 0 and height > 0 else (0, 0)


def image_names(root: Path) -> list[str]:
    """Return the paths in `images/` that look like pictures, as an issue would name them; at most MOST_NAMED."""
    files = sorted(file for file in (root / "images").rglob("*") if file.suffix.lower() in _KIND_BY_SUFFIX)
    return [file.relative_to(root).as_posix() for file in files[:MOST_NAMED] if file.is_file()]


def picture_path(root: Path, path: str) -> str:
    """Return the path that a picture's file has inside the publication, for a path that its author wrote.

    That is the path as written, else with its percent signs decoded once (RFC 3986, 2.1) or, as browsers save files,
    encoded; and with slashes for backslashes. Names are equal when Unicode says so (UAX 15): macOS writes accents
    apart. Returns the path as written when no file is there.
    """
    for spelling in _spellings(path):
        if os.path.isfile(root / spelling):
            return spelling
        if not spelling.isascii() and (stored := _as_stored(root, spelling)):
            return stored
    return _tidy(path)


def _spellings(path: str) -> Iterator[str]:
    """Yield the paths that may be meant, the likeliest first."""
    # Most paths are plain, and a plain path is spelled in one way only.
    yield _tidy(path)
    decoded = unquote(path)
    for each in (decoded, quote(path), path.replace("\\", "/"), decoded.replace("\\", "/")):
        if each != path:
            yield _tidy(each)


def _tidy(path: str) -> str:
    """Return a path without `./`, doubled slashes and steps up, so that its address has none."""
    return posixpath.normpath(path) if path and "\0" not in path else path


def _as_stored(root: Path, path: str) -> str:
    """Return the path with its names as the disk spells them; empty when there is no such file."""
    place: list[str] = []
    for name in path.split("/"):
        wanted = unicodedata.normalize("NFC", name)
        try:
            names = os.listdir(root.joinpath(*place))
        except OSError:
            return ""
        stored = next((each for each in names if unicodedata.normalize("NFC", each) == wanted), None)
        if stored is None:
            return ""
        place.append(stored)
    return "/".join(place)


def picture_url(root: Path, base: str, path: str) -> str:
    """Return the address readers load it from, `<publication.url>/images/<path>`; an address stays as it is."""
    if is_remote(path):
        return path
    return f"{base}/images/{quote(picture_path(root, path).removeprefix('images/'))}"
