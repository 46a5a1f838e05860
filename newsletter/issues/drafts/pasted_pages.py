"""The text of a page as copied from a browser: its headline, labelled sections, credit and recent news.

Reads the shape of lines, not the words of one site: short lines around the article are navigation,
`Label: sentence` opens a section, bullets belong to it, a heading opens more news.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.story import LONGEST_NAME, LONGEST_TITLE, Section, Story, first_sentence, one_line

_BULLET = re.compile(r"\s*(?:[•●◦‣▪■–—*·-]|\d{1,2}[.)])\s+(\S.*)")
_LABEL = re.compile(r"([^\W\d_][^:.!?\n]{1,59}):\s+(\S.*)")
_NAVIGATION = re.compile(
    r"(?:join|subscribe|sign up|sign in|log in|share|menu|search|advertisement|skip to)\b.{0,200}", re.IGNORECASE
)
_AUTHOR = re.compile(r"(?:written )?by\b:?\s*(.*)", re.IGNORECASE)
_DATE = re.compile(r"(?:published|updated|posted)(?: on)?\b:?\s*(.*)", re.IGNORECASE)
_MORE = re.compile(
    r"(?:(?:recent|latest|more|other|related|further) )(?:news|stories|articles|headlines|reading)", re.IGNORECASE
)
_DAYS = ("%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%m/%d/%Y")
_FINISHED = re.compile(r"[.!?…:;,。！？][\"'”’»)\]]*$")

MOST_LINES = 5_000
"""Lines of a page's text; the longest article has a tenth of them."""


@dataclass(kw_only=True)
class _PastedPage:
    """The parts of a page, filled while it is read."""

    title: str = ""
    author: str = ""
    published: datetime | None = None
    credit: str = ""
    sections: list[Section] = field(default_factory=list)
    news: list[Story] = field(default_factory=list)


def plain_stories(text: str) -> list[Story]:
    """Return the article of a page's text and the news beside it. Raises NewsletterError when there is no article."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MOST_LINES:
        hint = f"An article has at most {MOST_LINES:,}: keep its lines, and remove the others."
        raise NewsletterError(f"the text has {len(lines):,} lines", hint=hint)
    page = _PastedPage()
    at = _read_head(lines, page)
    more = next((n for n in range(at, len(lines)) if _MORE.fullmatch(lines[n].strip())), len(lines))
    _read_article(lines[at:more], page)
    _read_news(lines[more + 1 :], page)
    if not page.title or not page.sections:
        raise NewsletterError("no article is in this text", hint="It needs a headline, an empty line, and paragraphs.")
    lead = Story(
        title=page.title,
        source=page.credit,
        author=page.author,
        published=page.published,
        summary=first_sentence(page.sections[0].text),
        sections=tuple(page.sections),
    )
    return [lead, *page.news]


def _read_head(lines: list[str], page: _PastedPage) -> int:
    """Read headline, author and date up to the first empty line after the headline; return that line's index."""
    for number, line in enumerate(lines):
        words = one_line(line)
        if not words and page.title:
            return number
        if author := _AUTHOR.fullmatch(words):
            page.author = one_line(author[1], LONGEST_NAME)
        elif day := _DATE.fullmatch(words):
            page.published = _day(day[1])
        elif not page.title and len(re.findall(r"\w+", words)) > 1 and not _NAVIGATION.fullmatch(words):
            page.title = one_line(words, LONGEST_TITLE)
    return len(lines)


def _read_article(lines: list[str], page: _PastedPage) -> None:
    for kind, words in _pieces(lines):
        last = page.sections[-1] if page.sections else None
        if kind == "point" and last:
            page.sections[-1] = Section(label=last.label, text=last.text, points=(*last.points, words))
        elif label := _LABEL.fullmatch(words):
            page.sections.append(Section(label=one_line(label[1]), text=one_line(label[2])))
        elif last and last.points and not _FINISHED.search(words) and len(words) <= 120:
            page.credit = one_line(words, LONGEST_NAME)
        elif not _NAVIGATION.fullmatch(words) or _FINISHED.search(words):
            page.sections.append(Section(label="", text=words))


def _pieces(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield points and paragraphs: a paragraph's lines are joined, a line right after a point is a paragraph."""
    paragraph: list[str] = []
    for line in [*lines, ""]:
        point = _BULLET.fullmatch(line)
        if (point or not line.strip()) and paragraph:
            yield "paragraph", one_line(" ".join(paragraph))
            paragraph = []
        if point:
            yield "point", one_line(point[1])
        elif line.strip():
            paragraph.append(line)


def _read_news(lines: list[str], page: _PastedPage) -> None:
    """Read titles and sentences in turn: a paragraph that ends like a sentence belongs to the title before it."""
    title = ""
    for _, words in _pieces(lines):
        if title and _FINISHED.search(words):
            page.news.append(Story(title=one_line(title, LONGEST_TITLE), summary=first_sentence(words)))
            title = ""
        elif not _NAVIGATION.fullmatch(words):
            if title:
                page.news.append(Story(title=one_line(title, LONGEST_TITLE)))
            title = words
    if title:
        page.news.append(Story(title=one_line(title, LONGEST_TITLE)))


def _day(text: str) -> datetime | None:
    for form in _DAYS:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
