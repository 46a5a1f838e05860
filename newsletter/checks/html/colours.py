"""Colours: read from CSS, blended as screens blend them, and inverted as some mail clients do in dark mode.

Contrast ratios are computed in `rendering.colours`.
"""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import NamedTuple

from tinycss2 import color4


class Colour(NamedTuple):
    """Red, green, blue and alpha, 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def __str__(self) -> str:
        return "#" + "".join(f"{round(channel * 255):02X}" for channel in self[:3])

    def over(self, ground: Colour) -> Colour:
        """Return the colour that is seen where this one is painted on an opaque ground."""
        pairs = zip(self[:3], ground[:3], strict=True)
        red, green, blue = (above * self.alpha + below * (1 - self.alpha) for above, below in pairs)
        return Colour(red, green, blue)

    @property
    def inverted(self) -> Colour:
        """The colour of this hue with light and dark exchanged, as mail clients that invert all colours show it."""
        hue, light, saturation = colorsys.rgb_to_hls(*self[:3])
        red, green, blue = colorsys.hls_to_rgb(hue, 1 - light, saturation)
        return Colour(red, green, blue, self.alpha)


WHITE, BLACK = Colour(1, 1, 1), Colour(0, 0, 0)


@lru_cache(maxsize=2_000)
def read_colour(text: str) -> Colour | None:
    """Return the sRGB colour that CSS writes like this (CSS Color Level 4).

    Returns None for text that is no colour, and for one that depends on its element (`currentcolor`).
    """
    try:
        parsed = color4.parse_color(text)
        if parsed is None or parsed == "currentcolor":
            return None
        red, green, blue = parsed.to("srgb").coordinates
    except (NotImplementedError, ValueError, TypeError):
        return None
    return Colour(_screen(red), _screen(green), _screen(blue), parsed.alpha)


def _screen(channel: float | None) -> float:
    return min(1.0, max(0.0, channel or 0.0))
