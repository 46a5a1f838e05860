"""Fill in a provider's slots, and show what it would execute."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Fill = Callable[[str], str]


def braces(values: Mapping[str, str], prefix: str = "", *, number: int = 2, jinja: bool = False) -> Fill:
    """Return a template language of braces: a slot is its value, and anything else in braces is executed, to show."""
    opening, closing = "{" * number, "}" * number
    code = r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}" if jinja else r"\{\{.*?\}\}"

    def fill(text: str) -> str:
        slot = re.compile(re.escape(opening) + r"\s*" + re.escape(prefix) + r"(\w+)\s*" + re.escape(closing))
        pieces = slot.split(text)
        # Values are put in after the text was looked at: they are data.
        written = [re.sub(code, "EXECUTED", piece) for piece in pieces[::2]]
        filled = [values.get(name, "") for name in pieces[1::2]]
        return "".join(text + value for text, value in zip(written, [*filled, ""], strict=True))

    return fill
