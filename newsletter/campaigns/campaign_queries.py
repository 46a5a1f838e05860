"""Find campaigns: by the name that a user gives, by issue, by state. Read only."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from newsletter.campaigns.campaign import FIELDS, Campaign, CampaignState, campaign_of_row
from newsletter.database.tables import campaign as table
from newsletter.errors import NewsletterError, nearest

# Made once: asked with every batch or request, and SQLAlchemy takes longer to put them together than SQLite to answer.
_BY_ID = select(*FIELDS).where(table.c.id == bindparam("campaign"))
_LATEST = select(*FIELDS).where(table.c.issue == bindparam("the_issue")).order_by(table.c.id.desc()).limit(1)
_SIBLINGS = select(table.c.id).where(table.c.issue == bindparam("the_issue"), table.c.id != bindparam("campaign"))


def campaign_of_issue(
    connection: Connection, issue: str, list: str, segment: str, readers_of: int = 0
) -> Campaign | None:
    """Return the one campaign of this issue, list and segment, if there is one; with `readers_of`, the correction."""
    same = (table.c.issue == issue) & (table.c.list == list) & (table.c.segment == segment)
    row = connection.execute(select(*FIELDS).where(same, table.c.readers_of == readers_of)).one_or_none()
    return campaign_of_row(row) if row else None


def sibling_campaigns(connection: Connection, campaign: Campaign) -> list[int]:
    """Return the ids of the other campaigns of the campaign's issue."""
    return [*connection.execute(_SIBLINGS, {"the_issue": campaign.issue, "campaign": campaign.id}).scalars()]


def all_campaigns(connection: Connection) -> list[Campaign]:
    """Return every campaign, the latest first."""
    return [campaign_of_row(row) for row in connection.execute(select(*FIELDS).order_by(table.c.id.desc()))]


def campaigns_before(
    connection: Connection, before: int | None, limit: int, *, state: str | None = None, issue: str | None = None
) -> list[Campaign]:
    """Return the campaigns with ids below `before` (None: all), the latest first, at most `limit`."""
    wanted = [table.c.id < before] if before is not None else []
    wanted += [table.c.state == state] if state else []
    wanted += [table.c.issue == issue] if issue else []
    rows = select(*FIELDS).where(*wanted).order_by(table.c.id.desc()).limit(limit)
    return [campaign_of_row(row) for row in connection.execute(rows)]


def latest_campaign(connection: Connection) -> Campaign | None:
    """Return the campaign that was made last, if there is one."""
    row = connection.execute(select(*FIELDS).order_by(table.c.id.desc()).limit(1)).one_or_none()
    return campaign_of_row(row) if row else None


def campaigns_in_state(connection: Connection, *states: CampaignState) -> list[Campaign]:
    """Return the campaigns in one of these states: by priority, then those that start earliest first."""
    order = (table.c.priority.desc(), table.c.send_at, table.c.id)
    rows = select(*FIELDS).where(table.c.state.in_(states)).order_by(*order)
    return [campaign_of_row(row) for row in connection.execute(rows)]


def campaigns_of_slug(connection: Connection, issue: str) -> list[Campaign]:
    """Return every campaign of an issue, the latest first."""
    rows = select(*FIELDS).where(table.c.issue == issue).order_by(table.c.id.desc())
    return [campaign_of_row(row) for row in connection.execute(rows)]


def find_campaign(connection: Connection, name: str) -> Campaign:
    """Return the campaign that a user names, by id or as the latest of a slug. Raises NewsletterError."""
    is_number = name.isascii() and name.isdigit() and len(name) < 19
    if is_number and (by_id := connection.execute(_BY_ID, {"campaign": int(name)}).one_or_none()):
        return campaign_of_row(by_id)
    if row := connection.execute(_LATEST, {"the_issue": name}).one_or_none():
        return campaign_of_row(row)
    near = nearest(name, connection.execute(select(table.c.issue).distinct()).scalars())
    hint = f'Did you mean "{near}"?' if near else "See them all with `newsletter campaigns`."
    raise NewsletterError(f'no campaign named "{name}"', hint=hint)
