"""Read the sentences of a text file, and those of the starters that `newsletter new` copies.

Starters and issues are compared as lines of text, before Markdown: so a file that does not parse is compared too, and
each sentence has its line. Case, punctuation, markup and line breaks do not count; addresses and comments are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from string import Template
from typing import NamedTuple

from newsletter.checks.context.places import Spot
from newsletter.config import PublicationSettings
from newsletter.issues.scaffold import StarterFile, starter_files

SUBJECT = "thesubjectofthisissue"
"""Stands for `$subject` while a starter is read."""
TAG = "\x01"
"""Stands for a merge tag, as a word."""
MOST_OF_A_GREETING = 3
"""Words, besides its merge tag, of a sentence that only greets: `Good morning {{ first_name }}.`"""

_COMMENT = re.compile(r"<!--(?P<text>[^\n]{0,1000}?)-->")
"""A comment on one line."""
_MARK = re.compile(r"\s*nl-ignore\b[^:]*\bNL024\b[^:]*:\s*\S")
_FRONT_MARK = re.compile(r"#\s*nl-ignore\b[^:]*\bNL024\b[^:]*:\s*\S")
_PREHEADER = re.compile(r"(?P<off>#?\s*)preheader:\s*(?P<text>.*)")
_FIELD = re.compile(r"(?<![\w-])(?P<name>[\w-]{1,64})=(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')")
_NO_TEXT = frozenset(("url", "src", "image", "width"))
_ADDRESS = re.compile(r"(?<=\])\([^()\s]*(?:\s[^()]*)?\)|https?://[^\s<>()]+")
_CODE_TAG = re.compile(r"\{%[^{}]{0,1000}%\}")
_TAG = re.compile(r"\{\{[^{}]{0,1000}\}\}")
_LEAD = re.compile(r"\s*(?:(?:[-*+>]|\d+[.)]|#{1,6})\s+)*(?:\*\*(?P<bold>.+?)\*\*|\[(?P<link>[^\[\]]+)\])")
_BEGIN = re.compile(r"\s*(?:[-*+>]|\d+[.)]|#{1,6})\s|\s*:::|\s*\|")
_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]*_]*(?=\s|$)|[。！？]|:[*_]*(?=\s|$)|\|")
_WORD = re.compile(rf"{TAG}|\w+")


class Word(NamedTuple):
    """A word in lower case, and its place."""

    text: str
    line: int
    column: int
    width: int


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence, a title, a list item's beginning or a table's cell: words between two boundaries."""

    words: tuple[Word, ...]
    is_label: bool
    """Tells that it ends in a colon: `Who:`."""

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Return its words alone."""
        return tuple(word.text for word in self.words)

    @property
    def is_greeting(self) -> bool:
        """Tell whether it only greets the reader, which every issue may do in the same words."""
        return TAG in self.key and len(self.key) - self.key.count(TAG) <= MOST_OF_A_GREETING

    @property
    def spot(self) -> Spot:
        """Return its place, to the end of its first line at most."""
        first = self.words[0]
        last = [word for word in self.words if word.line == first.line][-1]
        return Spot(first.line, first.column, last.column + last.width - first.column)


@dataclass(frozen=True, kw_only=True)
class StarterTexts:
    """The sentences of all starters of a publication."""

    placeholders: dict[tuple[str, ...], StarterFile]
    """Those that an author has to replace, each with its file."""
    kept: Set[tuple[str, ...]]
    """Those that may stay: greetings, labels, and those that are marked with `nl-ignore NL024`."""


def read_starters(publication: PublicationSettings) -> StarterTexts:
    """Read the sentences of the program's starters and of the publication's own. A file that is no text has none."""
    placeholders: dict[tuple[str, ...], StarterFile] = {}
    kept: set[tuple[str, ...]] = set()
    for file in starter_files(publication):
        try:
            text = Template(file.path.read_text(encoding="utf-8")).safe_substitute(subject=SUBJECT, template="")
        except (OSError, UnicodeDecodeError):
            continue  # `newsletter new` reports it
        marked = marked_lines(text)
        for sentence in sentences(text, has_suggestions=True):
            stays = sentence.is_label or sentence.is_greeting or sentence.words[0].line in marked
            if stays:
                kept.add(sentence.key)
            elif sentence.key != (SUBJECT,):
                placeholders.setdefault(sentence.key, file)
    return StarterTexts(placeholders={key: f for key, f in placeholders.items() if key not in kept}, kept=kept)


def marked_lines(text: str) -> set[int]:
    """Return the lines (from 1) whose text may stay: those that an `nl-ignore NL024` with a reason counts for."""
    marked, lines = set(), text.split("\n")
    for number, line in enumerate(lines, start=1):
        comment = _COMMENT.search(line)
        if not (_FRONT_MARK.search(line) or (comment and _MARK.match(comment["text"]))):
            continue
        is_alone = not (line[: comment.start()] if comment else line.partition("#")[0]).strip()
        marked.add(number + 1 if is_alone else number)
    return marked


def sentences(text: str, *, has_suggestions: bool = False) -> list[Sentence]:
    """Return the sentences of an issue file: its preheader, the text of its blocks and their fields, in order.

    With `has_suggestions` a preheader that stands behind a `#` counts too, as in a starter.
    """
    hidden = _without_comments(text)
    lines, body = hidden.split("\n"), _body_line(text.split("\n"))
    read = [*_front(lines[:body], has_suggestions)]
    paragraph: list[tuple[int, int, str]] = []
    for number, line in enumerate(lines[body:], start=body + 1):
        if not line.strip() or _BEGIN.match(line):
            read += _of_paragraph(paragraph)
            paragraph = []
        if line.lstrip().startswith(":::"):
            for field in _FIELD.finditer(line):
                if field["name"] not in _NO_TEXT:
                    read += _of_paragraph([(number, field.start("text") + 2, field["text"][1:-1])])
        elif line.strip():
            paragraph.append((number, 1, line))
    return [*read, *_of_paragraph(paragraph)]


def _body_line(lines: Sequence[str]) -> int:
    """Return the number of lines that the front matter takes; 0 without one."""
    if not lines or lines[0].strip() != "---":
        return 0
    return next((number for number, line in enumerate(lines[1:], start=2) if line.strip() == "---"), 0)


def _front(lines: Sequence[str], has_suggestions: bool) -> Iterator[Sentence]:
    for number, line in enumerate(lines, start=1):
        match = _PREHEADER.match(line)
        if match and (has_suggestions or not match["off"]):
            yield from _of_paragraph([(number, match.start("text") + 1, match["text"])])


def _of_paragraph(lines: Sequence[tuple[int, int, str]]) -> Iterator[Sentence]:
    """Split the lines of a paragraph, each with its line and first column, at the boundaries of sentences."""
    words: list[Word] = []
    for number, column, line in lines:
        shown = _blank(_ADDRESS, _blank(_CODE_TAG, line))
        shown = _TAG.sub(lambda match: TAG + " " * (len(match[0]) - 1), shown)
        lead = _LEAD.match(shown)
        ends = {match.end(): match[0].startswith(":") for match in _END.finditer(shown)}
        if lead:
            ends.setdefault(lead.end(), (lead["bold"] or "").rstrip().endswith(":"))
        for begin, end in pairwise([0, *sorted(ends), len(shown)]):
            for match in _WORD.finditer(shown, begin, end):
                words += _words(match, number, column)
            if words and end in ends:
                yield Sentence(words=tuple(words), is_label=ends[end])
                words = []
    if words:
        yield Sentence(words=tuple(words), is_label=False)


def _words(match: re.Match[str], number: int, column: int) -> list[Word]:
    text = match[0].strip("_").casefold()  # _emphasis_ is no part of a word
    return [Word(text, number, column + match.start(), len(match[0]))] if text else []


def _without_comments(text: str) -> str:
    """Return the text with spaces in place of comments, whose lines stay."""
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts += [text[at:start], re.sub(r"[^\n]", " ", text[start : end + 3])]
        at = end + 3
    return "".join([*parts, text[at:]])


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: " " * len(match[0]), text)
