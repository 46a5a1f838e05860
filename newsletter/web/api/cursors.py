"""Cursors: where a long list goes on. They are sealed, so that no address is in a URL, and belong to one list."""

from __future__ import annotations

from newsletter.signed_links import Links, Purpose
from newsletter.web.api.problems import RefusalError


def write_cursor(links: Links, subject: str, last: object) -> str:
    """Return the cursor after the item with the key `last` of the list called `subject`, a word."""
    return links.token(Purpose.CURSOR, 0, 0, f"{subject} {last}")


def read_cursor(links: Links, subject: str, cursor: str) -> str:
    """Return the key that a cursor of this list holds. Raises RefusalError for any other text."""
    claims = links.read(cursor, Purpose.CURSOR)
    of, _, last = claims.list.partition(" ") if claims is not None else ("", "", "")
    if of != subject:
        raise RefusalError("refused", "the cursor is none of this list", hint="Begin without a cursor.")
    return last
