"""Email the editors the figures of a campaign, a day after it started: once to each address of `[reports] to`.

The figures are those of `newsletter stats`. An email that may have left is never sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.database.tables import campaign
from newsletter.figures.campaigns import campaign_details
from newsletter.figures.counted import ensure_counted
from newsletter.figures.meanings import rate
from newsletter.figures.types import CampaignDetails, MailboxFigures
from newsletter.messages.types import CompiledMessage
from newsletter.publishing import alerts
from newsletter.publishing.signup_emails import compile_email, frame
from newsletter.rendering.assemble import language_of
from newsletter.rendering.theme import Theme
from newsletter.rendering.translations import Language
from newsletter.times import stamp

LATEST = timedelta(days=7)
"""A report that is late by more is not sent: a runner that did not run for weeks tells nobody old news."""
MOST_LINKS = 10
"""Links in a report, those with the most clicks, in the order of the issue."""
MOST_DOMAINS = 6


@dataclass(frozen=True, kw_only=True)
class DueReport:
    """A report that is to be sent now."""

    campaign_id: int
    to: str
    """The address."""

    @property
    def key(self) -> str:
        """The name under which it is sent once."""
        return f"report {self.campaign_id} {self.to}"


def due(publication: PublicationSettings, database: Database, now: datetime) -> list[DueReport]:
    """Return the reports that are due and were not sent."""
    settings = publication.config.reports
    if not settings.to:
        return []
    latest = now - settings.after.delta
    is_due = campaign.c.started_at.between(stamp(latest - LATEST), stamp(latest))
    with database.read() as connection:
        started = connection.scalars(select(campaign.c.id).where(is_due).order_by(campaign.c.id)).all()
        reports = [DueReport(campaign_id=id, to=to.address) for id in started for to in settings.to]
        return [report for report in reports if not alerts.was_mailed(connection, report.key)]


def send(publication: PublicationSettings, database: Database, report: DueReport, now: datetime) -> str:
    """Send one report unless it was sent before; return why it failed, or an empty string."""
    ensure_counted(database)
    with database.read() as connection:
        details = campaign_details(connection, publication, report.campaign_id)
    message = compile_report(publication, details)
    return alerts.mail_once(publication, database, report.key, message, report.to, now)


def compile_report(publication: PublicationSettings, details: CampaignDetails) -> CompiledMessage:
    """Compile the email with a campaign's figures, in the publication's language."""
    language = language_of(frame("report", publication), Theme(publication=publication))
    row = details.row
    subject = language.gettext(
        "Figures of “%(subject)s”: %(clicked)s clicked", subject=row.subject, clicked=f"{row.clicked:,}"
    )
    links = sorted(details.links, key=lambda link: -link.clicks)[:MOST_LINKS]
    more = {
        "row": row,
        "steps": _steps(language, details),
        "links": [(link.url, f"{link.clicks:,}") for link in details.links if link in links],
        "bounces": [(kind, f"{number:,}") for kind, number in details.bounces.items()],
        "domains": [_domain(language, each, row.deliveries_reported) for each in details.domains[:MOST_DOMAINS]],
    }
    return compile_email("report", publication, subject, more)


def _steps(language: Language, details: CampaignDetails) -> list[tuple[str, str, str]]:
    """Return the figures from the audience to the reader: name, number, share. Opens come last."""
    row, _ = details.row, language.gettext
    whole = row.delivered or row.accepted
    is_reported = row.deliveries_reported
    delivered = (f"{row.delivered:,}", rate(row.delivered, row.accepted)) if is_reported else (_("not reported"), "")
    return [
        (_("Audience"), f"{row.audience:,}", ""),
        (_("Accepted by the provider"), f"{row.accepted:,}", rate(row.accepted, row.audience)),
        (_("Delivered"), *delivered),
        (_("Clicked"), f"{row.clicked:,}", rate(row.clicked, whole)),
        (_("Left"), f"{row.unsubscribed:,}", rate(row.unsubscribed, whole)),
        (_("Called it spam"), f"{row.complained:,}", rate(row.complained, whole)),
        (_("Bounced"), f"{row.bounced:,}", rate(row.bounced, row.accepted)),
        (_("Opened, as far as that can be seen"), f"{row.opened:,}", rate(row.opened, whole)),
    ]


def _domain(language: Language, row: MailboxFigures, is_reported: bool) -> tuple[str, str, str, str]:
    delivered = f"{row.delivered:,}" if is_reported else language.gettext("not reported")
    return row.name, f"{row.accepted:,}", delivered, f"{row.bounced:,}"
