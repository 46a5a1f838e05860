"""Characters that no text for readers may have, and those that nobody sees: one table for headers, values and checks.

Everything else is kept as people write it: emoji of any age and their joiners, flags made of tags, marks on letters,
letters of private use, and what Unicode has not assigned yet.
"""

from __future__ import annotations

import re

_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_DIRECTION = "\u202a-\u202e\u2066-\u2069"
"""Embeddings, overrides and isolates: unclosed, they turn round what follows (Unicode Technical Report 36)."""
_NO_CHARACTERS = "\ud800-\udfff\ufdd0-\ufdef" + "".join(
    chr((plane << 16) + 0xFFFE + n) for plane in range(17) for n in (0, 1)
)
_TAGS = "\U000e0000-\U000e007f"
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,30}\U000e007f"
"""A flag of England, Scotland, Wales...: a black flag, and tags that spell a region (Unicode Technical Standard 51)."""
_FORBIDDEN = re.compile(f"({_FLAG})|[{_CONTROL}{_DIRECTION}{_NO_CHARACTERS}{_TAGS}\ufeff\ufff9-\ufffb]")
_BREAKS = re.compile(f"[{_CONTROL}\t\n\r\u2028\u2029]+")
INVISIBLE = re.compile(
    f"({_FLAG})|[\u202a-\u202e\xad\u034f\u115f\u1160\u180e\u200b\u2060-\u2064\u3164\ufeff\uffa0{_TAGS}]"
    "|(?<![^\x00-\u05ff])\u200c|\u200c(?![^\x00-\u05ff])"
)
"""Characters without a width, or that change the direction of the text; group 1 is set for a flag, which is none.

A zero-width non-joiner is a part of words in Arabic, Persian and Indian scripts, and invisible elsewhere.
"""


def without_forbidden(text: str) -> str:
    """Return a text without control characters, direction overrides and code points that are no characters."""
    return text if text.isprintable() else _FORBIDDEN.sub(lambda match: match[1] or "", text)


def with_marks(text: str) -> str:
    """Return a text for a terminal, with U+FFFD in place of each character that a terminal would act on."""
    return (
        text if text.isprintable() else _FORBIDDEN.sub(lambda match: match[1] or "\ufffd", _BREAKS.sub("\ufffd", text))
    )


def one_line(text: str) -> str:
    """Return a text on one line: control characters and runs of spaces become single spaces."""
    if text.isprintable() and "  " not in text:
        return text.strip(" ")
    kept = without_forbidden(_BREAKS.sub(" ", text))
    return " ".join(word for word in kept.split(" ") if word)
