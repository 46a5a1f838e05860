"""The clock, as whatever depends on the time is given it; alone reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Says what time it is, aware."""


def utc_now() -> datetime:
    """What the machine's clock says."""
    return datetime.now(UTC)
