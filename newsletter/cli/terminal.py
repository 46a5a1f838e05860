"""The question before what cannot be undone, and who may answer it.

A bar on the terminal for work of known length, such as addresses to ask; nothing anywhere else.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import click

from newsletter.errors import ConfigError, NewsletterError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def ask(question: str, *, yes: bool) -> None:
    """Let a person decide, unless `yes` has. Raises ConfigError when there is no terminal, NewsletterError on no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"not done, no terminal to ask on: {question}", hint="Add --yes to do it without asking.")
    if not click.confirm(question, err=True):
        raise NewsletterError("not done", hint="Nothing was changed.")


AFTER = 1.0
"""Seconds; what takes less needs no bar."""


class Bar:
    """Enter it before the work, call `step` after each piece (from any thread), leave it after the work."""

    def __init__(self, words: str, total: int) -> None:
        """`words` say what is counted: `links asked`."""
        self._words = words
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._bar:
            self._bar.stop()

    def step(self) -> None:
        """One more is done; the bar appears when it has taken longer than AFTER."""
        with self._lock:
            self._done += 1
            seconds = time.monotonic() - self._began
            if not sys.stderr.isatty() or seconds < AFTER:
                return
            if self._bar is None:
                self._show()
            if self._bar and self._task is not None:
                words = f"{self._words}, {self._done / seconds:,.0f}/s"
                self._bar.update(self._task, completed=self._done, words=words)

    def _show(self) -> None:
        from rich.console import Console  # rich: only where there is a terminal to draw on
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=self._total, words=self._words)
        self._bar.start()
