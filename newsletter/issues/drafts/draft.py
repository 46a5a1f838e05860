"""A draft: the stories of sources become the text of an issue, for its author to rewrite.

Every sentence is the source's own and marked for review. Words of strangers are escaped: in the issue they
are text, never a block, a merge tag, a link or HTML. sources.py reads the sources; no file is written here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.issues.drafts.escapes import field_value, line_start, plain_words, yaml_text
from newsletter.issues.drafts.feed_xml import MOST_ENTRIES
from newsletter.issues.drafts.sources import ReadSource, read_source
from newsletter.issues.drafts.story import Section, Story, link_key, one_line
from newsletter.issues.issue import MOST_BYTES, issue_files
from newsletter.issues.scaffold import starter
from newsletter.network import NetworkAccess

REVIEW = "<!-- review -->"
LONGEST_SUBJECT = 78
LONGEST_PREHEADER = 110
SHORTEST_PREHEADER = 30
_LINK = re.compile(r"https?://[^\s<>\"')\]]+")
_OLDEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The stories for a draft, the first of which leads, and the numbers of those left out."""

    stories: Sequence[Story]
    known: int
    """Stories left out because an earlier issue or another source has them."""
    old: int
    """Stories left out because they are from before `since`."""
    beyond: int
    """Stories left out because of `limit`."""
    unnamed: int
    """Entries of feeds left out because they have neither a headline nor words."""
    unread: int
    """Entries left out because they stand behind the first ones of their feed."""
    guesses: Sequence[str]
    """Sentences about sources whose encoding was guessed."""
    failures: Sequence[NewsletterError]
    """Sources that could not be read, while others could."""


def gather(
    publication: PublicationSettings,
    names: Sequence[str],
    network: NetworkAccess,
    *,
    folder: Path,
    since: datetime | None,
    limit: int,
    done: Callable[[], None] = lambda: None,
) -> Gathered:
    """Read every source, and keep what is new. Raises NewsletterError when there is nothing.

    Articles come first in the order of `names`, then the entries of feeds, the newest first. Entries
    without a date are never too old. Files are relative to `folder`. `done` is called after each source.
    """
    reads: list[ReadSource] = []
    failures: list[NewsletterError] = []
    for name in names:
        try:
            reads.append(read_source(name, network, folder))
        except NewsletterError as error:
            failures.append(error)
        done()
    if failures and not reads:
        raise _all_failed(failures)
    stories = _in_order(reads)
    recent = [story for story in stories if not (since and story.published and story.published < since)]
    new = _new(recent, _links_of_issues(publication))
    gathered = Gathered(
        stories=new[:limit],
        known=len(recent) - len(new),
        old=len(stories) - len(recent),
        beyond=max(0, len(new) - limit),
        unnamed=sum(read.unnamed for read in reads),
        unread=sum(read.unread for read in reads),
        guesses=[_guess(read) for read in reads if read.encoding],
        failures=failures,
    )
    if not gathered.stories:
        raise NewsletterError(f"nothing new was found: {left_out(gathered)}", place=", ".join(names))
    return gathered


def left_out(gathered: Gathered) -> str:
    """Return the numbers of stories left out, such as `3 known already, 1 too old`."""
    counts = (
        (gathered.known, "known already"),
        (gathered.old, "too old"),
        (gathered.beyond, "over the limit"),
        (gathered.unnamed, "without a headline"),
        (gathered.unread, f"behind the first {MOST_ENTRIES} of a feed"),
    )
    return ", ".join(f"{count} {words}" for count, words in counts if count) or "no stories"


def _guess(read: ReadSource) -> str:
    return f"{read.name}: its encoding is not declared or not true; it was read as {read.encoding}"


def _all_failed(failures: Sequence[NewsletterError]) -> NewsletterError:
    if len(failures) == 1:
        return failures[0]
    reasons = "\n  ".join(f"{error.place}: {error.message}" for error in failures)
    return NewsletterError(f"none of {len(failures)} sources can be read", hint=reasons)


def _in_order(reads: Iterable[ReadSource]) -> list[Story]:
    pages = [story for read in reads if not read.is_feed for story in read.stories]
    entries = [story for read in reads if read.is_feed for story in read.stories]
    return pages + sorted(entries, key=lambda story: story.published or _OLDEST, reverse=True)


def _new(stories: Iterable[Story], known: set[str]) -> list[Story]:
    """Return each story once, without those whose link is in an earlier issue."""
    kept: dict[str, Story] = {}
    for story in stories:
        key = link_key(story.url) if story.url else story.title.casefold()
        if key not in known:
            kept.setdefault(key, story)
    return list(kept.values())


def _links_of_issues(publication: PublicationSettings) -> set[str]:
    """Return the keys of every address in the publication's issues."""
    keys: set[str] = set()
    for path in issue_files(publication):
        try:
            with path.open(encoding="utf-8", errors="replace") as stream:
                keys.update(link_key(link) for link in _LINK.findall(stream.read(MOST_BYTES)))
        except OSError:  # `check` says so, of this file; a draft only loses a comparison
            continue
    return keys


def issue_text(stories: Sequence[Story], day: date, zone: tzinfo) -> bytes:
    """Return an issue file with these stories, the first an article, the others news. It builds as it is."""
    lead, others = stories[0], stories[1:]
    preheader = _preheader(lead, others)
    values = {
        "subject": yaml_text(one_line(lead.title, LONGEST_SUBJECT)),
        "preheader": f'preheader: "{yaml_text(preheader)}" # review\n' if preheader else "",
        "lead": _article(lead, day, zone),
    }
    text = starter("draft.md", values)
    if others:
        items = "\n".join(_news_item(story, day, zone) for story in others)
        text += starter("draft-news.md", {"items": items})
    return text


def _preheader(lead: Story, others: Sequence[Story]) -> str:
    """Return the next headlines, else the lead's sentence; empty when that is too short to help."""
    also = "Also: " + "; ".join(story.title for story in others[:2])
    text = one_line(also if others else lead.summary, LONGEST_PREHEADER)
    return text if len(text) >= SHORTEST_PREHEADER and text != lead.title else ""


def _article(story: Story, day: date, zone: tzinfo) -> str:
    fields = {"title": story.title, "url": story.url, "author": story.author, "source": story.source}
    written = (f"{name}={field_value(name, value)}" for name, value in fields.items() if value)
    if story.sections:
        body = "\n\n".join(_section(section) for section in story.sections)
    else:
        body = " ".join(part for part in (_sentence(story), _origin("", story, day, zone), REVIEW) if part)
    return f":::article {' '.join(written)}\n{body}\n:::"


def _news_item(story: Story, day: date, zone: tzinfo) -> str:
    title = f"[{plain_words(story.title)}]({story.url})" if story.url else f"**{plain_words(story.title)}**"
    parts = (title, _sentence(story), _origin(story.source, story, day, zone), REVIEW)
    return "- " + " ".join(part for part in parts if part)


def _sentence(story: Story) -> str:
    """Return the source's sentence in quotation marks, which also keep it from being anything but text."""
    return f"“{plain_words(story.summary)}”" if story.summary and story.summary != story.title else ""


def _origin(source: str, story: Story, day: date, zone: tzinfo) -> str:
    """Return publisher and day, such as `(Example Wire, January 17)`; the year only where it is another one."""
    published = story.published.astimezone(zone).date() if story.published else None
    year = f", {published.year}" if published and published.year != day.year else ""
    date_line = f"{published:%B} {published.day}{year}" if published else ""
    words = ", ".join(part for part in (plain_words(source), date_line) if part)
    return f"({words})" if words else ""


def _section(section: Section) -> str:
    label = f"**{plain_words(section.label)}:** " if section.label else ""
    paragraph = f"{label}{plain_words(section.text) if label else line_start(section.text)} {REVIEW}"
    points = "\n".join(f"- {line_start(point)}" for point in section.points)
    return f"{paragraph}\n\n{points}" if points else paragraph
