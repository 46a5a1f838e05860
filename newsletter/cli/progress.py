"""The progress of a campaign on a terminal: how many, how fast, how long.

On anything else than a terminal it only says what a person must know.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from newsletter.campaigns import reports

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from newsletter.campaigns.campaign import Campaign

AFTER = 1.0
"""Seconds; what takes less needs no bar."""


class CampaignProgress:
    """A bar on stderr, for `sender.Sender` to tell; enter it to show, leave it to remove."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._done_at_first: int | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> CampaignProgress:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._bar:
            self._bar.stop()

    def say(self, sentence: str) -> None:
        """Print a line above the bar."""
        if self._bar:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            click.echo(sentence, err=True)

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """Move the bar; it appears when sending takes longer than AFTER."""
        waiting = counted["queued"] + counted["handed"]
        done = sum(counted.values()) - waiting
        self._done_at_first = done if self._done_at_first is None else self._done_at_first
        seconds = time.monotonic() - self._began
        if not sys.stderr.isatty() or seconds < AFTER:
            return
        if self._bar is None:
            self._show()
        if self._bar and self._task is not None:
            pace = (done - self._done_at_first) / seconds
            words = reports.remaining(counted, pace) if pace else ""
            total = sum(counted.values()) if campaign.enqueued else None
            self._bar.update(self._task, completed=done, total=total, words=words)

    def _show(self) -> None:
        from rich.console import Console  # rich: only where there is a terminal to draw on
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[words]}"))
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", words="")
        self._bar.start()
