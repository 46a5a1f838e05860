"""The inbox: the issues of a publication as a reader's list of mails, the newest first, and each issue's status.

An issue's status is that of its latest campaign, or a draft's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from sqlalchemy import Connection

from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.campaign_queries import all_campaigns, campaigns_of_slug
from newsletter.config import PublicationSettings
from newsletter.counters import table
from newsletter.issues.issue import issue_files, slug_of
from newsletter.issues.summaries import for_reader, read_summary
from newsletter.messages.expressions import present
from newsletter.rendering.build import sample_recipient


@dataclass(frozen=True, kw_only=True)
class InboxEntry:
    """An issue as a line of an inbox, with merge tags filled for a reader without a name."""

    slug: str
    path: Path
    subject: str
    preheader: str
    date: date | None


def entries(publication: PublicationSettings, words: str = "") -> list[Path]:
    """Return the issue files with all these words in subject, preheader or name; without words, all files.

    The front matter of each file is read; it is kept until the file changes.
    """
    files = sorted(issue_files(publication), key=lambda path: (_day(path), path.name), reverse=True)
    wanted = words.casefold().split()
    return [path for path in files if not wanted or _has(path, wanted)]


def entry(publication: PublicationSettings, path: Path) -> InboxEntry | None:
    """Return the inbox line of an issue file, or None when the file is gone."""
    head = read_summary(path)
    if head is None:
        return None
    fields = present(sample_recipient(publication, head.slug).fields)
    return InboxEntry(
        slug=head.slug,
        path=path,
        subject=head.for_reader(head.subject, fields),
        preheader=head.for_reader(head.preheader, fields),
        date=head.date,
    )


def subject_as_read(publication: PublicationSettings, subject: str) -> str:
    """Return a campaign's subject with its merge tags filled for a reader without a name."""
    return for_reader(subject, present(sample_recipient(publication, "").fields))


def shown(publication: PublicationSettings, paths: Sequence[Path]) -> list[InboxEntry]:
    """Return the inbox lines of issue files, without files that are gone."""
    lines = (entry(publication, path) for path in paths)
    return [line for line in lines if line]


def _day(path: Path) -> date:
    head = read_summary(path)
    return (head and head.date) or date.min


def _has(path: Path, words: Sequence[str]) -> bool:
    head = read_summary(path)
    text = f"{slug_of(path)} {path.stem} {head.subject} {head.preheader}" if head else path.stem
    return all(word in text.casefold() for word in words)


@dataclass(frozen=True, kw_only=True)
class IssueStatus:
    """The state of an issue, from draft to sent."""

    state: str
    """The state of its campaign, or `draft` for an issue that has none."""
    words: str
    """The state for people: `Draft`, `Scheduled for Fri 17 Jan, 07:00`, `Sent to 8,117`."""
    campaign: int = 0
    """The id of its campaign, or 0."""


DRAFT = IssueStatus(state="draft", words="Draft")


def issue_statuses(connection: Connection, zone: tzinfo) -> Mapping[str, IssueStatus]:
    """Return the status of every issue that has a campaign, by slug, with times in `zone`."""
    latest: dict[str, Campaign] = {}
    # The newest campaigns come first, so the first one of an issue is its latest.
    for campaign in all_campaigns(connection):
        latest.setdefault(campaign.issue, campaign)
    return _statuses(connection, latest, zone)


def status_of(connection: Connection, slug: str, zone: tzinfo) -> IssueStatus:
    """Return the status of one issue; DRAFT when it has no campaign."""
    latest = campaigns_of_slug(connection, slug)[:1]
    return _statuses(connection, {slug: latest[0]}, zone)[slug] if latest else DRAFT


def _statuses(connection: Connection, latest: Mapping[str, Campaign], zone: tzinfo) -> Mapping[str, IssueStatus]:
    ids = [campaign.id for campaign in latest.values()]
    # Counters: a list of many campaigns must not read every batch of each.
    numbers = table.whole(connection, (table.AUDIENCE, table.ACCEPTED), ids) if ids else {}
    return {
        issue: IssueStatus(state=campaign.state, words=_words(campaign, numbers, zone), campaign=campaign.id)
        for issue, campaign in latest.items()
    }


def _words(campaign: Campaign, numbers: Mapping[tuple[str, int], int], zone: tzinfo) -> str:
    accepted, audience = (numbers.get((kind, campaign.id), 0) for kind in (table.ACCEPTED, table.AUDIENCE))
    if campaign.state is CampaignState.SENT:
        return f"Sent to {accepted:,}"
    if campaign.state is CampaignState.SENDING:
        return f"Sending, {accepted:,} of {audience:,}"
    if campaign.state is CampaignState.SCHEDULED and campaign.start:
        return f"Scheduled for {_moment(campaign.wall or campaign.start.astimezone(zone))}"
    return campaign.state.capitalize()


def _moment(moment: datetime) -> str:
    """Return a time for people: `Fri 17 Jan, 07:00`."""
    return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"
