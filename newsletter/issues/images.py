"""Pictures of the publication: is it there, is it inside, is it an image, how large.

Knows the kinds that mail clients show; the first bytes decide, not the name.
Nothing is decoded and nothing is fetched.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

MOST_NAMED = 500
_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"))
_ENOUGH = 65_536  # a JPEG's frame header comes after its Exif data


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A picture file: its kind and its size in pixels (0 where the kind does not say)."""

    kind: str
    width: int
    height: int


class PictureError(ValueError):
    """A path that is no usable picture: what is wrong."""


def is_remote(path: str) -> bool:
    """An address, not a path."""
    return path.lower().startswith(("http://", "https://"))


def find_picture(root: Path, path: str) -> ImageFile:
    """The picture at a path inside the publication's folder. Raises PictureError."""
    file = (root / path).resolve()
    if not file.is_relative_to(root.resolve()):
        raise PictureError(f'picture "{path}" is outside the publication')
    if not file.is_file():
        raise PictureError(f'no picture "{path}"')
    try:
        with file.open("rb") as stream:
            head = stream.read(_ENOUGH)
    except OSError as error:
        raise PictureError(f'picture "{path}" cannot be read: {error.strerror}') from error
    return read_picture(head, path)


def read_picture(head: bytes, path: str) -> ImageFile:
    """What the first bytes of a file say. Raises PictureError when it is no picture."""
    for magic, kind, size in _KINDS:
        if head.startswith(magic) and (kind != "webp" or head[8:12] == b"WEBP"):
            width, height = size(head)
            if kind != "jpeg" and not (width and height):  # a JPEG may say its size after more than we look at
                raise PictureError(f'"{path}" is a {kind.upper()} without a size: it is broken')
            return ImageFile(kind=kind, width=width, height=height)
    if b"<svg" in head[:1024]:
        return ImageFile(kind="svg", width=0, height=0)
    raise PictureError(f'"{path}" is not a picture')


def image_names(root: Path) -> list[str]:
    """The paths in `images/` that look like pictures, as an issue would name them; at most MOST_NAMED."""
    found = sorted(file for file in (root / "images").rglob("*") if file.suffix.lower() in _SUFFIXES)
    return [file.relative_to(root).as_posix() for file in found[:MOST_NAMED] if file.is_file()]


def picture_url(base: str, path: str) -> str:
    """The address readers load it from: `<publication.url>/images/<path>`; addresses stay as they are."""
    if is_remote(path):
        return path
    return f"{base}/images/{quote(path.removeprefix('./').removeprefix('images/'))}"


def _png(head: bytes) -> tuple[int, int]:
    """PNG specification, section 11.2.2: IHDR comes first."""
    return _unpacked(">II", head, 16)


def _gif(head: bytes) -> tuple[int, int]:
    """GIF89a, section 18: the logical screen."""
    return _unpacked("<HH", head, 6)


def _jpeg(head: bytes) -> tuple[int, int]:
    """ITU-T T.81, annex B: skip segments up to a start of frame."""
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = _unpacked(">HH", head, at + 5)
            return width, height
        at += 2 + _unpacked(">HH", head, at + 2)[0]
    return 0, 0


def _webp(head: bytes) -> tuple[int, int]:
    """WebP container specification: extended, lossless or lossy."""
    if len(head) < 30:
        return 0, 0
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = _unpacked("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF


def _unpacked(form: str, head: bytes, at: int) -> tuple[int, int]:
    try:
        one, other = struct.unpack_from(form, head, at)
    except struct.error:
        return 0, 0
    return int(one), int(other)


_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "png", _png),
    (b"GIF8", "gif", _gif),
    (b"\xff\xd8\xff", "jpeg", _jpeg),
    (b"RIFF", "webp", _webp),
)
