"""The table of fault points is true: each has its tests where it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import faults

HERE = Path(__file__).parent
ROWS = re.findall(r"^F(\d+) .*  (test_\w+)", faults.__doc__ or "", re.MULTILINE)


def test_every_fault_point_is_in_the_table() -> None:
    assert [int(number) for number, _ in ROWS] == [number for number in range(1, 27) if number != 19]


@pytest.mark.parametrize(("number", "module"), ROWS)
def test_it_has_a_test_that_is_named_after_it(number: str, module: str) -> None:
    source = (HERE / f"{module}.py").read_text(encoding="utf-8")

    assert re.search(rf"def test_(?:f\d\d_)*f{int(number):02}_", source)
