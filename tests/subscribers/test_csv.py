"""An exported cell is text in every spreadsheet, whatever it separates cells by, and an import reads it back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.subscribers.csv import CsvFile, CsvWriter, guard, unguard
from tests.conftest import Run
from tests.support.sending import settings

pytestmark = pytest.mark.usefixtures("each_database")

HOSTILE = st.text(st.sampled_from("=+-@＝'\" ,;\t\r\na1|"), max_size=12) | st.text(max_size=20)
RUN = "=+-@＝＋－＠"


def cells_of(text: str, delimiter: str, quotes: int) -> list[str]:
    lines = io.StringIO(text, newline=None)
    return [cell for row in csv.reader(lines, delimiter=delimiter, quoting=quotes) for cell in row]  # type: ignore[arg-type]


def written(*cells: str) -> str:
    stream = io.StringIO(newline="")
    CsvWriter(stream).write(["ada@example.com", *cells])
    return stream.getvalue()


@given(cell=HOSTILE)
def test_an_import_takes_back_what_the_export_put_in(cell: str) -> None:
    assert unguard(guard(cell)) == cell
    assert unguard(guard(guard(cell))) == guard(cell)


@given(cells=st.lists(HOSTILE, min_size=1, max_size=3))
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_spreadsheet_finds_a_formula(delimiter: str, cells: list[str]) -> None:
    text = written(*(cell.replace("\0", "") for cell in cells))

    for quotes in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        for cell in cells_of(text, delimiter, quotes) if (delimiter, quotes) != (",", csv.QUOTE_NONE) else []:
            assert not cell.lstrip(' "').startswith(tuple(RUN)), (text, cell)


@given(cells=st.lists(HOSTILE.filter(lambda cell: "\0" not in cell), min_size=1, max_size=3))
def test_every_cell_comes_back_whole(cells: list[str]) -> None:
    header = ",".join(["email", *"abc"[: len(cells)]])
    file = CsvFile(io.BufferedReader(io.BytesIO(f"{header}\n{written(*cells)}".encode())))

    # Spaces before a cell are no part of it, as before a quote: an import takes them off anyway.
    wanted = ["ada@example.com", *(cell.lstrip(" ") for cell in cells)]
    assert [unguard(cell).lstrip(" ") for record in file for cell in record.cells] == wanted


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("a;=cmd|'/c calc'!A0", "a;'=cmd|'/c calc'!A0"),
        ("one\n@two", "one\n'@two"),
        ('a;"=1"', 'a;\'"=1"'),
        ("a\t\t-1", "a\t\t'-1"),
        ("\t=1", "'\t'=1"),
        ("＝1", "'＝1"),
        ("a-b=c@d", "a-b=c@d"),
        ("Well-known; it is", "Well-known; it is"),
    ],
)
def test_an_apostrophe_stands_where_a_cell_could_begin(cell: str, safe: str) -> None:
    assert guard(cell) == safe


def test_a_refused_row_keeps_its_guarded_cells_as_they_were(tmp_path: Path, newsletter: Run) -> None:
    folder = settings(tmp_path, '[fields]\nnote = "text"\n').root

    newsletter("subscribers", "import", "-", "--rejects", "bad.csv", cwd=folder, stdin="email,note\nnobody,'=1\n,-1\n")

    assert [line.split(",")[-1] for line in (folder / "bad.csv").read_text().splitlines()[1:]] == ["'=1", "-1"]
