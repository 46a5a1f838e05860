"""The figures as CSV: one number in a row, with what it is the number of, so that one table holds all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from newsletter.figures.types import CampaignDetails, CampaignFigures, Overview

HEADER = ("table", "key", "figure", "number")
"""The columns: a table of the JSON; the row in it (a day, a campaign, a link); the figure; the number."""
Record = tuple[str, str, str, str]


def overview_csv(overview: Overview) -> Iterator[Record]:
    """Yield the records of `stats --csv` without a campaign."""
    for name, number in asdict(overview.readers).items():
        if isinstance(number, int):
            yield "readers", "", name, str(number)
    for reason, number in overview.readers.suppressions.items():
        yield "suppressions", reason, "addresses", str(number)
    for day in overview.growth:
        yield from _numbers("growth", day.day, asdict(day))
    for row in overview.campaigns:
        yield from _campaign(row)
    for domain in overview.domains:
        yield from _numbers("domains", domain.domain, asdict(domain))


def details_csv(details: CampaignDetails) -> Iterator[Record]:
    """Yield the records of `stats CAMPAIGN --csv`."""
    yield from _campaign(details.row)
    for link in details.links:
        yield from _numbers("links", link.url, asdict(link), left_out=("number",))
    for hour in details.hours:
        yield from _numbers("hours", str(hour.hour), asdict(hour), left_out=("hour",))
    for kind, number in details.bounces.items():
        yield "bounces", kind, "readers", str(number)
    for domain in details.domains:
        yield from _numbers("domains", domain.domain, asdict(domain), left_out=("readers",))


def _campaign(row: CampaignFigures) -> Iterator[Record]:
    yield from _numbers("campaigns", f"{row.campaign} {row.issue}", asdict(row), left_out=("campaign",))


def _numbers(table: str, key: str, values: dict[str, object], left_out: tuple[str, ...] = ()) -> Iterator[Record]:
    for name, value in values.items():
        if isinstance(value, int) and name not in left_out:
            yield table, key, name, str(int(value))  # yes and no are 1 and 0
