"""Colours of a theme: computed from a few settings, and checked for contrast.

Pure arithmetic on `#RRGGBB` (WCAG 2.2, "relative luminance" and "contrast ratio").
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from msgspec import structs

from newsletter.config import ThemeSection

READABLE = 4.5
"""The least contrast of text on its ground (WCAG 2.2, success criterion 1.4.3)."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one mode, light or dark."""

    page: str
    card: str
    tint: str
    text: str
    muted: str
    accent: str
    on_accent: str
    border: str


def light(theme: ThemeSection) -> Palette:
    """Return the colours of the light mode."""
    return _palette(theme.page, theme.card, theme.accent)


def dark(theme: ThemeSection) -> Palette:
    """Return the colours of the dark mode (`prefers-color-scheme: dark`)."""
    return _palette(theme.page_dark, theme.card_dark, theme.accent_dark)


def _palette(page: str, card: str, accent: str) -> Palette:
    is_light = luminance(card) > 0.4
    text, muted = ("#1B1D21", "#5E6470") if is_light else ("#E7E5E0", "#A3A7B0")
    return Palette(
        page=page,
        card=card,
        tint=mix(card, accent, 0.07),
        text=text,
        muted=muted,
        accent=accent,
        on_accent=max("#FFFFFF", "#0E1726", key=lambda colour: contrast(colour, accent)),
        border=mix(card, text, 0.13),
    )


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0 (black) to 1 (white)."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def contrast(ink: str, ground: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(ink), luminance(ground)))
    return (high + 0.05) / (low + 0.05)


def mix(ground: str, colour: str, share: float) -> str:
    """Return `ground` with a share (0 to 1) of `colour` mixed in."""
    pairs = ((int(ground[at : at + 2], 16), int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def inverted(colour: str) -> str:
    """Return the colour of this hue with light and dark exchanged, as mail clients that invert all colours show it."""
    hue, lightness, saturation = _hls(colour)
    return _hex(hue, 1 - lightness, saturation)


def nearest(colour: str, is_right: Callable[[str], bool]) -> str:
    """Return the colour of this hue whose lightness is nearest and that is right; empty when none is."""
    hue, lightness, saturation = _hls(colour)
    for step in range(256):
        for other in (lightness - step / 255, lightness + step / 255):
            if 0 <= other <= 1 and is_right(candidate := _hex(hue, other, saturation)):
                return candidate
    return ""


def _hls(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return colorsys.rgb_to_hls(red, green, blue)


def _hex(hue: float, lightness: float, saturation: float) -> str:
    return "#" + "".join(f"{round(channel * 255):02X}" for channel in colorsys.hls_to_rgb(hue, lightness, saturation))


def readable(theme: ThemeSection, setting: str) -> str:
    """Return the nearest colour for a setting with which its words can be read by day, by night and inverted.

    Empty when there is none, because another of the theme's colours leaves no room.
    """
    return nearest(getattr(theme, setting), lambda colour: _fits(structs.replace(theme, **{setting: colour}), setting))


def _fits(theme: ThemeSection, setting: str) -> bool:
    if any(name == setting for name, _ in unreadable(theme)):
        return False
    if setting not in ("accent", "accent_dark"):
        return True
    palette = light(theme) if setting == "accent" else dark(theme)
    pairs = [(palette.accent, palette.card), (palette.accent, palette.tint), (palette.on_accent, palette.accent)]
    if setting == "accent":  # mail clients that invert colours know no dark style sheet
        pairs += [(inverted(ink), inverted(ground)) for ink, ground in pairs]
    return all(contrast(ink, ground) >= READABLE for ink, ground in pairs)


def unreadable(theme: ThemeSection) -> Iterator[tuple[str, str]]:
    """Yield each setting that makes text hard to read, and why: `("accent", "accent #AAA on card #FFF has ...")`."""
    for palette, names in (
        (light(theme), ("accent", "card", "page")),
        (dark(theme), ("accent_dark", "card_dark", "page_dark")),
    ):
        colours = asdict(palette)
        for setting, ink, ground in (
            (names[0], "accent", "card"),
            (names[0], "on_accent", "accent"),
            (names[1], "text", "card"),
            (names[2], "muted", "page"),
        ):
            ratio = contrast(colours[ink], colours[ground])
            if ratio < READABLE:
                what = f"{ink.replace('_', ' ')} {colours[ink]} on {ground} {colours[ground]}"
                yield setting, f"{what} has a contrast of {ratio:.1f}; text needs {READABLE}"
