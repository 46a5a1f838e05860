"""Request bodies in pieces: the bytes are those of the whole, however it is cut."""

from __future__ import annotations

import hashlib
import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from newsletter.providers.body import BLOCK, GAP, NOTHING, RequestBody, filled, json_list

runs = st.lists(st.lists(st.binary(max_size=20) | st.just(b"x" * (BLOCK // 3)), max_size=4), max_size=8)


@given(runs)
def test_a_body_is_its_pieces_one_after_the_other(given: list[list[bytes]]) -> None:
    body, whole = RequestBody(given), b"".join(piece for run in given for piece in run)

    blocks = [*body]

    assert b"".join(blocks) == bytes(body) == whole
    assert len(body) == len(whole)
    assert body.digest() == hashlib.sha256(whole).digest()
    assert all(blocks)


def test_blocks_are_of_a_size_that_stays_in_the_cache() -> None:
    blocks = [*RequestBody([[b"x" * 60_000]] * 100)]

    assert len(blocks) == 20
    assert max(map(len, blocks)) <= BLOCK + 60_000


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_a_list_of_messages_is_json_with_every_value_in_its_gap(texts: list[tuple[str, str]]) -> None:
    pieces = (
        filled(
            msgspec.json.encode({"a\0b": message, "html": GAP, "text": GAP}), [b'"', b'h"'], [msgspec.json.encode(two)]
        )
        for message, two in texts
    )

    assert json.loads(bytes(json_list(pieces))) == [
        {"a\0b": message, "html": "h", "text": two} for message, two in texts
    ]


def test_no_body_is_empty() -> None:
    assert (len(NOTHING), bytes(NOTHING), [*NOTHING]) == (0, b"", [])
