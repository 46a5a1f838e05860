"""A logo that vanishes on the dark card is found; others are not."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks.context.png import read_colours
from newsletter.checks.context.rule import Example
from newsletter.checks.html.colours import Colour
from tests.checks.publications import check

CLEAR, DARK, LIGHT, RED = (0, 0, 0, 0), (14, 23, 38, 255), (255, 255, 255, 255), (220, 60, 50, 255)
Pixel = tuple[int, ...]


def png(
    width: int, height: int, depth: int, kind: int, rows: list[bytes], more: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """A PNG of rows that begin with their filter."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = ((b"IHDR", header), *more, (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    made = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def rgba(pixels: list[list[Pixel]], filters: list[int]) -> bytes:
    """A PNG with alpha whose rows are filtered as a writer would (ISO/IEC 15948, section 9)."""
    rows, above = [], bytes(4 * len(pixels[0]))
    for method, line in zip(filters, pixels, strict=True):
        row = bytes(sample for pixel in line for sample in pixel)
        rows.append(bytes([method]) + bytes(_filtered(method, row, above, at) for at in range(len(row))))
        above = row
    return png(len(pixels[0]), len(pixels), 8, 6, rows)


def _filtered(method: int, row: bytes, above: bytes, at: int) -> int:
    left, up, corner = (row[at - 4] if at > 3 else 0), above[at], (above[at - 4] if at > 3 else 0)
    guess = left + up - corner
    nearest = min((left, up, corner), key=lambda value: abs(guess - value))
    return (row[at] - (0, left, up, (left + up) // 2, nearest)[method]) & 0xFF


def logo(*inside: Pixel) -> bytes:
    line = [CLEAR, *inside, CLEAR]
    return rgba([[CLEAR] * len(line), line, line, [CLEAR] * len(line)], [0, 1, 2, 4])


def is_found(folder: Path, picture: bytes, more: str = "") -> bool:
    settings = f'[theme]\nlogo = "images/logo.png"\n{more}'
    files = {"images/logo.png": picture, "images/light.png": logo(LIGHT)}
    return "NL212" in [problem.rule for problem in check(folder, Example(settings=settings, files=files))]


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        ((DARK, DARK), True),
        ((DARK, DARK, RED), True),
        ((DARK, RED, RED), False),
        ((LIGHT, LIGHT), False),
        ((RED, RED), False),
        (((20, 20, 20, 90), RED), False),
    ],
)
def test_a_dark_transparent_logo_without_one_for_the_dark_is_reported(
    tmp_path: Path, inside: tuple[Pixel, ...], found: bool
) -> None:
    assert is_found(tmp_path, logo(*inside)) is found


def test_a_logo_with_a_ground_of_its_own_is_seen_on_any_card(tmp_path: Path) -> None:
    assert not is_found(tmp_path, rgba([[DARK] * 4] * 4, [0, 1, 2, 3]))


def test_a_logo_for_the_dark_or_a_light_dark_card_settles_it(tmp_path: Path) -> None:
    assert not is_found(tmp_path, logo(DARK), 'logo_dark = "images/light.png"\n')
    assert not is_found(tmp_path, logo(DARK), 'card_dark = "#AAAAAA"\n')


def test_palettes_and_greys_with_alpha_are_read(tmp_path: Path) -> None:
    palette = ((b"PLTE", bytes([*DARK[:3], *RED[:3]])), (b"tRNS", bytes([255, 0])))
    grey = [b"\0" + bytes([0, 0, 10, 255, 10, 255])]

    assert is_found(tmp_path, png(4, 1, 1, 3, [b"\0" + bytes([0b00010000])], palette))
    assert is_found(tmp_path, png(3, 1, 8, 4, grey))


@given(st.integers(1, 9), st.integers(1, 6), st.integers())
def test_pixels_are_read_whatever_filters_the_writer_used(width: int, height: int, seed: int) -> None:
    chance = random.Random(seed)
    pixels = [[tuple(chance.randrange(256) for _ in range(4)) for _ in range(width)] for _ in range(height)]

    counted = read_colours(rgba(pixels, [chance.randrange(5) for _ in range(height)]))

    assert counted is not None
    assert counted.total() == width * height
    assert set(counted) == {Colour(*(sample / 255 for sample in pixel)) for line in pixels for pixel in line}


@given(st.binary(max_size=80))
def test_no_broken_file_stops_a_check(tail: bytes) -> None:
    read_colours(b"\x89PNG\r\n\x1a\n" + tail)
    read_colours(logo(DARK)[:-20] + tail)
