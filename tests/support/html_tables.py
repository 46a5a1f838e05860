"""Read numbers out of the tables of a page."""

from __future__ import annotations

import re


def cells(html: str, heading: str) -> list[str]:
    """Return the words of the cells after the heading of a row: `heading` is its beginning, as HTML or as words."""
    row = re.search(rf'<th scope="row"[^>]*>(?:<[^>]*>)*{re.escape(heading)}.*?</tr>', html, re.DOTALL)
    assert row, heading
    return [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.findall(r"<td.*?</td>", row[0], re.DOTALL)]
