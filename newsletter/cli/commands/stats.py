"""`newsletter stats`: figures of the publication, or of one campaign."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from newsletter.campaigns import schedule
from newsletter.cli.options import json_option
from newsletter.cli.remote import remote_figures, remote_option
from newsletter.cli.safe_output import data_output
from newsletter.cli.session import Session
from newsletter.figures import as_csv
from newsletter.figures.as_json import details_json, overview_json
from newsletter.figures.campaigns import MOST_CAMPAIGNS, campaign_details
from newsletter.figures.counted import ensure_counted, recount
from newsletter.figures.overview import DAYS, overview
from newsletter.publishing.campaign_names import named_campaign
from newsletter.subscribers.csv import CsvWriter
from newsletter.times import utc_now

MOST_DAYS = 3660


@click.command()
@click.argument("campaign", required=False)
@click.option("--days", type=click.IntRange(1, MOST_DAYS), metavar="N", help=f"The last N days  [default: {DAYS}]")
@json_option("the figures")
@click.option("--csv", "is_csv", is_flag=True, help="Print the figures as CSV, a number in each row")
@remote_option
@click.option("--recount", "counts_anew", is_flag=True, help="Count every row anew first; writers wait meanwhile")
@click.pass_obj
def command(
    session: Session,
    campaign: str | None,
    days: int | None,
    as_json: bool,
    is_csv: bool,
    remote: bool,
    counts_anew: bool,
) -> None:
    """Show figures: how the list grows, what became of campaigns, who took the mail.

    Without CAMPAIGN: the readers, growth by day and week, the last campaigns side by side, mailbox providers. With
    one (its number, or the slug of an issue): from its audience to its clicks, links in the order of the issue,
    bounces, mailbox providers, the hours after sending. People and programs are counted apart; opens say little.
    --days also leaves out campaigns from before; --json and --csv have all that the terminal has no room for.
    docs/figures.md says what each figure can and cannot say.

    \b
    Examples:
        newsletter stats
        newsletter stats chip-rules
        newsletter stats --days 90 --json
        newsletter stats --csv > figures.csv
    """
    if as_json and is_csv:
        raise click.UsageError("--json and --csv cannot be used together.")
    if campaign and days:
        raise click.UsageError("--days is for the publication's figures; a campaign has all of its own.")
    if remote:
        if not campaign:
            raise click.UsageError("--remote shows the figures of one issue: name it.")
        return remote_figures(session, campaign, as_json=as_json)
    ensure_counted(session.database)
    if counts_anew:
        wrong = recount(session.database)
        click.echo(f"Counted anew; {wrong:,} figure{'' if wrong == 1 else 's'} changed.", err=True)
    if campaign:
        _show_campaign(session, campaign, as_json=as_json, is_csv=is_csv)
    else:
        _show_publication(session, days, as_json=as_json, is_csv=is_csv)


def _show_publication(session: Session, days: int | None, *, as_json: bool, is_csv: bool) -> None:
    with session.database.read() as connection:
        figures = overview(
            connection,
            session.publication,
            now=utc_now(),
            days=days or DAYS,
            most=None if as_json or is_csv else MOST_CAMPAIGNS,
            only_recent=days is not None,
        )
    if as_json:
        _print_json(overview_json(figures))
    elif is_csv:
        _print_csv(as_csv.overview_csv(figures))
    else:
        from newsletter.cli.figure_tables import print_overview

        print_overview(figures)


def _show_campaign(session: Session, name: str, *, as_json: bool, is_csv: bool) -> None:
    with session.database.read() as connection:
        campaign = named_campaign(connection, session.publication, name)
        figures = campaign_details(connection, session.publication, campaign.id)
    if as_json:
        _print_json(details_json(figures))
    elif is_csv:
        _print_csv(as_csv.details_csv(figures))
    else:
        from newsletter.cli.figure_tables import print_details

        print_details(figures, schedule.wall_clock(session.publication, campaign.date))


def _print_json(value: object) -> None:
    click.echo(json.dumps(value))


def _print_csv(records: Iterable[as_csv.Record]) -> None:
    with data_output() as stream:
        writer = CsvWriter(stream)
        writer.write(as_csv.HEADER)
        for record in records:
            writer.write(record)
