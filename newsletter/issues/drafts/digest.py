"""A digest: issues of the last days become one issue, which leads to each of them.

Of each issue it takes the subject, the first paragraph of its first article, and the headlines of the others with
their links. The words are the author's own; merge tags, pictures and footnotes are left out. A link is taken once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote

from markdown_it.token import Token

from newsletter.config import PublicationSettings
from newsletter.errors import IssueError, NewsletterError
from newsletter.issues.drafts.escapes import field_value, paragraph_start, plain_words, yaml_text
from newsletter.issues.drafts.story import link_key, one_line
from newsletter.issues.issue import Block, Issue, issue_files
from newsletter.issues.markdown.words import alt_text
from newsletter.issues.news_block import news_items
from newsletter.issues.parse import parse_issue
from newsletter.issues.scaffold import starter
from newsletter.issues.summaries import IssueSummary, read_summary
from newsletter.issues.templates import block_kinds, template_names

LONGEST_SUBJECT = 78
LONGEST_PREHEADER = 110
_MARKS = {"strong_open": "**", "strong_close": "**", "em_open": "*", "em_close": "*", "s_open": "~~", "s_close": "~~"}


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A headline of an issue, and where it leads."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class DigestEntry:
    """An issue as a digest tells of it."""

    issue: Issue
    title: str
    url: str
    """The issue's page; its first article's address when the issue is kept off the web; empty without either."""
    lead: str
    """A paragraph, Markdown; empty when the issue has none without merge tags."""
    headlines: tuple[Headline, ...]


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Hold what was gathered for a digest, the newest issue first."""

    entries: Sequence[DigestEntry]
    unsent: int
    """Issues left out because they were not sent."""
    withdrawn: int
    """Issues left out because their page was taken off the web."""
    failures: Sequence[IssueError]
    """Issues left out because they have errors."""


def gather_issues(
    publication: PublicationSettings,
    list_name: str,
    until: date,
    since: timedelta,
    *,
    sent: Collection[str] | None,
    withdrawn: Collection[str],
    links: int,
) -> Digest:
    """Read the issues of a list of the days up to `until`, at most `links` headlines of each beside its lead.

    `sent` has the slugs that were sent; None takes all. Those of `withdrawn` are never taken. Raises NewsletterError
    when there is none.
    """
    every = sorted(_summaries(publication, list_name, until, since), key=lambda each: str(each.date), reverse=True)
    of_days = [each for each in every if each.slug not in withdrawn]
    wanted = [each for each in of_days if sent is None or each.slug in sent]
    entries, failures, known = [], [], set[str]()
    for summary in wanted:
        try:
            entries.append(_entry(publication, _parse(publication, summary.path), known, links))
        except IssueError as error:
            failures.append(error)
    if not entries:
        raise _nothing(list_name, until, since, len(of_days) - len(wanted), failures)
    unsent, gone = len(of_days) - len(wanted), len(every) - len(of_days)
    return Digest(entries=entries, unsent=unsent, withdrawn=gone, failures=failures)


def _summaries(
    publication: PublicationSettings, list_name: str, until: date, since: timedelta
) -> Iterator[IssueSummary]:
    for path in issue_files(publication):
        summary = read_summary(path)
        if summary is None or summary.date is None or summary.is_welcome:
            continue
        if until - since < summary.date <= until and (summary.list or publication.default_list) == list_name:
            yield summary


def _nothing(
    list_name: str, until: date, since: timedelta, unsent: int, failures: Sequence[IssueError]
) -> NewsletterError:
    if failures:
        return failures[0]
    days = f"{until - since + timedelta(days=1)} to {until}"
    if unsent:
        hint = "--unsent takes them all the same."
        return NewsletterError(f"no issue of {list_name} from {days} was sent; {unsent} wait", hint=hint)
    return NewsletterError(f"there is no issue of {list_name} from {days}", hint="Write another --since or --list.")


def _parse(publication: PublicationSettings, path: Path) -> Issue:
    return parse_issue(path, publication, block_kinds(publication), template_names(publication))


def _entry(publication: PublicationSettings, issue: Issue, known: set[str], links: int) -> DigestEntry:
    blocks = [piece for piece in issue.content if isinstance(piece, Block)]
    articles = [block for block in blocks if block.name == "article"]
    headlines = [headline for block in blocks for headline in _headlines(issue, block)]
    first = next((headline for headline in headlines if articles), None)
    page = f"{publication.config.publication.url}/issues/{quote(issue.slug)}"
    url = page if issue.archive else (first.url if first else "")
    if first:
        known.add(link_key(first.url))
    title = _without_tags(issue, issue.subject) or (first.title if first else issue.slug)
    others: list[Headline] = []
    for headline in headlines:
        if headline is not first and link_key(headline.url) not in known and len(others) < links:
            known.add(link_key(headline.url))
            others.append(headline)
    lead = next((text for block in [*articles, *blocks] if (text := _lead(issue, block))), "")
    return DigestEntry(issue=issue, title=title, url=url, lead=lead, headlines=tuple(others))


def _headlines(issue: Issue, block: Block) -> Iterator[Headline]:
    """Yield the headlines of a block that lead somewhere and hold no merge tag."""
    if block.name == "article":
        pairs = [(block.fields.get("title", ""), block.fields.get("url", ""))]
    elif block.name == "news":
        pairs = [(alt_text(item.title), item.url) for item in news_items(block.body)]
    else:
        pairs = []
    for words, url in pairs:
        title = _without_tags(issue, words)
        if title and url.startswith(("http://", "https://")) and not issue.tag_store.token.search(url):
            yield Headline(title=title, url=url)


def _without_tags(issue: Issue, text: str) -> str:
    """Return a text on one line; empty when it holds a merge tag."""
    return "" if issue.tag_store.token.search(text) else one_line(text)


def _lead(issue: Issue, block: Block) -> str:
    """Return the first paragraph of a block, outside lists and quotations, that holds no merge tag."""
    if block.name not in ("article", "text") or not block.body:
        return ""
    outside = min(token.level for token in block.body)
    for opening, inline in zip(block.body, block.body[1:], strict=False):
        is_paragraph = opening.type == "paragraph_open" and opening.level == outside and inline.type == "inline"
        if is_paragraph and not issue.tag_store.token.search(inline.content):
            return _markdown(inline.children or [])
    return ""


def _markdown(tokens: Sequence[Token]) -> str:
    """Write inline tokens as Markdown on one line: words, bold, italic, code and links."""
    parts: list[str] = []
    links: list[str] = []
    for token in tokens:
        if token.type == "text":
            parts.append(plain_words(token.content))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "code_inline":
            parts.append(f"`{token.content}`" if "`" not in token.content else plain_words(token.content))
        elif token.type == "link_open":
            links.append(str(token.attrs["href"]))
            parts.append("[")
        elif token.type == "link_close":
            parts.append(f"](<{links.pop()}>)")
        else:
            parts.append(_MARKS.get(token.type, ""))
    return " ".join("".join(parts).split())


def digest_text(digest: Digest, list_name: str) -> bytes:
    """Return the text of the digest's issue file for a list. It builds as it is."""
    titles = [entry.title for entry in digest.entries]
    days = [entry.issue.date for entry in digest.entries]
    covered = _days(min(days), max(days))
    preheader = one_line("Also: " + "; ".join(titles[1:]), LONGEST_PREHEADER) if titles[1:] else ""
    values = {
        "subject": yaml_text(one_line(f"{covered}: {titles[0]}", LONGEST_SUBJECT)),
        "preheader": f'preheader: "{yaml_text(preheader)}"\n' if preheader else "",
        "list": f'list: "{yaml_text(list_name)}"\n',
        "days": covered,
        "issues": "\n\n".join(map(_article, digest.entries)),
    }
    return starter("digest.md", values)


def _days(first: date, last: date) -> str:
    if first == last:
        return f"{first:%B} {first.day}"
    month = "" if (first.year, first.month) == (last.year, last.month) else f"{last:%B} "
    return f"{first:%B} {first.day} to {month}{last.day}"


def _article(entry: DigestEntry) -> str:
    day = entry.issue.date
    fields = {"label": f"{day:%A}, {day:%B} {day.day}", "title": entry.title, "url": entry.url}
    written = " ".join(f"{name}={field_value(name, value)}" for name, value in fields.items() if value)
    points = "\n".join(f"- [{plain_words(each.title)}](<{each.url}>)" for each in entry.headlines)
    body = "\n\n".join(part for part in (paragraph_start(entry.lead), points) if part)
    return f":::article {written}\n{body or plain_words(entry.title)}\n:::"
