"""Pixels of a PNG file (ISO/IEC 15948): enough of the format to tell how much of a logo is transparent.

No picture of an issue is decoded to be sent; a rule asks about the publication's logo alone. Files that are
interlaced, or larger than a logo, are not read.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

from newsletter.checks.html.colours import Colour

MOST_BYTES = 4_000_000
"""Bytes of all pixels, unpacked, that are read: a logo of 1,000 by 1,000 pixels."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by PNG's colour type: grey, RGB, palette, grey with alpha, RGB with alpha."""


def read_colours(data: bytes) -> Counter[Colour] | None:
    """Return how many pixels of a PNG have each colour, with its alpha; None for a file that is not read."""
    chunks = dict(_chunks(data))
    if len(chunks.get(b"IHDR", b"")) != 13:
        return None
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if interlaced or kind not in _CHANNELS or depth not in (1, 2, 4, 8, 16):
        return None
    bits = _CHANNELS[kind] * depth
    line = (width * bits + 7) // 8
    if not 0 < (line + 1) * height <= MOST_BYTES:
        return None
    try:
        raw = zlib.decompressobj().decompress(chunks.get(b"IDAT", b""), (line + 1) * height)
    except zlib.error:
        return None
    if len(raw) != (line + 1) * height:
        return None
    counted: Counter[tuple[int, ...]] = Counter()
    for row in _rows(raw, line, max(1, bits // 8)):
        counted.update(_pixels(row, width, depth, _CHANNELS[kind]))
    colours: Counter[Colour] = Counter()
    for pixel, number in counted.items():
        colours[_colour(pixel, kind, depth, chunks)] += number
    return colours


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks by name, all IDAT as one."""
    at, packed = 8, []
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if name == b"IDAT":
            packed.append(content)
        else:
            yield name, content
        at += 12 + length
    yield b"IDAT", b"".join(packed)


def _rows(raw: bytes, line: int, step: int) -> Iterator[bytes]:
    """Yield each row with its filter undone; `step` is the bytes of a pixel, at least 1."""
    before = bytes(line)
    for start in range(0, len(raw), line + 1):
        row = bytearray(raw[start + 1 : start + 1 + line])
        _undo(raw[start], row, before, step)
        before = bytes(row)
        yield before


def _undo(method: int, row: bytearray, above: bytes, step: int) -> None:
    if method == 0:
        return
    for at in range(len(row)):
        left = row[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        added = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner))[min(method, 4)]
        row[at] = (row[at] + added) & 0xFF


def _paeth(left: int, above: int, corner: int) -> int:
    """Return the neighbour that is nearest to left + above - corner (section 9.4)."""
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))


def _pixels(row: bytes, width: int, depth: int, channels: int) -> Iterator[tuple[int, ...]]:
    """Yield the samples of each pixel; of 16 bits the upper 8."""
    if depth < 8:
        mask = (1 << depth) - 1
        for x in range(width):
            yield ((row[x * depth // 8] >> (8 - depth - x * depth % 8)) & mask,)
        return
    samples = row[:: depth // 8]
    yield from zip(*(samples[channel::channels] for channel in range(channels)), strict=True)


def _colour(pixel: tuple[int, ...], kind: int, depth: int, chunks: dict[bytes, bytes]) -> Colour:
    """Return the colour of a pixel's samples; a colour that `tRNS` makes transparent is known by its index alone."""
    if kind == 3:
        palette, alphas = chunks.get(b"PLTE", b""), chunks.get(b"tRNS", b"")
        index = pixel[0]
        red, green, blue = (*palette[3 * index : 3 * index + 3], 0, 0, 0)[:3]
        return Colour(red / 255, green / 255, blue / 255, alphas[index] / 255 if index < len(alphas) else 1.0)
    most = (1 << min(depth, 8)) - 1
    shares = [sample / most for sample in pixel]
    if kind in (0, 4):
        return Colour(shares[0], shares[0], shares[0], shares[1] if kind == 4 else 1.0)
    return Colour(*shares)
