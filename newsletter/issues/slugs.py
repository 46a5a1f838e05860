"""Slugs: the part of an issue's file name that is also its web address, made from a title.

Pure: the caller knows which slugs are taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from itertools import count

LONGEST = 60
"""Characters of a slug: a file name may have 255 bytes, and a character takes up to four."""

_SPELLED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i"}
)
_DROPPED = re.compile("['’ʼ`\u0300-\u036f]")
"""Apostrophes, and accents that stand beside their letter."""


def slugify(title: str) -> str:
    """Return `dont-panic-zoe` for `Don't panic, Zoë!`; letters that have no ASCII form stay as they are.

    The slug of a title without letters and digits is empty.
    """
    # NFC first, so that é in two characters is spelled as é in one.
    text = _DROPPED.sub("", unicodedata.normalize("NFC", title.lower())).translate(_SPELLED)
    words = "".join(_spelled(character) for character in text).split()
    return _shortened(words)


def free_slug(slug: str, taken: Container[str]) -> str:
    """Return the slug, or the first of `slug-2`, `slug-3`, ... that is not taken."""
    if slug not in taken:
        return slug
    return next(f"{slug}-{n}" for n in count(2) if f"{slug}-{n}" not in taken)


def _spelled(character: str) -> str:
    """Return a letter, mark or digit in its ASCII form if it has one, and a space for any other character."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if c.isascii() and c.isalnum())
    if plain:
        return plain.lower()  # a capital among mathematical letters has no small form of its own
    kept = unicodedata.category(character)[0] in "LN" or unicodedata.category(character) in ("Mn", "Mc")
    return character if kept and not _is_variation_selector(character) else " "


def _is_variation_selector(character: str) -> bool:
    """Tell whether a character chooses how the one before it looks (Unicode, 23.4); emoji carry them."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _shortened(words: list[str]) -> str:
    """Join as many whole words as fit into LONGEST, at least the beginning of the first."""
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > LONGEST:
            return slug or word[:LONGEST]
        slug = longer
    return slug
