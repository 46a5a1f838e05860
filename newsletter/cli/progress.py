"""Show how far work is, each kind in its own words: steps of known number, and a campaign that is sending."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from newsletter.cli.terminal import ProgressBar

if TYPE_CHECKING:
    from newsletter.campaigns.campaign import Campaign


class StepProgress:
    """A bar for steps of known number, such as addresses to ask; several threads may call `step`."""

    def __init__(self, words: str, total: int) -> None:
        """`words` say what is counted: `links asked`."""
        self._words = words
        self._total = total
        self._done = 0
        self._lock = threading.Lock()
        self._bar = ProgressBar()

    def __enter__(self) -> StepProgress:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bar.__exit__()

    def step(self) -> None:
        """Count one more step that is done."""
        with self._lock:
            self._done += 1
            rate = self._done / max(self._bar.seconds, 0.001)
            self._bar.show(self._done, self._total, f"{self._done}/{self._total} {self._words}, {rate:,.0f}/s")


class CampaignProgress:
    """A bar for a campaign that is sending, and the sender's sentences above it; a `ProgressListener`."""

    def __init__(self) -> None:
        self._done_before: int | None = None
        """Deliveries that were settled when this run began."""
        self._bar = ProgressBar(counts_time_left=False)

    def __enter__(self) -> CampaignProgress:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bar.__exit__()

    def say(self, sentence: str) -> None:
        """Print a line above the bar."""
        self._bar.say(sentence)

    def progress(self, campaign: Campaign, deliveries: Mapping[str, int]) -> None:
        """Move the bar; `deliveries` are counted by state."""
        from newsletter.campaigns import reports

        total = sum(deliveries.values())
        done = total - deliveries["queued"] - deliveries["handed"]
        if self._done_before is None:
            self._done_before = done
        pace = (done - self._done_before) / max(self._bar.seconds, 0.001)
        left = reports.remaining(deliveries, pace) if pace else ""
        self._bar.show(done, total if campaign.enqueued else None, f"{done:,}/{total:,}  {left}")
