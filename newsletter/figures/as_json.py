"""The figures as JSON: objects that design and docs name, and more of the same kind."""

from __future__ import annotations

import dataclasses
from typing import Any

from newsletter.figures.types import CampaignDetails, MailboxFigures, Overview, ReaderFigures


def overview_json(overview: Overview) -> dict[str, Any]:
    """Return what `stats --json` prints without a campaign."""
    return {
        "readers": _readers(overview.readers),
        "growth": [dataclasses.asdict(day) for day in overview.growth],
        "campaigns": [dataclasses.asdict(row) for row in overview.campaigns],
        "domains": [_domain(row, with_readers=True) for row in overview.domains],
    }


def details_json(details: CampaignDetails) -> dict[str, Any]:
    """Return what `stats --json` prints of a campaign: its row, and its links, hours, bounces and domains."""
    return {
        **dataclasses.asdict(details.row),
        "links": [dataclasses.asdict(link) for link in details.links],
        "hours": [dataclasses.asdict(hour) for hour in details.hours],
        "bounces": dict(details.bounces),
        "domains": [_domain(row, with_readers=False) for row in details.domains],
    }


def _readers(readers: ReaderFigures) -> dict[str, Any]:
    values = dataclasses.asdict(readers)
    values["suppressions"] = dict(readers.suppressions)
    return values


def _domain(row: MailboxFigures, *, with_readers: bool) -> dict[str, Any]:
    values = dataclasses.asdict(row)
    return values if with_readers else {name: value for name, value in values.items() if name != "readers"}
