"""The terminal: ask before what cannot be undone, and draw a progress bar for work that takes long."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from newsletter.cli.safe_output import SafeStream
from newsletter.errors import ConfigError, NewsletterError
from newsletter.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BAR_AFTER = 1.0
"""Seconds; work that takes less needs no bar."""


def ask(question: str, *, yes: bool) -> None:
    """Let a person decide, unless `yes` has.

    Raises ConfigError when there is no terminal to ask on, NewsletterError when the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        message = "cannot ask for confirmation without a terminal; pass --yes"
        raise ConfigError(message, hint=f"Nothing was changed. The question is: {question}")
    if not click.confirm(question, err=True):
        raise NewsletterError("not done", hint="Nothing was changed.")


class ProgressBar:
    """A bar on standard error for work that takes over BAR_AFTER seconds; draws nothing where that is no terminal.

    Enter it before the work, call `show` after each step, leave it after the work, which removes it. Not for several
    threads at once.
    """

    def __init__(self, *, counts_time_left: bool = True) -> None:
        """`counts_time_left`: the bar reckons the time left from `done` and `total`; else the words say it."""
        self._counts_time_left = counts_time_left
        self._began = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Seconds since the work began."""
        return time.monotonic() - self._began

    def show(self, done: int, total: int | None, words: str) -> None:
        """Draw how far the work is; `total` is None while it is not known, `words` give the count and the rate."""
        if not sys.stderr.isatty() or self.seconds < BAR_AFTER:
            return
        if self._bar is None:
            self._draw()
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, words=printable(words))

    def say(self, sentence: str) -> None:
        """Print a line above the bar, to standard error."""
        if self._bar:
            self._bar.console.print(printable(sentence), markup=False, highlight=False)
        else:
            click.echo(sentence, err=True)

    def _draw(self) -> None:
        from rich.console import Console  # rich: only where there is a terminal to draw on
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        time_left = (TimeRemainingColumn(),) if self._counts_time_left else ()
        columns = (BarColumn(), TextColumn("{task.fields[words]}"), *time_left)
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=None, words="")
        self._bar.start()
        sys.stdout, sys.stderr = SafeStream(sys.stdout), SafeStream(sys.stderr)  # in front of rich's, till it ends
