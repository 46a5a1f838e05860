"""The levels of headings: those in a body follow the title of their block, so that none is skipped or stands above.

An author begins with `##`, or with `#`, and goes down; the email's own heading is the only one of level 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from markdown_it.token import Token

LOWEST = 6
"""The last level of heading that HTML has."""
_TAG = re.compile(r"(</?h)([1-6])(?=[\s>])")


def top_level(tokens: Iterable[Token]) -> int:
    """Return the highest level of heading among block tokens, 1 to 6; 7 when there is none."""
    return min((int(token.tag[1]) for token in tokens if token.type == "heading_open"), default=LOWEST + 1)


def has_heading(html: str) -> bool:
    """Tell whether HTML has a heading."""
    return "<h" in html and _TAG.search(html) is not None


def level_above(html: str) -> int:
    """Return the level of the last heading in what stands before a body; 1 when there is none, as for the subject."""
    levels = _TAG.findall(html)
    return int(levels[-1][1]) if levels else 1


def shifted(html: str, levels: int) -> str:
    """Return HTML with every heading moved down by some levels, at most to the last."""
    if not levels:
        return html
    return _TAG.sub(lambda tag: f"{tag[1]}{min(int(tag[2]) + levels, LOWEST)}", html)
