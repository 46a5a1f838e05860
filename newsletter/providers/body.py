"""The body of a request in pieces, most of which the messages of a batch share.

Five hundred finished messages are some 30 MB. Joining them all costs more than the rest of a batch's
preparation, most of it for fresh pages of memory; here a few are joined at a time, as they are sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

BLOCK = 256 * 1024
"""Bytes that are sent at once, about: so many stay in the processor's cache."""
GAP = msgspec.Raw(b"\0")
"""The place in JSON of a value that `filled` inserts; no JSON has this byte (RFC 8259 section 7)."""


class RequestBody:
    """The bytes of a request as runs of pieces; each run, such as a message, is joined as a whole."""

    def __init__(self, runs: Iterable[Sequence[bytes]]) -> None:
        self._runs = [*runs]
        self._sizes = [sum(map(len, run)) for run in self._runs]

    def __len__(self) -> int:
        return sum(self._sizes)

    def __bytes__(self) -> bytes:
        return b"".join(self)

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks of about BLOCK bytes, none of them empty."""
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
        """Return the SHA-256 of all bytes."""
        sha256 = hashlib.sha256()
        for block in self:
            sha256.update(block)
        return sha256.digest()


NOTHING = RequestBody(())


def filled(encoded: bytes, *values: Sequence[bytes]) -> list[bytes]:
    """Return JSON in pieces, with these values in the places of its GAPs."""
    beginning, *texts = encoded.split(b"\0")
    pieces = [beginning]
    for value, text in zip(values, texts, strict=True):
        pieces += value
        pieces.append(text)
    return pieces


def json_list(messages: Iterable[list[bytes]]) -> RequestBody:
    """Return the body of a JSON list of values, each of them in pieces."""
    # A comma before each value; the first comma is dropped below.
    runs = [run for message in messages for run in ([b","], message)]
    return RequestBody([[b"["], *runs[1:], [b"]"]])
