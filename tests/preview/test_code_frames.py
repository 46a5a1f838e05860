"""A code frame: a problem with the lines around it."""

from __future__ import annotations

from pathlib import Path

from newsletter.errors import Problem
from newsletter.preview.code_frames import LONGEST, CodeFrame, code_frames


def at(root: Path, line: int, column: int, width: int = 1, path: str = "issues/a.md") -> CodeFrame:
    problem = Problem(rule="NL003", message="wrong", path=path, line=line, column=column, width=width)
    return code_frames(root, [problem])[0]


def issue(root: Path, text: str) -> Path:
    (root / "issues").mkdir()
    (root / "issues" / "a.md").write_text(text, encoding="utf-8")
    return root


def test_two_lines_stand_around_and_the_word_is_marked(tmp_path: Path) -> None:
    frame = at(issue(tmp_path, "one\ntwo\nthree :::buton x\nfour\nfive\nsix"), 3, 10)

    assert [(line.number, line.before, line.marked, line.after) for line in frame.lines] == [
        (1, "one", "", ""),
        (2, "two", "", ""),
        (3, "three :::", "buton", " x"),
        (4, "four", "", ""),
        (5, "five", "", ""),
    ]


def test_a_width_that_is_said_is_marked(tmp_path: Path) -> None:
    assert at(issue(tmp_path, "[Click here](x)"), 1, 1, 15).lines[0].marked == "[Click here](x)"


def test_a_place_behind_the_line_is_still_one(tmp_path: Path) -> None:
    assert at(issue(tmp_path, "ab"), 1, 9).lines[0].marked == " "
    assert at(tmp_path, 7, 1).lines == []


def test_of_a_long_line_the_part_around_the_place_is_shown(tmp_path: Path) -> None:
    line = at(issue(tmp_path, "x" * 5_000 + " word " + "y" * 5_000), 1, 5_002).lines[0]

    assert line.marked == "word"
    assert len(line.before) + len(line.after) < 2 * LONGEST
    assert line.before.startswith("…")
    assert line.after.endswith("…")


def test_no_file_outside_the_publication_is_shown(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "news").mkdir()
    root = issue(tmp_path / "news", "one")

    assert at(root, 1, 1, path="../secret.txt").lines == []
    assert at(root, 1, 1, path=str(tmp_path / "secret.txt")).file is None
