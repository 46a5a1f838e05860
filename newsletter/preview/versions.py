"""Versions of an issue for comparison: its file, git's HEAD, a campaign's approved message, or another issue.

Each has a key that an address bar can hold: `file`, `head`, `campaign:3`, `issue:chip-rules`. Nothing is written.
The version of HEAD is an old issue file built with the templates, pictures and settings of now; a campaign's is the
message as it was approved.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from newsletter.campaigns.campaign import frozen_message
from newsletter.campaigns.campaign_queries import campaigns_of_slug, find_campaign
from newsletter.config import PublicationSettings
from newsletter.errors import IssueError, NewsletterError, Severity
from newsletter.issues.issue import find_issue, issue_files, slug_of
from newsletter.issues.parse import inspect_issue
from newsletter.messages.expressions import present
from newsletter.messages.fragments import html_fragment, text_fragment
from newsletter.messages.merge import joined, subject_line
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.rendering.build import build
from newsletter.rendering.theme import Theme

_GIT_TIME = 10
"""Seconds that git may take."""
_REFUSALS = {
    "not a git repository": "the publication is not in a git repository",
    "exists on disk, but not in": "the issue was never committed",
    "does not exist in": "the issue was never committed",
    "bad revision": "nothing was ever committed",
    "object name": "nothing was ever committed",
    "dubious ownership": "git does not trust this folder: it belongs to somebody else",
}
"""Parts of git's messages, and the error that each becomes."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A compiled message of an issue, from one of its states."""

    key: str
    label: str
    message: CompiledMessage
    note: str = ""
    """A sentence below a comparison, about how this version was made."""


@dataclass(frozen=True, kw_only=True)
class FilledVersion:
    """A version with its slots filled for one reader."""

    subject: str
    preheader: str
    html: str
    text: str


def filled(message: CompiledMessage, recipient: Recipient) -> FilledVersion:
    """Return a message with its slots filled for one reader."""
    fields = present(recipient.fields)
    return FilledVersion(
        subject=subject_line(text_fragment(message.subject, message))(fields),
        preheader=joined(text_fragment(message.preheader, message))(fields),
        html=joined(html_fragment(message.html, message))(fields),
        text=joined(text_fragment(message.text, message))(fields),
    )


def find_version(theme: Theme, connection: Connection | None, path: Path, key: str) -> Version:
    """Return the version that `key` names of the issue at `path`. Raises NewsletterError if there is none."""
    kind, _, name = key.partition(":")
    if key == "file":
        return _of_text(theme, path, None, key=key, label="The file now")
    if key == "head":
        return _in_head(theme, path)
    if kind == "campaign":
        return _approved(connection, name)
    if kind == "issue":
        other_path = find_issue(theme.publication, name)
        return _of_text(theme, other_path, None, key=key, label=other_path.stem)
    raise NewsletterError(f'no version is named "{key}"', hint="There are: file, head, campaign:ID, issue:SLUG.")


def known_versions(
    publication: PublicationSettings, connection: Connection | None, path: Path
) -> Iterator[tuple[str, str]]:
    """Yield the key and the label of each version that the issue can be compared with, the likeliest first."""
    yield "head", "The last commit (git HEAD)"
    approved = campaigns_of_slug(connection, slug_of(path)) if connection else []
    for campaign in approved:
        yield (
            f"campaign:{campaign.id}",
            f"As campaign {campaign.id} approved it ({campaign.state}, {campaign.audience})",
        )
    for other_path in reversed(issue_files(publication)):
        if other_path != path:
            yield f"issue:{slug_of(other_path)}", other_path.stem


def _of_text(theme: Theme, path: Path, text: str | None, *, key: str, label: str, note: str = "") -> Version:
    issue, problems = inspect_issue(path, theme.publication, theme.kinds, theme.templates, text)
    if errors := [problem for problem in problems if problem.severity is Severity.ERROR]:
        raise NewsletterError(f"{label.lower()} cannot be built", hint=str(IssueError(errors)))
    return Version(key=key, label=label, message=build(issue, theme).message, note=note)


def _approved(connection: Connection | None, name: str) -> Version:
    if connection is None:
        raise NewsletterError(f'no campaign named "{name}"', hint="There is no database yet.")
    campaign = find_campaign(connection, name)
    message = frozen_message(connection, campaign.id)
    label = f"Campaign {campaign.id}, {campaign.state}"
    note = "As it was approved, word for word."
    return Version(key=f"campaign:{campaign.id}", label=label, message=message, note=note)


def _in_head(theme: Theme, path: Path) -> Version:
    label = _git(path, "log", "-1", "--format=Commit %h of %cs", "HEAD", "--", f"./{path.name}").strip()
    text = _git(path, "cat-file", "blob", f"HEAD:./{path.name}")
    note = "The issue file as committed; templates, pictures and settings are those of now."
    return _of_text(theme, path, text.replace("\r\n", "\n"), key="head", label=label or "git HEAD", note=note)


def _git(path: Path, *arguments: str) -> str:
    """Return git's output in the issue's folder. Raises NewsletterError with git's reason in plain words."""
    # GIT_DIR and the like, set by a hook, would lead git to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(path.parent), "-c", "log.showSignature=false", *arguments],
            env=environment | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_TIME,
            check=False,
        )
    except FileNotFoundError as error:
        raise NewsletterError("git is not installed", hint="Compare with another issue or a campaign.") from error
    except subprocess.TimeoutExpired as error:
        raise NewsletterError(f"git did not answer within {_GIT_TIME} seconds") from error
    if done.returncode:
        stderr = done.stderr.decode("utf-8", "replace").strip()
        reason = next((words for sign, words in _REFUSALS.items() if sign in stderr), f"git refused: {stderr[-200:]}")
        raise NewsletterError(reason, hint="Compare with another issue or a campaign.")
    return done.stdout.decode("utf-8-sig", "replace")
