"""Heads: what the front matter of issue files says of them, read from many files without parsing any.

A file is read again when it changed. What cannot be read is left out; `parse` says what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from newsletter.issues.front_matter_yaml import FrontMatter, parse_front_matter
from newsletter.issues.issue import date_of, slug_of
from newsletter.messages.escapes import clean
from newsletter.messages.expressions import EvaluationError, ExpressionError, Fields, compile_expression
from newsletter.messages.merge_tags import TagStore

ENOUGH = 16_384
"""Characters of a file that are read: no front matter is longer."""


@dataclass(frozen=True, kw_only=True)
class IssueSummary:
    """The front matter of an issue, as far as it can be read."""

    path: Path
    subject: str
    preheader: str
    date: date | None
    list: str

    @property
    def slug(self) -> str:
        """The issue's."""
        return slug_of(self.path)

    def for_reader(self, text: str, fields: Fields) -> str:
        """A text of it as a reader with these fields sees it; a merge tag that nobody understands stays."""
        tag_store = TagStore.for_text(text)
        hidden = tag_store.hide(text)
        return tag_store.token.sub(lambda found: _value(tag_store.tags[int(found[1])].source, fields), hidden)


def read_head(path: Path) -> IssueSummary | None:
    """Of one file; None when it cannot be read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return _head(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=5_000)
def _head(path: Path, _changed_at: int, _size: int) -> IssueSummary | None:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            text = stream.read(ENOUGH)
    except OSError:
        return None
    tag_store = TagStore.for_text(text)
    front = parse_front_matter(tag_store.hide(text), path.name)[0]
    said = {key: tag_store.restore(_line(front, key)) for key in ("subject", "preheader", "date", "list")}
    try:
        day = date.fromisoformat(said["date"]) if said["date"] else date_of(path)
    except ValueError:
        day = None
    return IssueSummary(path=path, subject=said["subject"], preheader=said["preheader"], date=day, list=said["list"])


def _line(front: FrontMatter, key: str) -> str:
    """A value on one line; empty when it is not there."""
    value = front.values.get(key)
    return " ".join(value.text.split()) if value else ""


def _value(tag: str, fields: Fields) -> str:
    if tag.startswith("{%"):
        return tag
    try:
        return clean(compile_expression(tag[2:-2].strip().strip("-").strip())(fields))
    except (ExpressionError, *EvaluationError):
        return tag
