"""The workspace: a publication as it is on disk now, and its issues as built for the preview.

An issue is built again when a file that it depends on has changed. The last good build is kept, so that a mistake
never takes the email away. No database is opened here, and browsers are unknown.
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
from newsletter.config import PublicationSettings, load_publication
from newsletter.errors import IssueError, NewsletterError, Problem, Severity, as_problems
from newsletter.issues.issue import issue_files, read_issue, shown_path, slug_of
from newsletter.issues.settings_check import check_settings
from newsletter.preview.local_images import LocalPicture, local_pictures
from newsletter.rendering.build import Built
from newsletter.rendering.theme import Theme

KEPT = 16
"""Issues whose builds are kept; the one that was shown longest ago is dropped first."""


@dataclass(frozen=True, kw_only=True)
class BuiltIssue:
    """An issue as it is on disk, and the last email that was built of it."""

    slug: str
    path: Path
    built: Built | None = field(repr=False, default=None)
    """The last good build; None when there never was one."""
    pictures: Sequence[LocalPicture] = field(repr=False, default=())
    """The pictures of the build that are shown from this disk."""
    context: Context | None = field(repr=False, default=None)
    """The file as it is now, as rules see it; None when it cannot be read."""
    parsed: Sequence[Problem] = ()
    """The parser's problems with the file as it is now."""
    failure: Sequence[Problem] = ()
    """The problems that keep the file as it is now from building; empty when `built` is up to date."""

    @property
    def digest(self) -> str:
        """A digest of what a reader would see: the message, and the pictures in it."""
        if self.built is None:
            return ""
        stamps = [picture.stamp for picture in self.pictures]
        return hashlib.sha256("\n".join((self.built.message.digest, *stamps)).encode()).hexdigest()[:16]

    @property
    def trace(self) -> str:
        """A digest of the HTML with its source map: it changes with line numbers even where no word changes."""
        return hashlib.sha256(self.built.traced.encode()).hexdigest()[:16] if self.built else ""


class IssueNotFound(NewsletterError):  # noqa: N818 - named like Python's FileNotFoundError
    """No issue file has this slug, or no longer has it."""


class Workspace:
    """A publication's issues as built from its files. Threads may share it: one builds, the others wait."""

    def __init__(self, config: Path) -> None:
        self.config = config
        """The path of newsletter.toml, which need not exist yet."""
        self._lock = threading.RLock()
        self._built: OrderedDict[Path, BuiltIssue] = OrderedDict()
        self._typed: OrderedDict[tuple[Path, str], BuiltIssue] = OrderedDict()
        self._stale: set[Path] = set()
        self._seen: dict[Path, object] = {}
        self._checked: dict[Path, tuple[object, Sequence[Problem]]] = {}
        self._generation = 0
        """A number that grows when a file changes on which every issue depends."""
        self._publication: PublicationSettings | None = None
        self._settings_error: NewsletterError | None = None
        self._theme: Theme | None = None
        self._earlier: EarlierIssues | None = None
        self.reload()

    def reload(self) -> None:
        """Read newsletter.toml again. A mistake in it leaves the last settings that were right."""
        with self._lock:
            self._seen[self.config] = _state(self.config)
            self._outdate_all()
            try:
                publication = load_publication(self.config)
                check_settings(publication)
            except NewsletterError as error:
                self._settings_error = error
                return
            self._publication, self._settings_error = publication, None
            self._theme, self._earlier = Theme(publication=publication), EarlierIssues(publication=publication)

    @property
    def settings_error(self) -> NewsletterError | None:
        """The error in newsletter.toml as it is now."""
        with self._lock:
            if _state(self.config) != self._seen[self.config]:
                self.reload()
            return self._settings_error

    @property
    def publication(self) -> PublicationSettings:
        """The publication by the last settings that were right. Raises ConfigError when there never were any."""
        with self._lock:
            error = self.settings_error
            if self._publication is None:
                assert error is not None
                raise error
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
        """The folders with files that an email may be built from; some of them may not exist."""
        root = self.config.parent
        with self._lock:
            of_pictures = {picture.file.parent for issue in self._built.values() for picture in issue.pictures}
        return frozenset((root / "issues", root / "templates", root / "images", *of_pictures))

    def refresh(self, changed: Iterable[Path]) -> None:
        """Mark everything that depends on these files as out of date."""
        with self._lock:
            for path in changed:
                self._outdate(path)

    def _outdate(self, path: Path) -> None:
        root = self.config.parent
        if path == self.config:
            self.reload()
        elif path.suffix == ".md" and path.parent == root / "issues":
            self._stale.add(path)
            # Another issue's subject or date may have changed, which NL510 compares.
            self._earlier = EarlierIssues(publication=self._publication) if self._publication else None
        else:
            self._outdate_all()
            if self._publication and path.is_relative_to(root / "templates"):
                self._theme = Theme(publication=self._publication)

    def _outdate_all(self) -> None:
        self._stale.update(self._built)
        self._generation += 1

    def path_of(self, slug: str) -> Path:
        """Return the issue file of a slug. Raises IssueNotFound, ConfigError."""
        path = next((path for path in issue_files(self.publication) if slug_of(path) == slug), None)
        if path is None:
            raise IssueNotFound(f'no issue is named "{slug}"')
        return path

    def issue(self, slug: str) -> BuiltIssue:
        """Return the issue, built again if a file it depends on has changed. Raises IssueNotFound, ConfigError."""
        with self._lock:
            path = self.path_of(slug)
            issue, now = self._built.get(path), _state(path)
            # A browser may ask before the watcher has seen a save, so the file's state counts too.
            if issue is None or path in self._stale or self._seen.get(path) != now or self.settings_error:
                self._stale.discard(path)
                self._seen[path] = now
                issue = self._built[path] = self._build(slug, path, issue)
            self._built.move_to_end(path)
            while len(self._built) > KEPT:
                self._seen.pop(self._built.popitem(last=False)[0], None)
            return issue

    def typed(self, slug: str, tab: str, text: str) -> BuiltIssue:
        """Build the issue from an unsaved text and keep the result for the browser tab in which it is typed.

        Raises IssueNotFound, ConfigError.
        """
        with self._lock:
            path = self.path_of(slug)
            last = self._typed.get((path, tab)) or self._built.get(path)
            issue = self._typed[path, tab] = self._build(slug, path, last, text)
            self._typed.move_to_end((path, tab))
            while len(self._typed) > KEPT:
                self._typed.popitem(last=False)
            return issue

    def last_typed(self, slug: str, tab: str) -> BuiltIssue:
        """Return the last result of `typed` for this tab. Raises IssueNotFound."""
        with self._lock:
            issue = self._typed.get((self.path_of(slug), tab))
        if issue is None:
            raise IssueNotFound("nothing was typed here yet")
        return issue

    def _build(self, slug: str, path: Path, last: BuiltIssue | None, text: str | None = None) -> BuiltIssue:
        kept = replace(last, context=None, parsed=()) if last else BuiltIssue(slug=slug, path=path)
        if self._settings_error:
            return replace(kept, failure=as_problems(self._settings_error))
        try:
            assert self._earlier is not None
            context, parsed = open_context(path, self.theme, self._earlier, text=text)
        except IssueError as error:
            return replace(kept, failure=error.problems)
        except NewsletterError as error:
            return replace(kept, failure=as_problems(error))
        return self._compiled(replace(kept, context=context, parsed=tuple(parsed)), context)

    def _compiled(self, issue: BuiltIssue, context: Context) -> BuiltIssue:
        errors = tuple(problem for problem in issue.parsed if problem.severity is Severity.ERROR)
        if errors:
            return replace(issue, failure=errors)
        try:
            built = context.built
        except NewsletterError as error:
            return replace(issue, failure=as_problems(error))
        pictures = local_pictures(context.publication, built.message.html)
        return replace(issue, built=built, pictures=pictures, failure=())

    def problems(self, slug: str) -> Sequence[Problem]:
        """Return the problems that `check` reports for an issue, which need not be shown; kept until a file changes."""
        path = self.path_of(slug)
        with self._lock:
            key = (_state(path), self._generation)
            known = self._checked.get(path)
            publication, theme = self.publication, self.theme
        if known is None or known[0] != key:
            # Outside the lock: a check takes longer than a build, and builds should not wait for it.
            checked = next(iter(check_issues(publication, [path], theme=theme)))
            known = self._checked[path] = key, checked.problems
        return known[1]

    def source(self, slug: str) -> str:
        """Return the text of the issue file. Raises NewsletterError."""
        path = self.path_of(slug)
        return read_issue(path, shown_path(self.publication, path))


def _state(path: Path) -> object:
    """Return a value that changes with the file; None when there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
