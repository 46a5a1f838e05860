"""`newsletter campaigns`: list every campaign and its state."""

from __future__ import annotations

import json

import click

from newsletter.campaigns import counts, reports, schedule
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.campaign_queries import all_campaigns
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.session import Session


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON list, as `status --json` has each")
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """List every campaign and its state.

    The latest comes first.

    \b
    Examples:
        newsletter campaigns
        newsletter campaigns --json
    """
    with session.database.read() as connection:
        rows = [(each, delivery_counts(connection, each.id)) for each in all_campaigns(connection)]
    if as_json:
        click.echo(json.dumps([counts.status(campaign, counted) for campaign, counted in rows]))
        return
    for campaign, counted in rows:
        text = _start(session, campaign) or reports.tally(counted)
        click.echo(f"{campaign.id:>4}  {campaign.state:<9}  {campaign.issue}  ({campaign.audience})  {text}")
    if not rows:
        click.echo("No campaigns yet. Make one with: newsletter send ISSUE", err=True)


def _start(session: Session, campaign: Campaign) -> str:
    if campaign.state is not CampaignState.SCHEDULED or campaign.start is None:
        return ""
    return f"at {schedule.wall_clock(session.publication, campaign.start)}"
