"""Show at a commit, at GitHub or GitLab, what became of the issues that it published."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newsletter.errors import NewsletterError
from newsletter.forge.api import StatusState
from newsletter.forge.repository import Repository

_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")
"""The variables in which runners have the commit."""


class CommitStatuses:
    """The statuses of the commit that is checked out."""

    def __init__(self, folder: Path) -> None:
        """Find the repository, its forge and the commit. Raises ConfigError."""
        repository = Repository(folder)
        self._forge = repository.forge()
        self._commit = next(filter(None, map(os.environ.get, _COMMITS)), None) or repository.commit()

    def pushed(self, answer: Mapping[str, Any]) -> None:
        """Show what the server answered. Raises NewsletterError."""
        sentence = str(answer["sentence"])
        waits = "held: " in sentence or sentence.startswith("paused")
        self._set(str(answer["issue"]), "pending" if waits else "success", sentence, str(answer["url"]))

    def refused(self, slug: str, error: NewsletterError) -> None:
        """Show why an issue was refused. Raises NewsletterError."""
        self._set(slug, "failure", error.message, "")

    def _set(self, slug: str, state: StatusState, sentence: str, url: str) -> None:
        self._forge.set_status(self._commit, f"newsletter/{slug}", state, sentence, url)
