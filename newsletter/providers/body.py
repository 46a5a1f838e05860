"""A request's body in pieces, nearly all of them shared by the messages of a batch.

Five hundred finished messages are some 30 MB. To make them whole costs more than all the rest of a
batch's preparation, most of it for fresh pages of memory; here they are joined a few at a time, as they leave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

BLOCK = 256 * 1024
"""Bytes that leave at once, about: they stay in the processor's cache."""
GAP = msgspec.Raw(b"\0")
"""Stands in JSON for a value that `filled` puts there; no JSON has this byte (RFC 8259 section 7)."""


class RequestBody:
    """Bytes, given as runs of pieces; each run, a message for instance, is joined as a whole."""

    def __init__(self, runs: Iterable[Sequence[bytes]]) -> None:
        self._runs = [*runs]
        self._sizes = [sum(map(len, run)) for run in self._runs]

    def __len__(self) -> int:
        return sum(self._sizes)

    def __bytes__(self) -> bytes:
        return b"".join(self)

    def __iter__(self) -> Iterator[bytes]:
        """Blocks of about BLOCK bytes; none is empty."""
        block: list[bytes] = []
        size = 0
        for run, length in zip(self._runs, self._sizes, strict=True):
            block += run
            size += length
            if size >= BLOCK:
                yield b"".join(block)
                block, size = [], 0
        if size:
            yield b"".join(block)

    def digest(self) -> bytes:
        """SHA-256 of all."""
        found = hashlib.sha256()
        for block in self:
            found.update(block)
        return found.digest()


NOTHING = RequestBody(())


def filled(encoded: bytes, *values: Sequence[bytes]) -> list[bytes]:
    """JSON with these values, in pieces, in the place of its GAPs."""
    first, *others = encoded.split(b"\0")
    pieces = [first]
    for value, text in zip(values, others, strict=True):
        pieces += value
        pieces.append(text)
    return pieces


def json_list(messages: Iterable[list[bytes]]) -> RequestBody:
    """A JSON list of these values, each in pieces."""
    runs = [run for message in messages for run in ([b","], message)]
    return RequestBody([[b"["], *runs[1:], [b"]"]])
