"""Formats of problems: text with code frames for people, JSON for scripts, annotations for GitHub.

The text has the place first, in the form that editors open, then the line with a caret, the reason, and the fix.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.rule import Example, Rule
from newsletter.config import PublicationSettings
from newsletter.errors import Problem, Severity
from newsletter.printable import one_line

SHOWN = 100
"""Characters of a line that a frame shows; a longer line is cut to the part around the caret."""
_LEVELS: Mapping[Severity, str] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def as_json(problems: Iterable[Problem]) -> str:
    """Return the problems as a JSON list of `{"rule","severity","path","line","column","message"}`."""
    keys = ("rule", "severity", "path", "line", "column", "message")
    return json.dumps([{key: getattr(p, key) for key in keys} for p in problems], ensure_ascii=False, indent=2)


def as_github(problems: Iterable[Problem]) -> str:
    """Return the problems as workflow commands, which GitHub shows beside the line."""
    return "\n".join(_annotation(problem) for problem in problems)


def _annotation(problem: Problem) -> str:
    place = f"file={_property(problem.path)},line={problem.line},col={problem.column}"
    end = f"endColumn={problem.column + problem.width}"
    message = _data(f"{problem.message}\n{problem.hint}".strip())
    return f"::{_LEVELS[problem.severity]} {place},{end},title={problem.rule}::{message}"


def _data(text: str) -> str:
    # GitHub's escapes for workflow commands; `:` and `,` separate properties, so only those escape them.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_text(publication: PublicationSettings, problems: Iterable[Problem]) -> str:
    """Return the problems with a code frame each, errors first; each reason is printed once."""
    lines_of = cache(lambda path: _read(publication, path))
    explained: set[str] = set()
    worst_first = sorted(problems, key=lambda problem: [*Severity].index(problem.severity))
    return "\n".join(_frame(problem, lines_of(problem.path), explained) for problem in worst_first)


def _read(publication: PublicationSettings, path: str) -> Sequence[str]:
    """Return the lines of the file that a problem names; none when it cannot be read."""
    for file in (Path(path), publication.root / path):
        if file.is_file():
            return re.split(r"\r\n|\r|\n", file.read_text(encoding="utf-8-sig", errors="replace"))
    return ()


def _frame(problem: Problem, lines: Sequence[str], explained: set[str]) -> str:
    out = [one_line(f"{problem.place}: {problem.severity}: {problem.message} [{problem.rule}]")]
    gutter = " " * len(str(problem.line))
    if 0 < problem.line <= len(lines):
        shown, caret = _excerpt(lines[problem.line - 1], problem.column, problem.width)
        out += [f"{gutter} |", f"{problem.line} | {shown}".rstrip(), f"{gutter} | {caret}"]
    why = why_of(problem)
    if why and why not in explained:
        explained.add(why)
        out.append(f"{gutter} = why: {why}")
    if problem.hint:
        out.append(f"{gutter} = fix: {problem.hint}")
    return "\n".join([*out, ""])


def why_of(problem: Problem) -> str:
    """Return what a problem does to readers or authors: its own reason, else its rule's; "" where none is known."""
    rule = RULES.get(problem.rule)
    return problem.why or (rule.why if rule else "")


def _excerpt(line: str, column: int, width: int) -> tuple[str, str]:
    """Return the line, or its part around the column, and the carets below it."""
    start = max(0, min(column - 1 - SHOWN // 3, len(line) - SHOWN))
    part = line[start : start + SHOWN]
    before = part[: column - 1 - start]
    marked = part[column - 1 - start : column - 1 - start + width]
    lead, tail = ("…" if start else ""), ("…" if start + SHOWN < len(line) else "")
    caret = " " * (len(lead) + _columns(before)) + "^" * max(1, _columns(marked))
    return lead + "".join(map(_visible, part)) + tail, caret


def _visible(character: str) -> str:
    """Return a character as a terminal may show it: control characters as their pictures, a tab as a space."""
    if character == "\t":
        return " "
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))
    is_seen = character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return character if is_seen else "\ufffd"


_JOINERS = ("\u200c", "\u200d", "\u200e", "\u200f", "\u061c", *map(chr, range(0xE0020, 0xE0080)))
"""Characters inside emoji, flags and words, which a terminal draws with their neighbours."""


def _columns(text: str) -> int:
    """Return the number of terminal columns that a text takes."""
    drawn = (c for c in text if not unicodedata.combining(c) and c not in _JOINERS)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in drawn)


def summary(problems: Sequence[Problem], issues: int) -> str:
    """Return the line below all problems: `3 issues checked: 1 error, 2 warnings`."""
    counts = counted(problems) or "nothing wrong"
    fixable = sum(bool(problem.edits) for problem in problems)
    hint = f"; {fixable} can be put right by --fix" if fixable else ""
    return f"{_counted(issues, 'issue')} checked: {counts}{hint}"


def counted(problems: Sequence[Problem]) -> str:
    """Return the problems counted by severity, `1 error, 2 warnings`; empty for none."""
    names = ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "remark"))
    counts = ((sum(p.severity is severity for p in problems), name) for severity, name in names)
    return ", ".join(_counted(count, name) for count, name in counts if count)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def explanation(rule: Rule) -> str:
    """Return the text of `--explain`: all there is to know of a rule."""
    parts = (f"{rule.id}  {rule.severity}", rule.summary, f"Why: {rule.why}", f"Fix: {rule.fix}")
    examples = (("Fires", rule.fires), ("Does not fire", rule.passes))
    shown = (f"{title}:\n" + "\n".join(f"    {line}" for line in example_lines(each)) for title, each in examples)
    return "\n\n".join((*parts, *shown))


def example_lines(example: Example) -> Iterator[str]:
    """Yield the lines of an example as the documentation shows it."""
    if example.shown:
        yield example.shown
        return
    for part in (example.front, example.settings):
        yield from (line for line in part.splitlines() if line)
    if not (example.front or example.settings) or example.body != Example().body:
        yield from (line for line in example.body.splitlines() if line)
