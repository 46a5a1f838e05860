"""Every error raised on purpose, and the exit code it ends with.

An error says what is wrong, where, and what to do. The outcome of one message of a campaign is a value
(`providers.base.Outcome`), not an exception.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from newsletter.printable import one_line

MOST_SHOWN = 10
"""At most this many problems are printed; the rest are counted."""


class NewsletterError(Exception):
    """Raised when a request is refused or fails; nothing is half done. Its text is shown to the user as it is."""

    exit_code = 1

    def __init__(
        self, message: str, *, place: str = "", hint: str = "", others: Iterable[NewsletterError] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        """The place of the mistake as editors open it: `path:line:column`."""
        self.hint = hint
        """One sentence that says what to do."""
        self.others = tuple(others)
        """More mistakes of the same input, so that a person can put all of them right at once."""

    @property
    def each(self) -> tuple[NewsletterError, ...]:
        """All mistakes, each by itself: this one, and the others."""
        return (type(self)(self.message, place=self.place, hint=self.hint), *self.others) if self.others else (self,)

    @property
    def sentence(self) -> str:
        """The place and what is wrong."""
        return f"{self.place}: {self.message}" if self.place else self.message

    def __str__(self) -> str:
        first = one_line(self.sentence)
        own = f"{first}\n  {self.hint}" if self.hint else first
        return "\n".join([own, *map(str, self.others)])


class ConfigError(NewsletterError):
    """Raised when newsletter.toml, the environment or the command line is wrong."""

    exit_code = 2


class ProviderStopped(NewsletterError):  # noqa: N818 - a state of the world, named as the ledger names it
    """Raised when the provider refuses everything (bad key, suspended account, quota); the campaign is paused."""

    exit_code = 4


class Severity(StrEnum):
    """The severity of a problem: an `error` stops the command, a `warning` does not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A replacement of a part of one line that corrects a problem safely."""

    line: int
    column: int
    """From 1, in characters."""
    width: int
    """The number of characters to delete; 0 inserts."""
    text: str
    """The new text, without line breaks."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A mistake at one place of one file."""

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
    why: str = ""
    """What this mistake does to readers or authors; empty where the rule's own `why` says it."""
    width: int = 1
    """The number of characters that are wrong."""
    edits: tuple[Edit, ...] = ()
    """The edits that correct it without changing what readers are told; empty where a person must decide."""

    @property
    def place(self) -> str:
        """`path:line:column`, which editors open."""
        return f"{self.path}:{self.line}:{self.column}"

    def __str__(self) -> str:
        first = one_line(f"{self.place}: {self.message} [{self.rule}]")
        return f"{first}\n  {self.hint}" if self.hint else first


def together(errors: Iterable[NewsletterError]) -> NewsletterError:
    """Return one error that says all of these, which are one at least; it is of the kind of the first."""
    first, *others = (each for error in errors for each in error.each)
    return type(first)(first.message, place=first.place, hint=first.hint, others=others) if others else first


class IssueError(NewsletterError):
    """Raised when an issue file cannot be built; has every problem, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.path, p.line, p.column)))
        super().__init__(self.problems[0].message, place=self.problems[0].place)

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        left = len(self.problems) - MOST_SHOWN
        return "\n".join(shown + ([f"and {left} more"] if left > 0 else []))


def not_utf8(error: UnicodeDecodeError, place: str, kind: type[NewsletterError] = NewsletterError) -> NewsletterError:
    """Return the error about a file that is not UTF-8, at the line and column of its first wrong byte."""
    line, column = utf8_place(error)
    message = f"not UTF-8 (byte 0x{error.object[error.start]:02x})"
    return kind(message, place=f"{place}:{line}:{column}", hint="Save the file as UTF-8.")


def utf8_place(error: UnicodeDecodeError) -> tuple[int, int]:
    """Return line and column, in characters from 1, of the byte at which a text stops being UTF-8."""
    before = error.object[error.object.rfind(b"\n", 0, error.start) + 1 : error.start]
    return error.object.count(b"\n", 0, error.start) + 1, len(before.decode("utf-8", "replace")) + 1


def as_problems(error: NewsletterError) -> tuple[Problem, ...]:
    """Return the mistakes of an error as Problems without a rule."""
    return tuple(problem_of(each) for each in error.each)


def problem_of(error: NewsletterError) -> Problem:
    """Return an error about one place as a Problem without a rule, for lists of problems."""
    path, line, column = _place(error.place)
    return Problem(rule="", message=error.message, path=path, line=line, column=column, hint=error.hint)


def _place(place: str) -> tuple[str, int, int]:
    """Split `path:line:column`; a number that is missing is 1."""
    match = re.fullmatch(r"(.*?)(?::(\d+))?(?::(\d+))?", place, re.DOTALL)
    assert match is not None
    return match[1], int(match[2] or 1), int(match[3] or 1)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


def suggestion(word: str, known: Iterable[str], label: str) -> str:
    """Return `Did you mean "quote"? Blocks: article, button, ...`, with `label` before the known words."""
    words = sorted(known)
    near = nearest(word, words)
    meant = f'Did you mean "{near}"? ' if near else ""
    return f"{meant}{label}: {', '.join(words)}." if words else meant.strip()
