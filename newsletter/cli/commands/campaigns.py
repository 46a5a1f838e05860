"""`newsletter campaigns`: every campaign and its state."""

from __future__ import annotations

import json

import click

from newsletter.campaigns import counts, reports, schedule
from newsletter.campaigns.campaign import Campaign, CampaignState, all_campaigns
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.session import Session


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON list, as `status --json` has each")
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """List every campaign and its state.

    The latest first.

    \b
    Examples:
        newsletter campaigns
        newsletter campaigns --json
    """
    with session.database.read() as connection:
        found = [(one, delivery_counts(connection, one.id)) for one in all_campaigns(connection)]
    if as_json:
        click.echo(json.dumps([counts.status(one, counted) for one, counted in found]))
        return
    for one, counted in found:
        what = _start(session, one) or reports.tally(counted)
        click.echo(f"{one.id:>4}  {one.state:<9}  {one.issue}  ({one.audience})  {what}")
    if not found:
        click.echo("No campaigns yet. Make one with: newsletter send ISSUE", err=True)


def _start(session: Session, one: Campaign) -> str:
    if one.state is not CampaignState.SCHEDULED or one.start is None:
        return ""
    return f"at {schedule.wall_clock(session.publication, one.start)}"
