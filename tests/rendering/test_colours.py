"""Colours of a theme: text is readable, whatever colours a publication sets."""

from __future__ import annotations

import re
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import HexColour, ThemeSection
from newsletter.rendering.colours import READABLE, contrast, dark, light, mix, unreadable

colours = st.integers(0, 0xFFFFFF).map("#{:06X}".format)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == 21
    assert round(contrast("#777777", "#FFFFFF"), 2) == 4.48


@given(colours, colours)
def test_contrast_is_the_same_both_ways_and_between_1_and_21(first: str, second: str) -> None:
    assert contrast(first, second) == contrast(second, first)
    assert 1 <= contrast(first, second) <= 21


@given(colours)
def test_the_words_on_a_button_can_be_read_on_any_accent(accent: str) -> None:
    palette = light(ThemeSection(accent=HexColour(accent)))
    assert contrast(palette.on_accent, palette.accent) >= READABLE or contrast("#FFFFFF", accent) < READABLE
    assert all(re.fullmatch(r"#[0-9A-F]{6}", colour) for colour in asdict(palette).values())


def test_the_default_theme_can_be_read_by_day_and_by_night() -> None:
    assert list(unreadable(ThemeSection())) == []
    assert contrast(dark(ThemeSection()).text, dark(ThemeSection()).card) > 12


def test_a_pale_accent_is_reported_by_its_setting() -> None:
    settings = [setting for setting, _ in unreadable(ThemeSection(accent=HexColour("#FFD54F")))]
    assert settings == ["accent"]


def test_mixing_moves_from_one_colour_to_the_other() -> None:
    assert mix("#000000", "#FFFFFF", 0) == "#000000"
    assert mix("#000000", "#FFFFFF", 1) == "#FFFFFF"
