"""Write what several APIs want of each reader: headers with their values, values by slot, mailboxes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from newsletter.messages.types import Syntax, Template


def reader_headers(
    template: Template, syntax: Syntax, columns: Sequence[Sequence[str]], count: int
) -> Iterator[dict[str, str]]:
    """Yield the headers of each of `count` recipients, with their values in place of slots."""
    before, after = syntax.slot.format("\0").split("\0")
    slot = re.compile(f"{re.escape(before)}(\\d+){re.escape(after)}")
    # The text between slots, and the slots' numbers, in turn; most headers have none.
    parts = {name: slot.split(value) for name, value in template.headers.items()}
    for row in range(count):
        yield {
            name: "".join(columns[int(part)][row] if place % 2 else part for place, part in enumerate(pieces))
            for name, pieces in parts.items()
        }


def reader_values(columns: Sequence[Sequence[str]], count: int) -> Iterator[Mapping[str, str]]:
    """Yield each recipient's values by the name of the slot: `s0`, `s1`, ..."""
    names = [f"s{number}" for number in range(len(columns))]
    if not columns:
        yield from ({} for _ in range(count))
        return
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


def values_excess(title: str, sizes: Sequence[int], *, each: int, together: int | None = None) -> str:
    """Say which limit in bytes the readers' values exceed: one reader's or, where there is one, that of all together.

    Empty when they exceed none.
    """
    if sizes and max(sizes) > each:
        return f"the values of one reader have {max(sizes):,} bytes; {title} takes {each:,}"
    if together is not None and sum(sizes) > together:
        return f"the values of a call's readers have {sum(sizes):,} bytes together; {title} takes {together:,}"
    return ""


def json_mailbox(name: str, address: str) -> dict[str, str]:
    """Return a mailbox as most APIs have it: `{"email": ..., "name": ...}`, without an empty name."""
    return {"email": address, "name": name} if name else {"email": address}
