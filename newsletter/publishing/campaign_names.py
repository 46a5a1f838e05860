"""Campaigns by the names that people use: a number, an issue's slug or file, or a unique part of either.

The names of issues are those of `issues.issue.find_issue`, so that what `build` understands `status` understands too;
a campaign whose file is gone is still known by its slug.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select

from newsletter.campaigns.campaign import Campaign
from newsletter.campaigns.campaign_queries import campaigns_of_slug, find_campaign, latest_campaign
from newsletter.config import PublicationSettings
from newsletter.database.tables import campaign as table
from newsletter.errors import NewsletterError

MOST_NAMED = 5
"""Issues that are listed when a name fits several."""


def named_campaign(connection: Connection, publication: PublicationSettings, name: str | None) -> Campaign:
    """Return the campaign that a user names, of an issue its latest; without a name, the latest of all.

    Raises NewsletterError when there is none, and when the name fits several issues that have campaigns.
    """
    if name is None:
        return _latest(connection)
    if campaigns_of_slug(connection, name) or name.isdigit():
        return find_campaign(connection, name)
    return find_campaign(connection, _slug(connection, publication, name))


def _latest(connection: Connection) -> Campaign:
    campaign = latest_campaign(connection)
    if campaign is None:
        raise NewsletterError("there are no campaigns yet", hint="Make one with: newsletter send ISSUE")
    return campaign


def _slug(connection: Connection, publication: PublicationSettings, name: str) -> str:
    """Return the slug of the one issue with a campaign that a name fits, else the name itself."""
    from newsletter.issues.issue import issue_files, slug_of  # markdown-it: only where a part of a name was given

    path, known = Path(name), set(connection.execute(select(table.c.issue).distinct()).scalars())
    stem = path.stem if path.suffix == ".md" else name
    files = issue_files(publication)
    if path.suffix == ".md" or any(file.stem == stem for file in files):
        return slug_of(Path(f"{stem}.md"))
    part = stem.lower()
    named = {slug_of(file) for file in files if part in file.stem.lower()}
    fitting = sorted(known & named | {slug for slug in known if part in slug.lower()}) if part else []
    if len(fitting) > 1:
        listed = ", ".join(fitting[:MOST_NAMED]) + (", ..." if len(fitting) > MOST_NAMED else "")
        raise NewsletterError(f'"{name}" names {len(fitting)} campaigns: {listed}', hint="Write more of the name.")
    if len(named) == 1 and not fitting:
        hint = (
            f"Send it with: newsletter send {min(named)}" if len(named) == 1 else "See them all: newsletter campaigns"
        )
        raise NewsletterError(f'no campaign named "{name}"', hint=hint)
    return fitting[0] if fitting else name
