"""Issue: one edition of the newsletter as its author wrote it, and the file that it comes from.

Finds issue files and reads their text. Knows lines and columns; knows no HTML and no readers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, get_args

from markdown_it.token import Token

from newsletter.config import PublicationSettings
from newsletter.errors import IssueError, NewsletterError, Problem, nearest, utf8_place
from newsletter.issues.markdown.footnotes import Note
from newsletter.messages.merge_tags import TagStore
from newsletter.times import Moment

MOST_BYTES = 1024 * 1024
"""Bytes of the largest issue file; Gmail clips an email at a tenth of it."""
Kind = Literal["issue", "welcome"]
"""A welcome is sent to each reader who joins; it has no campaign and no place in the archive."""
KINDS = get_args(Kind)
_FILE_NAME = re.compile(r"(?:(\d{4}-\d\d-\d\d)(?:-|$))?(.*)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of an issue: a `:::` block, or Markdown between blocks (`name` is "text")."""

    name: str
    fields: Mapping[str, str]
    """The fields that are set, with tokens in place of merge tags."""
    body: tuple[Token, ...]
    line: int
    """The line (from 1) of the file at which it opens."""
    end_line: int
    """The line at which it ends."""
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Column (from 1) and width of each field's value in the opening line, as their author sees them."""
    is_readable: bool = True
    """False when a mistake in the opening line leaves out a field: what lacks it then is no mistake of its own."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A `{% if ... %}`, `{% elif ... %}`, `{% else %}` or `{% endif %}` between blocks."""

    token: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Comment:
    """An HTML comment of the body, between its marks; readers do not see it."""

    text: str
    line: int
    """The line (from 1) of the file at which it begins."""
    column: int
    """The column (from 1) at which it begins, as its author sees it."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """An edition of the newsletter. Texts hold tokens in place of merge tags; `tag_store` has the tags."""

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
    """False keeps the issue off the web: no page, no place in the archive and the feed."""
    kind: Kind = "issue"
    after: timedelta = timedelta(0)
    """The time between a reader's joining and a welcome."""
    content: tuple[Block | Condition, ...]
    body_line: int
    """The line of the file (from 1) that tokens count from: a token's line 0 is this one."""
    tag_store: TagStore = field(repr=False)
    comments: tuple[Comment, ...] = ()
    notes: tuple[Note, ...] = ()
    """The footnotes, in the order of their numbers; their text is the last block of `content`."""
    warnings: tuple[Problem, ...] = ()

    @property
    def wants_signup(self) -> bool:
        """Tell whether the signup block follows the content: it is neither switched off nor placed by hand."""
        placed = any(isinstance(piece, Block) and piece.name == "signup" for piece in self.content)
        return self.signup and not placed


def slug_of(path: Path) -> str:
    """Return the file name without date and `.md`, or the date itself when there is nothing else."""
    match = _FILE_NAME.fullmatch(path.stem)
    return (match[2] if match else "") or path.stem


def date_of(path: Path) -> date | None:
    """Return the date in the file name, if there is one."""
    match = _FILE_NAME.fullmatch(path.stem)
    try:
        return date.fromisoformat(match[1]) if match and match[1] else None
    except ValueError:
        return None


def issue_files(publication: PublicationSettings) -> list[Path]:
    """Return every issue file of the publication, ordered by name."""
    return sorted(path for path in publication.issues.glob("*.md") if not path.name.startswith(".") and path.is_file())


def find_issue(publication: PublicationSettings, name: str) -> Path:
    """Return the file that a user names: a path, a slug, or a unique part of a file name. Raises NewsletterError."""
    path = Path(name)
    # A path is exact, whatever slugs there are.
    if path.suffix == ".md" and path.is_file():
        return path.absolute()
    files = issue_files(publication)
    exact = [file for file in files if name in (slug_of(file), file.stem)]
    # An exact slug beats a part of another one.
    matches = exact or [file for file in files if name.lower() in file.stem.lower()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        stems = ", ".join(file.stem for file in matches[:5])
        raise NewsletterError(f'"{name}" names {len(matches)} issues: {stems}', hint="Write more of the file name.")
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


def same_slug(publication: PublicationSettings, path: Path) -> Path | None:
    """Return another issue file with the slug of this one, if there is one: a slug must be unique."""
    return next(
        (f for f in issue_files(publication) if slug_of(f) == slug_of(path) and f.resolve() != path.resolve()), None
    )


def read_issue(path: Path, shown: str) -> str:
    """Return the text of an issue file. Raises IssueError: too large, no text, not UTF-8, empty."""
    try:
        size = path.stat().st_size
        # The size is asked first, so that a huge file is never read.
        raw = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise NewsletterError(error.strerror or "cannot be read", place=shown) from error
    return issue_text(raw, shown, size)


def issue_text(raw: bytes, shown: str, size: int = 0) -> str:
    """Return the text of an issue file's bytes, lines ending in `\\n`.

    `size` is the file's, for a file too large to be read. Raises IssueError: too large, no text, not UTF-8, empty.
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
        # Editors on Windows write a byte order mark and CRLF.
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line, column = utf8_place(error)
        message = f"not UTF-8 (byte 0x{error.object[error.start]:02x})"
        raise _unreadable(shown, line, message, "Save the file as UTF-8.", column) from error
    if not text.strip():
        raise _unreadable(shown, 1, "the file is empty", 'Begin it with "---", `subject: ...` and "---".')
    return text


def _unreadable(shown: str, line: int, message: str, hint: str, column: int = 1) -> IssueError:
    return IssueError([Problem(rule="NL000", message=message, path=shown, line=line, column=column, hint=hint)])


def shown_path(publication: PublicationSettings, path: Path) -> str:
    """Return the path for messages: relative to the working directory, else to the publication."""
    for base in (Path.cwd(), publication.root):
        if path.absolute().is_relative_to(base):
            return str(path.absolute().relative_to(base))
    return str(path)
