"""Summaries: what the front matter of issue files says, read from many files without parsing any.

A file is read again when it has changed. Nothing here is an error: issues/parse.py says what is wrong with a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from newsletter.issues.front_matter_yaml import MOST_CHARACTERS, parse_front_matter, split
from newsletter.issues.issue import date_of, slug_of
from newsletter.messages.escapes import clean
from newsletter.messages.expressions import EvaluationError, ExpressionError, Fields, compile_expression
from newsletter.messages.merge_tags import Tag, TagStore

ENOUGH = MOST_CHARACTERS + 16
"""Characters of a file that are read: the longest front matter and the lines around it."""
_KEY = re.compile(r"^(\w+):[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class IssueSummary:
    """The front matter of an issue, as far as it can be read."""

    path: Path
    subject: str
    preheader: str
    date: date | None
    """The front matter's, else the file name's; None when it is no date."""
    list: str
    is_welcome: bool

    @property
    def slug(self) -> str:
        """The slug that the file name holds."""
        return slug_of(self.path)

    def for_reader(self, text: str, fields: Fields) -> str:
        """Return a text of the summary as a reader with these fields sees it; a tag that cannot be read stays."""
        return for_reader(text, fields)


def for_reader(text: str, fields: Fields) -> str:
    """Return a text with merge tags as a reader with these fields sees it; a tag that cannot be read stays."""
    tag_store = TagStore.for_text(text)
    hidden = tag_store.hide(text)
    return tag_store.token.sub(lambda match: _value(tag_store.tags[int(match[1])], fields), hidden)


def read_summary(path: Path) -> IssueSummary | None:
    """Return the summary of one file; None when it cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _summary(path, status.st_mtime_ns, status.st_size)


def is_welcome(path: Path) -> bool:
    """Tell whether a file says `kind: welcome`; one that cannot be read does not."""
    summary = read_summary(path)
    return summary is not None and summary.is_welcome


# Time and size are arguments only to be part of the key of the cache.
@lru_cache(maxsize=5_000)
def _summary(path: Path, _changed_at: int, _size: int) -> IssueSummary | None:
    try:
        # A summary never fails for its content: a file that is not UTF-8 has one, too.
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            values = _values(stream.read(ENOUGH), path.name)
    except OSError:
        return None
    written = values.get("date", "")
    try:
        day = date.fromisoformat(written) if written else date_of(path)
    except ValueError:
        day = None
    return IssueSummary(
        path=path,
        subject=values.get("subject", ""),
        preheader=values.get("preheader", ""),
        date=day,
        list=values.get("list", ""),
        is_welcome=values.get("kind") == "welcome",
    )


def _values(text: str, name: str) -> Mapping[str, str]:
    """Return the values of the front matter, each on one line; of broken YAML, those of its `key: value` lines."""
    tag_store = TagStore.for_text(text)
    front, problems = parse_front_matter(tag_store.hide(text), name)
    if problems and not front.values:
        parts = split(text)
        return {key: " ".join(value.split()) for key, value in _KEY.findall(parts[0])} if parts else {}
    return {key: tag_store.restore(" ".join(value.text.split())) for key, value in front.values.items()}


def _value(tag: Tag, fields: Fields) -> str:
    if tag.is_statement:
        return tag.source
    try:
        return clean(compile_expression(tag.inner)(fields))
    except (ExpressionError, *EvaluationError):
        return tag.source
