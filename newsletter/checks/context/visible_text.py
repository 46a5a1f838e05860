"""Words that readers see, and how they look: what rules about reading go through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from newsletter.checks.context.context import Context
from newsletter.checks.html.computed_style import ComputedStyle
from newsletter.checks.html.visibility import Element
from newsletter.rendering import colours

LARGE = 3.0
"""WCAG 2.2, success criterion 1.4.3: text of 24 pixels, or of 18.66 pixels and bold; smaller text needs 4.5."""


class VisibleText(NamedTuple):
    """A run of text that readers see, and how it looks."""

    element: Element
    text: str
    look: ComputedStyle

    @property
    def contrast(self) -> float:
        """Of ink and ground, 1 to 21; 21 where nobody knows the ground."""
        return colours.contrast(str(self.look.ink), str(self.look.ground)) if self.look.ground else 21.0

    @property
    def wanted(self) -> float:
        """The least that can be read."""
        return LARGE if self.look.is_large else colours.READABLE

    @property
    def is_faint(self) -> bool:
        """Whether it is less; a hundredth is rounding."""
        return self.contrast < self.wanted - 0.01

    @property
    def message(self) -> str:
        """What is wrong, with its values."""
        pair = f"{self.look.ink} on {self.look.ground}"
        return f'"{self.text[:30]}" has a contrast of {self.contrast:.1f} ({pair}); it needs {self.wanted:g}'


def seen_words(context: Context, looks: Mapping[Element, ComputedStyle]) -> Iterator[VisibleText]:
    """The text directly inside each element, as these looks have it."""
    for element, text in context.runs:
        look = looks[element]
        if look.display != "none":
            yield VisibleText(element, text, look)
