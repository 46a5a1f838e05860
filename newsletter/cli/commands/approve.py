"""`newsletter approve`: say that an issue may be sent as it is."""

from __future__ import annotations

import getpass
import json

import click

from newsletter.campaigns import approvals
from newsletter.campaigns.campaign import Campaign, get_campaign
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.errors import NewsletterError
from newsletter.issues.issue import find_issue, slug_of
from newsletter.publication import sending
from newsletter.publishing.plan import freeze_draft
from newsletter.publishing.push import lift_hold
from newsletter.remote.client import issue_path, remote_server
from newsletter.rendering.build import build_issue
from newsletter.times import utc_now


@click.command()
@click.argument("issue")
@click.option("--digest", metavar="D", help="Only when the text has this digest, or one that begins so")
@click.option("--remote", is_flag=True, help="At the server of [remote], in the name of the key")
@json_option("what became of it")
@click.pass_obj
def command(session: Session, issue: str, digest: str | None, remote: bool, as_json: bool) -> None:
    """Approve ISSUE as it is now.

    [publish] approvals says how many people have to, before a campaign starts; whoever handed the text over cannot.
    The approval is for the text as it is: an edit makes it void. Without --remote it is in the name of your user on
    this machine. A campaign that waited for it goes on.

    \b
    Examples:
        newsletter approve chip-rules
        newsletter approve chip-rules --remote --digest 20f3e4e4
    """
    if remote:
        wanted = digest or build_issue(session.publication, find_issue(session.publication, issue)).message.digest
        slug = slug_of(find_issue(session.publication, issue))
        answer = remote_server(session.publication).post(issue_path(slug, "approvals"), {"digest": wanted})
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2) if as_json else answer["sentence"])
        return
    campaign, names = _approve(session, issue, digest)
    shown = {"campaign": campaign.id, "issue": campaign.issue, "digest": campaign.digest, "approvals": names}
    if as_json:
        click.echo(json.dumps({**shown, "state": campaign.state}, indent=2))
    else:
        click.echo(f"{campaign.issue} ({campaign.digest[:12]}) is approved by {', '.join(names)}.")


def _approve(session: Session, issue: str, digest: str | None) -> tuple[Campaign, list[str]]:
    publication, now = session.publication, utc_now()
    plan, unbuilt = sending.plan_send(publication, session.database, issue, None, None)
    if unbuilt is None and not plan.campaign:
        plan = sending.approved(publication, plan, None)
    with session.database.begin() as connection:
        campaign = freeze_draft(connection, plan, now)
        if digest and not campaign.digest.startswith(digest):
            hint = "Read it, and approve that."
            raise NewsletterError(f"the text of {campaign.issue} has the digest {campaign.digest}", hint=hint)
        approvals.approve(connection, campaign, getpass.getuser(), now)
        lift_hold(connection, publication, campaign, now)
        return get_campaign(connection, campaign.id), approvals.names(connection, campaign)
