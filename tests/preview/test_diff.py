from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from newsletter.preview.diff import LineChange, Row, differences, folded


def marked(row: Row) -> tuple[str, str]:
    """Both sides, what differs in brackets."""
    left, right = (
        "".join(f"[{piece.text}]" if piece.differs else piece.text for piece in side) for side in (row.left, row.right)
    )
    return left, right


def test_in_a_changed_line_the_words_that_differ_are_marked() -> None:
    rows = differences("The wafer costs $100.\nThe end.", "The wafer costs $250 now.\nThe end.")

    assert [row.kind for row in rows] == [LineChange.CHANGED, LineChange.SAME]
    assert marked(rows[0]) == ("The wafer costs $[100].", "The wafer costs $[250 now].")


def test_lines_that_have_nothing_in_common_are_removed_and_added() -> None:
    rows = differences("Hello Ada.\nOld news about chips.\nBye.", "Hello Ada.\n- 12 cameras\nBye.")

    assert [(row.kind, *marked(row)) for row in rows][1:3] == [
        (LineChange.REMOVED, "[Old news about chips.]", ""),
        (LineChange.ADDED, "", "[- 12 cameras]"),
    ]


def test_a_line_finds_its_counterpart_past_added_ones() -> None:
    rows = differences("One sentence that stays nearly.", "Something new\nAnother\nOne sentence that stays clearly.")

    assert [row.kind for row in rows] == [LineChange.ADDED, LineChange.ADDED, LineChange.CHANGED]


def test_what_is_far_from_every_change_is_folded_and_counted() -> None:
    lines = [f"line {number}" for number in range(20)]
    rows = differences("\n".join(lines), "\n".join([*lines[:10], "changed entirely", *lines[11:]]))

    shown = folded(rows, around=1)

    assert [part if isinstance(part, int) else part.kind.value for part in shown] == [
        *(9, "same", "removed", "added", "same", 8)
    ]


@given(st.text("ab \n"), st.text("ab \n"))
def test_both_texts_can_be_read_from_the_rows(left: str, right: str) -> None:
    rows = differences(left, right)

    assert "\n".join("".join(piece.text for piece in row.left) for row in rows if row.left) == left
    assert "\n".join("".join(piece.text for piece in row.right) for row in rows if row.right) == right


def test_an_issue_that_was_written_anew_is_compared_within_seconds() -> None:
    left = "\n".join(f"{n} " + "alpha beta gamma " * 30 for n in range(600))
    right = "\n".join(f"{n} " + "delta epsilon zeta " * 30 for n in range(600))

    begun = time.process_time()
    differences(left, right)

    assert time.process_time() - begun < 5
