"""Show text that others wrote without what would steer a terminal, or reverse the order of what is read.

Readers, providers, web servers and file names may hold control characters. They are shown as JSON writes them
(`\\u001b`), so that a printed JSON document stays one, with the same value.
"""

from __future__ import annotations

import re

_BIDI = "\u202a-\u202e\u2066-\u2069"
"""Embeddings, overrides and isolates, which change the order of the text around them (UAX 9)."""
_STEERING = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDI}]|\r(?!\n)")
_LINES = re.compile(r"[\t\r\n]")
_NAMES = {"\t": "\\t", "\r": "\\r", "\n": "\\n"}


def printable(text: str) -> str:
    """Return the text with line ends and tabs as they are, and every other control character as `\\u001b`."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    """Return the text on one line: line ends and tabs as `\\n` and `\\t`, other control characters as `\\u001b`."""
    return printable(_LINES.sub(lambda match: _NAMES[match[0]], text))
