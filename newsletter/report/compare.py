"""Build an issue as it was and as it is, and compare the two: findings, size, links, words."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from newsletter.checks.run import check_issues
from newsletter.config import PublicationSettings, load_publication
from newsletter.errors import NewsletterError, Problem, Severity
from newsletter.forge.repository import Repository
from newsletter.issues.issue import slug_of
from newsletter.messages.expressions import present
from newsletter.messages.fragments import html_fragment
from newsletter.messages.merge import joined
from newsletter.preview.views import RENDERED, written
from newsletter.rendering.build import Built, build_issue, sample_recipient
from newsletter.rendering.preview_file import with_pictures
from newsletter.report.changes import ChangedIssue

SHOWN_VIEWS = ("html", "dark", "no-images", "outlook", "text")
"""The views of `newsletter preview` that a report shows; `html` at two widths."""


@dataclass(frozen=True, kw_only=True)
class IssueVersion:
    """An issue at one side of a change."""

    problems: tuple[Problem, ...]
    subject: str
    digest: str
    """Empty for an issue that cannot be built, as are the others below."""
    size: int
    """Bytes of the HTML."""
    links: tuple[str, ...]
    views: Mapping[str, str]
    """HTML by view, `text` as plain text; pictures are inside."""

    @property
    def errors(self) -> int:
        """The number of findings that hold a send."""
        return sum(problem.severity is Severity.ERROR for problem in self.problems)


@dataclass(frozen=True, kw_only=True)
class ComparedIssue:
    """An issue before and after a change; None where it is not there."""

    slug: str
    path: Path
    kind: str
    before: IssueVersion | None
    after: IssueVersion | None

    @property
    def new_problems(self) -> list[Problem]:
        """The findings that the change brings."""
        return _beyond(self.after, self.before)

    @property
    def gone_problems(self) -> list[Problem]:
        """The findings that the change mends."""
        return _beyond(self.before, self.after)

    @property
    def new_links(self) -> list[str]:
        """The addresses that only the new version links to."""
        known = set(self.before.links) if self.before else set()
        return [link for link in (self.after.links if self.after else ()) if link not in known]

    @property
    def gone_links(self) -> list[str]:
        """The addresses that only the old version links to."""
        kept = set(self.after.links) if self.after else set()
        return [link for link in (self.before.links if self.before else ()) if link not in kept]


def _beyond(version: IssueVersion | None, other: IssueVersion | None) -> list[Problem]:
    """Return the findings of a version that the other has not; lines move, so rule and words decide."""
    left = Counter((problem.rule, problem.message) for problem in (other.problems if other else ()))
    beyond = []
    for problem in version.problems if version else ():
        if left[(problem.rule, problem.message)]:
            left[(problem.rule, problem.message)] -= 1
        else:
            beyond.append(problem)
    return beyond


def compare(
    publication: PublicationSettings, repository: Repository, base: str, changed: Sequence[ChangedIssue]
) -> list[ComparedIssue]:
    """Build both versions of each issue: the old one of the files as they were at the commit `base`."""
    with _as_it_was(publication, repository, base, changed) as before:
        return [
            ComparedIssue(
                slug=slug_of(issue.path),
                path=issue.path,
                kind=issue.kind,
                before=_version(before, before.issues / issue.path.name) if before else None,
                after=_version(publication, issue.path),
            )
            for issue in changed
        ]


@contextmanager
def _as_it_was(
    publication: PublicationSettings, repository: Repository, base: str, changed: Sequence[ChangedIssue]
) -> Iterator[PublicationSettings | None]:
    """Write what the old versions need into a folder: the issues, templates, settings, and the pictures they name."""
    known = repository.files_at(base, publication.root)
    if publication.path.name not in known:
        yield None
        return
    issues = {f"issues/{issue.path.name}" for issue in changed}
    shaping = [
        name for name in known if name in issues or name.startswith("templates/") or name == publication.path.name
    ]
    with tempfile.TemporaryDirectory(prefix="newsletter-report-") as folder:
        root = Path(folder)
        repository.extract(base, publication.root, shaping, root)
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in root.rglob("*") if path.is_file()]
        pictures = [
            name for name in known if "/" in name and name not in shaping and any(name in text for text in texts)
        ]
        repository.extract(base, publication.root, pictures, root)
        try:
            yield load_publication(root / publication.path.name)
        except NewsletterError:  # what was there before cannot be read; what is there now can
            yield None


def _version(publication: PublicationSettings, path: Path) -> IssueVersion | None:
    if not path.is_file():
        return None
    checked = next(iter(check_issues(publication, [path])))
    problems = tuple(dict.fromkeys(checked.problems))
    try:
        built = build_issue(publication, path)
    except NewsletterError:
        return IssueVersion(problems=problems, subject="", digest="", size=0, links=(), views={})
    message = built.message
    return IssueVersion(
        problems=problems,
        subject=message.open(message.subject),
        digest=message.digest,
        size=len(message.html.encode()),
        links=message.links,
        views={view: _view(built, view) for view in SHOWN_VIEWS},
    )


def _view(built: Built, view: str) -> str:
    publication, message = built.theme.publication, built.message
    recipient = sample_recipient(publication, message.slug)
    if view not in RENDERED:
        return written(built, recipient, view)
    copy = joined(html_fragment(message.html, message))(present(recipient.fields))
    return RENDERED[view](with_pictures(copy, publication))
