"""Issue: one edition of the newsletter as its author wrote it, from one file.

Finds, reads and checks issue files. Knows lines and columns; knows no HTML and no
readers. Every mistake of a file is found in one pass and raised as one IssueError.

Slugs: the part of an issue's file name that is also its web address.

Pure; which slugs are taken is told by whoever asks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Literal, get_args

from markdown_it.token import Token

from newsletter.config import Publication
from newsletter.errors import IssueError, NewsletterError, Problem, nearest
from newsletter.messages.merge_tags import TagStore
from newsletter.times import Moment

MOST_BYTES = 1024 * 1024
"""A larger file is no issue: Gmail clips an email at a tenth of it."""
Kind = Literal["issue", "welcome"]
"""A welcome is sent to each reader who joins; it is no campaign's, and in no archive."""
KINDS = get_args(Kind)
_FILE_NAME = re.compile(r"(?:(\d{4}-\d\d-\d\d)(?:-|$))?(.*)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One piece of an issue: a `:::` block, or Markdown between blocks (`name` is "text")."""

    name: str
    fields: Mapping[str, str]
    """Without the unset ones; merge tags are tokens."""
    body: tuple[Token, ...]
    line: int
    """From 1, where it opens."""
    end_line: int


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A `{% if ... %}`, `{% elif ... %}`, `{% else %}` or `{% endif %}` between blocks."""

    token: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One edition. Texts hold tokens where merge tags stand; `tag_store` has the tags."""

    path: Path
    slug: str
    subject: str
    preheader: str
    date: date
    author: str
    list: str
    segment: str | None
    send_at: Moment | None
    template: str
    signup: bool
    archive: bool
    """False: no web page, no place in the archive and the feed."""
    kind: Kind = "issue"
    after: timedelta = timedelta(0)
    """How long after joining a welcome is sent."""
    content: tuple[Block | Condition, ...]
    body_line: int
    """The line of the file (from 1) that tokens count from: a token's line 0 is this one."""
    tag_store: TagStore = field(repr=False)
    warnings: tuple[Problem, ...] = ()

    @property
    def wants_signup(self) -> bool:
        """Whether the signup block comes after the content: it is not switched off, and not placed by hand."""
        placed = any(isinstance(piece, Block) and piece.name == "signup" for piece in self.content)
        return self.signup and not placed


def slug_of(path: Path) -> str:
    """The file name without date and `.md`; the date itself when there is nothing else."""
    found = _FILE_NAME.fullmatch(path.stem)
    return (found[2] if found else "") or path.stem


def date_of(path: Path) -> date | None:
    """The date in the file name, if there is one."""
    found = _FILE_NAME.fullmatch(path.stem)
    try:
        return date.fromisoformat(found[1]) if found and found[1] else None
    except ValueError:
        return None


def issue_files(publication: Publication) -> list[Path]:
    """Every issue file of the publication, by name."""
    return sorted(path for path in publication.issues.glob("*.md") if not path.name.startswith(".") and path.is_file())


def find_issue(publication: Publication, name: str) -> Path:
    """The issue a user means: a path, a slug, or a unique part of a file name. Raises NewsletterError."""
    path = Path(name)
    if path.suffix == ".md" and path.is_file():
        return path.absolute()
    files = issue_files(publication)
    exact = [file for file in files if name in (slug_of(file), file.stem)]
    found = exact or [file for file in files if name.lower() in file.stem.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(file.stem for file in found[:5])
        raise NewsletterError(f'"{name}" names {len(found)} issues: {named}', hint="Write more of the file name.")
    raise _no_issue(name, files)


def _no_issue(name: str, files: Sequence[Path]) -> NewsletterError:
    near = nearest(name, [slug_of(file) for file in files])
    latest = ", ".join(slug_of(file) for file in files[-3:])
    hint = (
        f'Did you mean "{near}"?'
        if near
        else f"Latest issues: {latest}."
        if files
        else "There are no issues yet: newsletter new TITLE."
    )
    return NewsletterError(f'no issue named "{name}"', hint=hint)


def same_slug(publication: Publication, path: Path) -> Path | None:
    """Another issue file with this one's slug, which must be unique."""
    return next(
        (f for f in issue_files(publication) if slug_of(f) == slug_of(path) and f.resolve() != path.resolve()), None
    )


def read_issue(path: Path, shown: str) -> str:
    """The text of an issue file. Raises IssueError: too large, no text, not UTF-8, empty."""
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise NewsletterError(error.strerror or "cannot be read", place=shown) from error
    return issue_text(raw, shown, size)


def issue_text(raw: bytes, shown: str, size: int = 0) -> str:
    """The text that these bytes are, lines ending in `\\n`; `size` is the file's where it was not read at all.

    Raises IssueError: too large, no text, not UTF-8, empty.
    """
    size = size or len(raw)
    if size > MOST_BYTES:
        raise _unreadable(
            shown,
            1,
            f"the file is {size / MOST_BYTES:.1f} MiB; an issue has at most 1 MiB",
            "Pictures belong in files of their own.",
        )
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise _unreadable(shown, line, "not a text file (it holds a NUL byte)", "An issue is Markdown in UTF-8.")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _unreadable(
            shown, line, f"not UTF-8 (byte 0x{raw[error.start]:02x})", "Save the file as UTF-8."
        ) from error
    if not text.strip():
        raise _unreadable(shown, 1, "the file is empty", 'Begin it with "---", `subject: ...` and "---".')
    return text


def _unreadable(shown: str, line: int, message: str, hint: str) -> IssueError:
    return IssueError([Problem(rule="NL000", message=message, path=shown, line=line, hint=hint)])


def shown_path(publication: Publication, path: Path) -> str:
    """The path as messages show it: relative to where the user is, else to the publication."""
    for base in (Path.cwd(), publication.root):
        if path.absolute().is_relative_to(base):
            return str(path.absolute().relative_to(base))
    return str(path)


LONGEST = 60
"""Characters; a file name may have 255 bytes, and a character takes up to four."""

_SPELLED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i"}
)
_DROPPED = re.compile("['’ʼ`\u0300-\u036f]")
"""Apostrophes, and accents that stand beside their letter."""


def slugify(title: str) -> str:
    """`Don't panic, Zoë!` -> `dont-panic-zoe`; letters that have no ASCII form stay as they are.

    Empty when the title has no letter and no digit.
    """
    text = _DROPPED.sub("", unicodedata.normalize("NFC", title.lower())).translate(_SPELLED)
    words = "".join(_spelled(character) for character in text).split()
    return _shortened(words)


def free_slug(slug: str, taken: Container[str]) -> str:
    """The slug, or the first of `slug-2`, `slug-3`, ... that is not taken."""
    if slug not in taken:
        return slug
    return next(f"{slug}-{n}" for n in count(2) if f"{slug}-{n}" not in taken)


def _spelled(character: str) -> str:
    """A letter, mark or digit in its ASCII form if it has one; anything else is a space."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if c.isascii() and c.isalnum())
    if plain:
        return plain.lower()  # a capital among mathematical letters has no small form of its own
    kept = unicodedata.category(character)[0] in "LN" or unicodedata.category(character) in ("Mn", "Mc")
    return character if kept and not _is_variation_selector(character) else " "


def _is_variation_selector(character: str) -> bool:
    """Emoji carry them; they are marks without a letter."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _shortened(words: list[str]) -> str:
    """As many whole words as fit, at least the beginning of the first."""
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > LONGEST:
            return slug or word[:LONGEST]
        slug = longer
    return slug
