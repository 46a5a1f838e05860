"""Draw figures in the terminal: tables and small bars that fit into 80 columns.

Without a terminal there are no colours; numbers are the same as in the JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from newsletter.cli.terminal import counted
from newsletter.counters.events import LAST_HOUR
from newsletter.figures.meanings import MEANINGS, NOT_REPORTED, WHY_NOT_REPORTED, rate
from newsletter.figures.overview import weeks
from newsletter.figures.types import (
    CampaignDetails,
    CampaignFigures,
    GrowthFigures,
    HourFigures,
    LinkFigures,
    MailboxFigures,
    Overview,
    ReaderFigures,
)
from newsletter.printable import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BAR = 16
"""Characters of the longest bar."""
MOST_CAMPAIGNS = 20
"""Campaigns shown side by side; `--json` has all."""
MOST_DOMAINS = 12
DAYS_ALONE = 7
"""The last days that are shown one by one; all are in the weeks below."""
MOST_WEEKS = 26
_EIGHTHS = " ▏▎▍▌▋▊▉"
_TITLES = {
    "accepted": "Accepted",
    "delivered": "Delivered",
    "clicked": "Clicked",
    "unsubscribed": "Left",
    "complained": "Spam",
    "bounced": "Bounced",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    title: str
    is_number: bool = True
    style: str = ""


def bar(number: int, most: int, width: int = BAR) -> str:
    """Draw a number as a bar, exact to an eighth of a character; what is not zero is seen."""
    if number <= 0 or most <= 0:
        return ""
    eighths = max(round(8 * width * number / most), 1)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def print_overview(overview: Overview) -> None:
    """Print the publication's figures."""
    console = _console()
    _print_readers(console, overview.readers)
    if any(day.active or day.left for day in overview.growth):
        _print_growth(console, overview.growth)
    _print_campaigns(console, overview)
    if overview.domains:
        is_reported = not overview.campaigns or any(row.deliveries_reported for row in overview.campaigns)
        unknown = () if is_reported else ("delivered",)
        rows = [_domain(row, unknown, row.readers) for row in overview.domains[:MOST_DOMAINS]]
        columns = [_text("Mailbox provider"), Column(title="Readers"), *_columns(_DOMAIN_KINDS)]
        _print(console, "Mailbox providers", columns, rows, _rest(len(overview.domains), MOST_DOMAINS))


def print_details(details: CampaignDetails, sent_at: str) -> None:
    """Print one campaign's figures; `sent_at` is when it started, as people write it."""
    console = _console()
    row = details.row
    console.print(f"Campaign {row.campaign}: {row.issue}, {row.state}", style="bold", markup=False, highlight=False)
    console.print(f'"{one_line(row.subject)}", {sent_at}', markup=False, highlight=False)
    _print_funnel(console, row)
    _print_links(console, row, details.links)
    if details.bounces:
        bounces = [(kind or "not named", f"{number:,}") for kind, number in details.bounces.items()]
        _print(console, "Bounces", [_text("Reason"), Column(title="Readers")], bounces)
    if details.domains:
        rows = [_domain(each, _unknown(row)) for each in details.domains[:MOST_DOMAINS]]
        columns = [_text("Mailbox provider"), *_columns(_DOMAIN_KINDS)]
        _print(console, "Mailbox providers", columns, rows, _rest(len(details.domains), MOST_DOMAINS))
    _print_hours(console, details)
    if row.machine_clicks or row.machine_opens:
        programs = f"Programs, in no other figure: clicked {row.machine_clicks:,}, opened {row.machine_opens:,} times."
        console.print(f"\n{programs}", highlight=False)


_DOMAIN_KINDS = ("accepted", "delivered", "bounced", "complained")


def _console() -> Console:
    from rich.console import Console  # a third of a second's start that other commands need not take

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 80)


def _text(title: str) -> Column:
    return Column(title=title, is_number=False)


def _columns(kinds: Iterable[str]) -> list[Column]:
    return [Column(title=_TITLES[kind]) for kind in kinds]


def _rest(number: int, shown: int) -> str:
    return f"and {number - shown:,} more; --json has all" if number > shown else ""


def _print(
    console: Console, title: str, columns: Sequence[Column], rows: Iterable[Sequence[str]], note: str = ""
) -> None:
    from rich.table import Table

    table: Table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        justify = "right" if column.is_number else "left"
        table.add_column(column.title, justify=justify, style=column.style, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(_cell(text) for text in row))
    console.print(f"\n{title}", style="bold", markup=False, highlight=False)
    console.print(table)
    if note:
        console.print(note, style="dim", markup=False, highlight=False)


def _cell(text: str) -> str:
    from rich.markup import escape

    return escape(one_line(text))


def _print_readers(console: Console, readers: ReaderFigures) -> None:
    numbers = [
        ("active", readers.active),
        ("pending", readers.pending),
        ("unsubscribed", readers.unsubscribed),
        ("suppressed", readers.suppressed),
    ]
    most = max(number for _name, number in numbers)
    rows = [(name, f"{number:,}", bar(number, most)) for name, number in numbers]
    if readers.inactive is not None:
        name = f"inactive for {readers.inactive_for} ({readers.inactive_at})"
        rows.insert(1, (name, f"{readers.inactive:,}", bar(readers.inactive, most)))
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in readers.suppressions.items())
    note = f"Suppressed addresses: {reasons}" if reasons else ""
    columns = [_text("Readers"), Column(title=""), Column(title="", is_number=False, style="cyan")]
    _print(console, "List", columns, rows, note)


def _print_growth(console: Console, growth: Sequence[GrowthFigures]) -> None:
    _print_steps(console, "Growth by day", "Day", growth[-DAYS_ALONE:])
    if len(growth) > DAYS_ALONE:
        by_week = weeks(growth)
        earlier = len(by_week) - MOST_WEEKS
        note = f"{_not_shown(earlier, 'earlier week')}; --json and --csv have every day." if earlier > 0 else ""
        _print_steps(console, "Growth by week", "From", by_week[-MOST_WEEKS:], note)


def _print_steps(console: Console, title: str, name: str, steps: Sequence[GrowthFigures], note: str = "") -> None:
    most = max((step.active for step in steps), default=0)
    rows = [
        (step.day, f"{step.joined:,}", f"{step.left:,}", f"{step.net:+,}", f"{step.active:,}", bar(step.active, most))
        for step in steps
    ]
    numbers = [Column(title=column) for column in ("Joined", "Left", "Net", "Active")]
    _print(console, title, [_text(name), *numbers, Column(title="", is_number=False, style="cyan")], rows, note)


def _not_shown(number: int, what: str) -> str:
    """Say what a table leaves out: `1 earlier week is not shown`, `180 older campaigns are not shown`."""
    return f"{counted(number, what)} {'is' if number == 1 else 'are'} not shown"


def _print_campaigns(console: Console, overview: Overview) -> None:
    if not overview.campaigns:
        console.print("\nNo campaign has started yet. Send an issue with: newsletter send ISSUE", highlight=False)
        return
    shown = overview.campaigns[:MOST_CAMPAIGNS]
    rows = [
        (
            str(row.campaign),
            row.issue,
            f"{datetime.fromisoformat(row.sent_at):%m-%d}",
            *_numbers(row, _TITLES, _unknown(row)),
        )
        for row in shown
    ]
    columns = [Column(title="#"), _text("Issue"), _text("Sent"), *_columns(_TITLES)]
    _print(console, "Campaigns", columns, rows, "\n".join(_campaign_notes(overview, shown)))


def _campaign_notes(overview: Overview, shown: Sequence[CampaignFigures]) -> Iterator[str]:
    if older := overview.older + len(overview.campaigns) - len(shown):
        yield f"{_not_shown(older, 'older campaign')}; --json and --csv have all."
    unknown = {kind for row in shown for kind in _unknown(row)}
    if "delivered" in unknown:
        yield f"Delivered is not reported where there is a dash: {WHY_NOT_REPORTED}."
    if "clicked" in unknown:
        yield "Clicked is not counted by reader where there is a dash: [tracking] was not `individual`."


def _print_funnel(console: Console, row: CampaignFigures) -> None:
    whole = row.delivered or row.accepted
    steps = [
        ("audience", row.audience, ""),
        ("accepted", row.accepted, rate(row.accepted, row.audience)),
        ("delivered", row.delivered if row.deliveries_reported else None, rate(row.delivered, row.accepted)),
        ("clicked", row.clicked, rate(row.clicked, whole)),
        ("unsubscribed", row.unsubscribed, rate(row.unsubscribed, whole)),
        ("complained", row.complained, rate(row.complained, whole)),
        ("bounced", row.bounced, rate(row.bounced, row.accepted)),
        ("deferred", row.deferred, rate(row.deferred, row.accepted)),
        ("opened", row.opened, rate(row.opened, whole)),
    ]
    rows = [
        (name, NOT_REPORTED, "", "") if number is None else (name, f"{number:,}", share, bar(number, row.audience))
        for name, number, share in steps
    ]
    columns = [_text("Readers"), Column(title=""), Column(title=""), Column(title="", is_number=False, style="cyan")]
    note = _tracking_note(row)
    if not row.deliveries_reported:
        note += f"\nDelivered is not reported: {WHY_NOT_REPORTED}."
    _print(console, "From the audience to the reader", columns, rows, note)


def _tracking_note(row: CampaignFigures) -> str:
    if row.tracking == "none":
        return "Opens and clicks were not counted: [tracking] was `none`. What a provider reports is here all the same."
    if row.tracking == "aggregate":
        times = f"Clicked {counted(row.clicks, 'time')}, opened {counted(row.opens, 'time')}"
        return f"{times}; [tracking] was `aggregate`, so nobody knows by whom."
    return f"Opened: {MEANINGS['opened'].cannot}"


def _print_links(console: Console, row: CampaignFigures, links: Sequence[LinkFigures]) -> None:
    if not links or (row.tracking == "none" and not any(link.clicks for link in links)):
        return
    most = max(link.clicks for link in links)
    rows = [
        (link.url, f"{link.clicks:,}", f"{link.readers:,}", _a_reader(link), bar(link.clicks, most)) for link in links
    ]
    numbers = [Column(title=column) for column in ("Clicks", "Readers", "A reader")]
    columns = [_text("Links, in the order of the issue"), *numbers, Column(title="", is_number=False, style="cyan")]
    _print(console, "Links", columns, rows)


def _a_reader(link: LinkFigures) -> str:
    return f"{link.clicks / link.readers:.1f}" if link.readers else "-"


def _print_hours(console: Console, details: CampaignDetails) -> None:
    hours = [hour for hour in details.hours if hour.delivered or hour.opened or hour.clicked]
    if not hours:
        return
    most = max(hour.clicked for hour in hours)
    rows = [
        (
            "later" if hour.hour == LAST_HOUR else f"{hour.hour}",
            *_numbers(hour, ("delivered", "opened", "clicked"), _unknown(details.row)),
            bar(hour.clicked, most),
        )
        for hour in hours[:24]
    ]
    numbers = [Column(title=column) for column in ("Hour", "Delivered", "Opened", "Clicked")]
    columns = [*numbers, Column(title="", is_number=False, style="cyan")]
    _print(console, "Hours after the start", columns, rows, _rest(len(hours), 24))


def _domain(row: MailboxFigures, unknown: Collection[str], *before: int) -> tuple[str, ...]:
    return (row.name, *(f"{n:,}" for n in before), *_numbers(row, _DOMAIN_KINDS, unknown))


def _unknown(row: CampaignFigures) -> Collection[str]:
    """Return the figures of a campaign that nobody reports or counts: they are 0, and say nothing."""
    unknown = [] if row.deliveries_reported else ["delivered"]
    # What a provider counts by itself is known all the same.
    return unknown if row.tracking == "individual" or row.clicked else [*unknown, "clicked"]


def _numbers(
    row: CampaignFigures | MailboxFigures | HourFigures, kinds: Iterable[str], unknown: Collection[str]
) -> Iterator[str]:
    """Yield a row's figures; a dash for those that are unknown."""
    for kind in kinds:
        yield "-" if kind in unknown else f"{getattr(row, kind):,}"
