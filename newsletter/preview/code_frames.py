"""Code frames for pages: a problem with the lines of its file around it. `checks.formats` has those for terminals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newsletter.errors import Problem

AROUND = 2
"""Lines shown before and after that of the problem."""
LONGEST = 400
"""Characters of a line that are shown; a longer line is cut to the part around the problem."""


@dataclass(frozen=True, kw_only=True)
class FrameLine:
    """A line of a file in three parts; `marked` is the problem's part, empty on all lines but its own."""

    number: int
    before: str
    marked: str = ""
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class CodeFrame:
    """A problem, its file, and the lines around it (none when the file cannot be read)."""

    problem: Problem
    file: Path | None
    lines: Sequence[FrameLine]


def code_frames(root: Path, problems: Iterable[Problem]) -> list[CodeFrame]:
    """Return each problem with its lines; paths are relative to the working directory or to `root`."""
    lines_of = cache(_lines)
    return [_code_frame(problem, _file(root, problem.path), lines_of) for problem in problems]


def _code_frame(problem: Problem, file: Path | None, lines_of: Callable[[Path], Sequence[str]]) -> CodeFrame:
    lines = lines_of(file) if file else ()
    first = max(1, problem.line - AROUND)
    shown = enumerate(lines[first - 1 : problem.line + AROUND], start=first)
    return CodeFrame(problem=problem, file=file, lines=[_line(number, text, problem) for number, text in shown])


def _line(number: int, text: str, problem: Problem) -> FrameLine:
    if number != problem.line:
        return FrameLine(number=number, before=_shortened(text, 0))
    at = min(problem.column - 1, len(text))
    start = max(0, at - LONGEST // 3) if len(text) > LONGEST else 0
    end = at + (problem.width if problem.width > 1 else _word(text, at))
    return FrameLine(
        number=number,
        before=("…" if start else "") + text[start:at],
        marked=text[at:end] or " ",
        after=_shortened(text[end:], 0),
    )


def _word(text: str, at: int) -> int:
    """Return the length of the word that begins here: a problem without a width is about the whole word."""
    word = re.compile(r"[\w-]+").match(text, at)
    return len(word[0]) if word else 1


def _shortened(text: str, start: int) -> str:
    return text if len(text) <= LONGEST else text[start : start + LONGEST] + "…"


def _file(root: Path, path: str) -> Path | None:
    # A problem may name a file outside the publication; a page must not show it.
    candidates = (Path(path).absolute(), root / path) if path else ()
    return next((file for file in candidates if file.is_file() and file.resolve().is_relative_to(root.resolve())), None)


def _lines(file: Path) -> Sequence[str]:
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")[:2_000_000]
    except OSError:
        return ()
    return re.split(r"\r\n|\r|\n", text)
