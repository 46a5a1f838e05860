"""What the templates show of figures: steps of a funnel with their shares, and sentences where nothing is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.campaigns.schedule import wall_clock
from newsletter.campaigns.tracking import Level
from newsletter.config import PublicationSettings
from newsletter.figures.meanings import MEANINGS, NOT_REPORTED, WHY_NOT_REPORTED, rate
from newsletter.figures.types import CampaignFigures, ReaderFigures

NOT_COUNTED = "Clicks are not counted: tracking is off."
BOUNCE_KINDS = {
    "hard": "The mailbox does not exist",
    "soft": "The mailbox is full, or cannot take it now",
    "blocked": "Refused by a policy",
    "": "Without a reason",
}
"""Kinds of bounces in words."""


@dataclass(frozen=True, kw_only=True)
class FunnelStep:
    """A step of an issue on its way: how many readers came so far."""

    name: str
    number: int | None
    """Readers; None where nobody counts them."""
    share: float
    """The width of its bar, of 100: readers of the audience."""
    words: str
    """Its share of the step before in words, or why there is no number."""
    says: str
    cannot: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A part of a bar that is divided into parts."""

    name: str
    kind: str
    number: int
    start: float
    width: float


def base(row: CampaignFigures) -> int:
    """Return the messages that shares are of: the delivered ones, or the accepted ones where nobody reports more."""
    return row.delivered or row.accepted


def funnel(row: CampaignFigures) -> list[FunnelStep]:
    """Return the steps from the audience to the readers who left."""
    of = "delivered" if row.delivered else "accepted"
    return [
        _step(row, "Audience", row.audience, "Readers this issue was meant for", ""),
        _step(row, "Accepted", row.accepted, f"{rate(row.accepted, row.audience)} of the audience", "accepted"),
        _delivered(row),
        _clicked(row, of),
        _step(row, "Left", row.unsubscribed, f"{rate(row.unsubscribed, base(row))} of {of}", "unsubscribed"),
    ]


def is_delivered_known(row: CampaignFigures) -> bool:
    """Tell whether a campaign's delivered messages are known: its provider reports them, and has begun to."""
    return row.deliveries_reported and bool(row.delivered or row.bounced or not row.accepted)


def _delivered(row: CampaignFigures) -> FunnelStep:
    if not row.deliveries_reported:
        return _step(row, "Delivered", None, f"{NOT_REPORTED.capitalize()}: {WHY_NOT_REPORTED}.", "delivered")
    if not is_delivered_known(row):
        return _step(row, "Delivered", None, "The provider has reported nothing about it.", "delivered")
    return _step(row, "Delivered", row.delivered, f"{rate(row.delivered, row.accepted)} of accepted", "delivered")


def _clicked(row: CampaignFigures, of: str) -> FunnelStep:
    if row.tracking == Level.INDIVIDUAL:
        return _step(row, "Clicked", row.clicked, f"{rate(row.clicked, base(row))} of {of}", "clicked")
    words = NOT_COUNTED
    if row.tracking == Level.AGGREGATE:
        words = f"{row.clicks:,} clicks; by how many readers is not recorded."
    return _step(row, "Clicked", None, words, "clicked")


def _step(row: CampaignFigures, name: str, number: int | None, words: str, key: str) -> FunnelStep:
    meaning = MEANINGS.get(key)
    return FunnelStep(
        name=name,
        number=number,
        share=100 * (number or 0) / row.audience if row.audience else 0,
        words=words,
        says=meaning.says if meaning else "Readers for whom there is a delivery, sent or not.",
        cannot=meaning.cannot if meaning else "Who joined after it was sent is not among them.",
    )


def health(readers: ReaderFigures) -> list[Bar]:
    """Return the readers by standing, as parts of one bar."""
    numbers = [
        ("Active", "active", readers.active),
        ("Pending", "pending", readers.pending),
        ("Unsubscribed", "unsubscribed", readers.unsubscribed),
        ("Suppressed", "suppressed", readers.suppressed),
    ]
    whole = sum(number for *_, number in numbers)
    return _bars(numbers, whole)


def _bars(numbers: Sequence[tuple[str, str, int]], whole: int) -> list[Bar]:
    bars, start = [], 0.0
    for name, kind, number in numbers:
        width = 100 * number / whole if whole else 0
        bars.append(Bar(name=name, kind=kind, number=number, start=start, width=width))
        start += width
    return bars


def clock(publication: PublicationSettings, moment: datetime) -> str:
    """Write a time in the publication's zone, without seconds."""
    return wall_clock(publication, moment.replace(second=0, microsecond=0))


def percent(part: int, whole: int) -> str:
    """Return a share as a number for a chart, of 100; empty when there is nothing to be a share of."""
    return f"{100 * part / whole:.3g}" if whole else ""
