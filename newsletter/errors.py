"""Every error raised on purpose, and the exit code it ends with.

An error says what, where and what to do. What happens to one message of a
campaign is a value (`providers.record.Outcome`), not an exception.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MOST_SHOWN = 10
"""At most this many problems are printed; the rest are counted."""


class NewsletterError(Exception):
    """Refused or failed; nothing is half done. Shown to the user as it is."""

    exit_code = 1

    def __init__(self, message: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        """Where, in the form an editor opens: `path:line:column`."""
        self.hint = hint
        """What to do, one sentence."""

    def __str__(self) -> str:
        first = f"{self.place}: {self.message}" if self.place else self.message
        return f"{first}\n  {self.hint}" if self.hint else first


class ConfigError(NewsletterError):
    """newsletter.toml, the environment or the command line is wrong."""

    exit_code = 2


class ProviderStopped(NewsletterError):  # noqa: N818 - a state of the world, named as the ledger names it
    """The provider refuses everything (bad key, suspended, quota): the campaign is paused."""

    exit_code = 4


class Severity(StrEnum):
    """How bad a problem is: an `error` stops what was asked, a `warning` does not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A part of one line to be replaced: a safe way to put a problem right."""

    line: int
    column: int
    """From 1, in characters."""
    width: int
    """How many characters go; 0 inserts."""
    text: str
    """What comes instead; no line break."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong at one place of one file."""

    rule: str
    """The rule's stable id: `NL003`."""
    message: str
    path: str
    line: int = 1
    """From 1."""
    column: int = 1
    """From 1, in characters."""
    severity: Severity = Severity.ERROR
    hint: str = ""
    width: int = 1
    """How many characters of the line it is about."""
    edits: tuple[Edit, ...] = ()
    """What puts it right without changing what readers are told; empty where a person must decide."""

    @property
    def place(self) -> str:
        """`path:line:column`, which editors open."""
        return f"{self.path}:{self.line}:{self.column}"

    def __str__(self) -> str:
        first = f"{self.place}: {self.message} [{self.rule}]"
        return f"{first}\n  {self.hint}" if self.hint else first


class IssueError(NewsletterError):
    """An issue file cannot be built; carries every problem found, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.path, p.line, p.column)))
        super().__init__(self.problems[0].message, place=self.problems[0].place)

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        left = len(self.problems) - MOST_SHOWN
        return "\n".join(shown + ([f"and {left} more"] if left > 0 else []))


def problem_of(error: NewsletterError) -> Problem:
    """An error about one place as a Problem, for who lists them; its rule is empty."""
    path, line, column = _place(error.place)
    return Problem(rule="", message=error.message, path=path, line=line, column=column, hint=error.hint)


def _place(place: str) -> tuple[str, int, int]:
    """`path:line:column` in its parts; 1 for what it does not say."""
    found = re.fullmatch(r"(.*?)(?::(\d+))?(?::(\d+))?", place, re.DOTALL)
    assert found is not None
    return found[1], int(found[2] or 1), int(found[3] or 1)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` was probably meant to be, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


def suggestion(word: str, known: Iterable[str], label: str) -> str:
    """`Did you mean "quote"? Blocks: article, button, ...`"""
    words = sorted(known)
    near = nearest(word, words)
    meant = f'Did you mean "{near}"? ' if near else ""
    return f"{meant}{label}: {', '.join(words)}." if words else meant.strip()
