"""Workshop: a publication as it is on disk just now, and the issues in it that somebody looks at, built.

Keeps the last build of each, so that a mistake never takes the email away. Told what changed, it forgets
what depends on it and builds when asked. Opens no database and knows nothing of browsers.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from newsletter.checks.context.context import Context, EarlierIssues
from newsletter.checks.run import check_issues, open_context
from newsletter.config import Publication, load_publication
from newsletter.errors import IssueError, NewsletterError, Problem, Severity, problem_of
from newsletter.issues.issue import issue_files, read_issue, shown_path, slug_of
from newsletter.issues.settings_check import check_settings
from newsletter.preview.local_images import LocalPicture, local_pictures
from newsletter.rendering.build import Built
from newsletter.rendering.theme import Theme

KEPT = 16
"""Issues whose builds are kept; the one that was looked at longest ago goes first."""


@dataclass(frozen=True, kw_only=True)
class BuiltIssue:
    """An issue as it is on disk, and the last email that could be made of it."""

    slug: str
    path: Path
    built: Built | None = field(repr=False, default=None)
    """The last good build; None when there never was one."""
    pictures: Sequence[LocalPicture] = field(repr=False, default=())
    """What it shows from this disk."""
    context: Context | None = field(repr=False, default=None)
    """Of the file as it is now, for the rules; None when it cannot be read."""
    parsed: Sequence[Problem] = ()
    """What the parser found in it."""
    failure: Sequence[Problem] = ()
    """Why the file as it is now does not build; empty when it does, and `built` is of now."""

    @property
    def digest(self) -> str:
        """Of all that a reader would see: the message, and the pictures in it."""
        if self.built is None:
            return ""
        stamps = [picture.stamp for picture in self.pictures]
        return hashlib.sha256("\n".join((self.built.message.digest, *stamps)).encode()).hexdigest()[:16]

    @property
    def trace(self) -> str:
        """Changes with the lines that the HTML came from, even where no word of it does."""
        return hashlib.sha256(self.built.traced.encode()).hexdigest()[:16] if self.built else ""


class Gone(NewsletterError):  # noqa: N818 - what happened to the issue
    """No issue file has this slug (any more)."""


class Workspace:
    """Safe to use from several threads: one builds, the others wait for it."""

    def __init__(self, config: Path) -> None:
        self.config = config
        """The newsletter.toml, which need not exist yet."""
        self._lock = threading.RLock()
        self._works: OrderedDict[Path, BuiltIssue] = OrderedDict()
        self._typed: OrderedDict[tuple[Path, str], BuiltIssue] = OrderedDict()
        self._stale: set[Path] = set()
        self._seen: dict[Path, object] = {}
        self._checked: dict[Path, tuple[object, Sequence[Problem]]] = {}
        self._generation = 0
        """Of all that every issue depends on."""
        self._publication: Publication | None = None
        self._trouble: NewsletterError | None = None
        self._theme: Theme | None = None
        self._earlier: EarlierIssues | None = None
        self.reload()

    def reload(self) -> None:
        """Read newsletter.toml anew. A mistake in it leaves the last settings that were right."""
        with self._lock:
            self._seen[self.config] = _state(self.config)
            self._outdate_all()
            try:
                publication = load_publication(self.config)
                check_settings(publication)
            except NewsletterError as error:
                self._trouble = error
                return
            self._publication, self._trouble = publication, None
            self._theme, self._earlier = Theme(publication=publication), EarlierIssues(publication=publication)

    @property
    def trouble(self) -> NewsletterError | None:
        """What is wrong with newsletter.toml just now."""
        with self._lock:
            if _state(self.config) != self._seen[self.config]:
                self.reload()
            return self._trouble

    @property
    def publication(self) -> Publication:
        """By the last settings that were right. Raises ConfigError when there never were any."""
        with self._lock:
            trouble = self.trouble
            if self._publication is None:
                assert trouble is not None
                raise trouble
            return self._publication

    @property
    def theme(self) -> Theme:
        """The templates as they are now. Raises ConfigError like `publication`."""
        with self._lock:
            self.publication  # noqa: B018 - raises
            assert self._theme is not None
            return self._theme

    @property
    def folders(self) -> frozenset[Path]:
        """Where files are that an email may be made of, as far as is known; not all of them need exist."""
        root = self.config.parent
        with self._lock:
            shown = {picture.file.parent for work in self._works.values() for picture in work.pictures}
        return frozenset((root / "issues", root / "templates", root / "images", *shown))

    def refresh(self, changed: Iterable[Path]) -> None:
        """Forget what depends on these files."""
        with self._lock:
            for path in changed:
                self._forget(path)

    def _forget(self, path: Path) -> None:
        root = self.config.parent
        if path == self.config:
            self.reload()
        elif path.suffix == ".md" and path.parent == root / "issues":
            self._stale.add(path)
            self._earlier = EarlierIssues(publication=self._publication) if self._publication else None
        else:
            self._outdate_all()
            if self._publication and path.is_relative_to(root / "templates"):
                self._theme = Theme(publication=self._publication)

    def _outdate_all(self) -> None:
        self._stale.update(self._works)
        self._generation += 1

    def path_of(self, slug: str) -> Path:
        """The issue file of a slug. Raises Gone, ConfigError."""
        found = next((path for path in issue_files(self.publication) if slug_of(path) == slug), None)
        if found is None:
            raise Gone(f'no issue is named "{slug}"')
        return found

    def work(self, slug: str) -> BuiltIssue:
        """The issue, built anew if something it depends on changed. Raises Gone, ConfigError."""
        with self._lock:
            path = self.path_of(slug)
            known, now = self._works.get(path), _state(path)
            if known is None or path in self._stale or self._seen.get(path) != now or self.trouble:
                self._stale.discard(path)
                self._seen[path] = now
                known = self._works[path] = self._made(slug, path, known)
            self._works.move_to_end(path)
            while len(self._works) > KEPT:
                self._seen.pop(self._works.popitem(last=False)[0], None)
            return known

    def typed(self, slug: str, tab: str, text: str) -> BuiltIssue:
        """The issue as if its file said `text`, which is saved nowhere; kept for the tab that it is typed in.

        Raises Gone, ConfigError.
        """
        with self._lock:
            path = self.path_of(slug)
            last = self._typed.get((path, tab)) or self._works.get(path)
            made = self._typed[path, tab] = self._made(slug, path, last, text)
            self._typed.move_to_end((path, tab))
            while len(self._typed) > KEPT:
                self._typed.popitem(last=False)
            return made

    def last_typed(self, slug: str, tab: str) -> BuiltIssue:
        """What `typed` made last for this tab. Raises Gone."""
        with self._lock:
            found = self._typed.get((self.path_of(slug), tab))
        if found is None:
            raise Gone("nothing was typed here yet")
        return found

    def _made(self, slug: str, path: Path, last: BuiltIssue | None, text: str | None = None) -> BuiltIssue:
        kept = replace(last, context=None, parsed=()) if last else BuiltIssue(slug=slug, path=path)
        if self._trouble:
            return replace(kept, failure=(problem_of(self._trouble),))
        try:
            assert self._earlier is not None
            context, parsed = open_context(path, self.theme, self._earlier, text=text)
        except IssueError as error:
            return replace(kept, failure=error.problems)
        except NewsletterError as error:
            return replace(kept, failure=(problem_of(error),))
        return self._compiled(replace(kept, context=context, parsed=tuple(parsed)), context)

    def _compiled(self, work: BuiltIssue, context: Context) -> BuiltIssue:
        errors = tuple(problem for problem in work.parsed if problem.severity is Severity.ERROR)
        if errors:
            return replace(work, failure=errors)
        try:
            built = context.built
        except NewsletterError as error:
            return replace(work, failure=(problem_of(error),))
        pictures = local_pictures(context.publication, built.message.html)
        return replace(work, built=built, pictures=pictures, failure=())

    def problems(self, slug: str) -> Sequence[Problem]:
        """Everything `check` says of an issue that nobody need look at; asked again when what it depends on changed."""
        path = self.path_of(slug)
        with self._lock:
            key = (_state(path), self._generation)
            known = self._checked.get(path)
            publication, theme = self.publication, self.theme
        if known is None or known[0] != key:
            checked = next(iter(check_issues(publication, [path], theme=theme)))
            known = self._checked[path] = key, checked.problems
        return known[1]

    def source(self, slug: str) -> str:
        """The text of the issue file. Raises NewsletterError."""
        path = self.path_of(slug)
        return read_issue(path, shown_path(self.publication, path))


def _state(path: Path) -> object:
    """Differs when the file does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
