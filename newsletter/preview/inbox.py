"""Inbox: the issues of a publication as a reader's list of mails, the newest first.

Standings: how far each issue has come, in a word and for people.

Of several campaigns of an issue, the latest counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from sqlalchemy import Connection

from newsletter.campaigns.campaign import Campaign, CampaignState, all_campaigns
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import Publication
from newsletter.issues.issue import issue_files, slug_of
from newsletter.issues.summaries import read_head
from newsletter.messages.expressions import present
from newsletter.rendering.build import sample_recipient


@dataclass(frozen=True, kw_only=True)
class InboxEntry:
    """An issue as a line of an inbox, for a reader without a name."""

    slug: str
    path: Path
    subject: str
    preheader: str
    date: date | None


def entries(publication: Publication, words: str = "") -> list[Path]:
    """The issue files with these words in their subject, preheader or name; all without words.

    Each file's head is read, once as long as it does not change.
    """
    files = sorted(issue_files(publication), key=lambda path: (_day(path), path.name), reverse=True)
    wanted = words.casefold().split()
    return [path for path in files if not wanted or _has(path, wanted)]


def entry(publication: Publication, path: Path) -> InboxEntry | None:
    """One of them as a reader sees it; None when the file went away."""
    head = read_head(path)
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


def shown(publication: Publication, paths: Sequence[Path]) -> list[InboxEntry]:
    """These as a reader sees them."""
    found = (entry(publication, path) for path in paths)
    return [each for each in found if each]


def _day(path: Path) -> date:
    head = read_head(path)
    return (head and head.date) or date.min


def _has(path: Path, words: Sequence[str]) -> bool:
    head = read_head(path)
    said = f"{slug_of(path)} {path.stem} {head.subject} {head.preheader}" if head else path.stem
    return all(word in said.casefold() for word in words)


@dataclass(frozen=True, kw_only=True)
class IssueStatus:
    """Of one issue."""

    state: str
    """A campaign's, or `draft` for an issue that has none."""
    words: str
    """`Draft`, `Scheduled for Fri 17 Jan, 07:00`, `Sent to 8,117`."""
    campaign: int = 0
    """Its campaign's id, or 0."""


DRAFT = IssueStatus(state="draft", words="Draft")


def standings(connection: Connection, zone: tzinfo) -> Mapping[str, IssueStatus]:
    """Of every issue that has a campaign, by slug; times are read in `zone`."""
    latest: dict[str, Campaign] = {}
    for campaign in all_campaigns(connection):
        latest.setdefault(campaign.issue, campaign)
    return {issue: _standing(connection, campaign, zone) for issue, campaign in latest.items()}


def _standing(connection: Connection, campaign: Campaign, zone: tzinfo) -> IssueStatus:
    return IssueStatus(state=campaign.state, words=_words(connection, campaign, zone), campaign=campaign.id)


def _words(connection: Connection, campaign: Campaign, zone: tzinfo) -> str:
    if campaign.state is CampaignState.SENT:
        return f"Sent to {delivery_counts(connection, campaign.id)['accepted']:,}"
    if campaign.state is CampaignState.SENDING:
        counted = delivery_counts(connection, campaign.id)
        return f"Sending, {counted['accepted']:,} of {sum(counted.values()):,}"
    if campaign.state is CampaignState.SCHEDULED and campaign.start:
        return f"Scheduled for {_moment(campaign.wall or campaign.start.astimezone(zone))}"
    return campaign.state.capitalize()


def _moment(moment: datetime) -> str:
    """`Fri 17 Jan, 07:00`."""
    return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"
