"""The rule about the logo: it must be seen on the dark card too."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from newsletter.checks.context.context import Context
from newsletter.checks.context.png import read_colours
from newsletter.checks.context.rule import WARNING, Example, Finding, Scope, rule
from newsletter.checks.html.colours import Colour
from newsletter.issues.images import PictureError, is_remote, locate_picture
from newsletter.rendering import colours

FAINT = 2.0
"""The contrast below which a shape is hardly seen; WCAG 2.2 (1.4.11) wants 3."""
MOST_FAINT = 0.5
"""The share of a logo's visible pixels that may be faint; words beside a bright sign are often half of it."""
LEAST_CLEAR = 0.05
"""The share of a picture's pixels that are clear in a logo without a ground of its own."""


def _png(pixel: str) -> bytes:
    """Return a PNG of 4 by 4 pixels with a clear edge; `pixel` is the colour inside, as `RRGGBBAA` in hex."""
    clear, inside = bytes(4), bytes.fromhex(pixel)
    rows = [clear * 4, clear + inside * 2 + clear, clear + inside * 2 + clear, clear * 4]
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 6, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


_SETTINGS = '[theme]\nlogo = "images/logo.png"\n'


@rule(
    "NL212",
    WARNING,
    Scope.SOURCE,
    summary="The logo is dark and transparent, and there is none for dark mode.",
    why="In dark mode mail programs and browsers show it on the dark card, where it vanishes.",
    fix="Save a light version of it, and name it as [theme] logo_dark; or give the logo an opaque ground.",
    fires=Example(
        settings=_SETTINGS,
        files={"images/logo.png": _png("0E1726FF")},
        shown='logo = "images/logo.png", dark words without a ground, and no logo_dark',
    ),
    passes=Example(
        settings=f'{_SETTINGS}logo_dark = "images/light.png"\n',
        files={"images/logo.png": _png("0E1726FF"), "images/light.png": _png("FFFFFFFF")},
        shown='logo = "images/logo.png" and logo_dark = "images/light.png"',
    ),
)
def _vanishing_logo(context: Context) -> Iterator[Finding]:
    theme = context.config.theme
    if not theme.logo or theme.logo_dark or is_remote(theme.logo):
        return
    try:
        path = locate_picture(context.publication.root, theme.logo)
        changed = path.stat().st_mtime_ns
    except (PictureError, OSError):
        return
    if _vanishes(path, changed, str(theme.card_dark)):
        message = f"the logo is dark and transparent: on the dark card ({theme.card_dark}) it is hardly seen"
        yield Finding.at(context.settings_spot("theme", "logo"), message)


@lru_cache(maxsize=8)
def _vanishes(path: Path, _changed: int, card: str) -> bool:
    """Tell whether most of what is seen of a PNG is faint on a card; False for files that are not read."""
    pixels = read_colours(path.read_bytes()) if path.suffix.lower() == ".png" else None
    if not pixels:
        return False
    visible = {colour: number for colour, number in pixels.items() if colour.alpha >= 0.5}
    seen = sum(visible.values())
    if not seen or pixels.total() - seen < LEAST_CLEAR * pixels.total():
        return False
    faint = sum(number for colour, number in visible.items() if _contrast(colour, card) < FAINT)
    return faint > MOST_FAINT * seen


def _contrast(colour: Colour, card: str) -> float:
    return colours.contrast(str(colour), card)
