"""Propose a file as a pull request: a commit on a branch of its own, pushed, and the request at GitHub or GitLab.

The commit is made of git's objects alone: neither the working tree nor its index nor the current branch changes. When
the request cannot be made, the branch is deleted again.
https://docs.github.com/en/rest/pulls/pulls and https://docs.gitlab.com/api/merge_requests/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from newsletter.errors import NewsletterError
from newsletter.forge.api import Forge
from newsletter.forge.repository import Repository


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A new file, and the words of its pull request."""

    path: Path
    """Where it is to be; inside a git repository."""
    content: bytes
    branch: str
    title: str
    body: str


def open_request(forge: Forge, proposal: Proposal, base: str) -> str:
    """Make the request, and return its address. Raises NewsletterError."""
    if forge.is_gitlab:
        fields = {"source_branch": proposal.branch, "target_branch": base, "description": proposal.body}
    else:
        fields = {"head": proposal.branch, "base": base, "body": proposal.body}
    return _address(forge, forge.call("POST", forge.requests, {**fields, "title": proposal.title}))


def find_request(forge: Forge, branch: str, owner: str) -> str:
    """Return the address of the open request of a branch; empty for none."""
    query = {"source_branch": branch, "state": "opened"}
    if not forge.is_gitlab:
        query = {"head": f"{owner}:{branch}" if owner else branch, "state": "open"}
    requests = forge.call("GET", f"{forge.requests}?{urlencode(query)}")
    return _address(forge, requests[0]) if requests else ""


def _address(forge: Forge, answer: Any) -> str:
    return str(answer.get("web_url" if forge.is_gitlab else "html_url", ""))


def propose(repository: Repository, forge: Forge, proposal: Proposal, base: str) -> str:
    """Push the proposal and make its request; return the request's address.

    Raises NewsletterError, after which neither branch nor request are there.
    """
    commit = repository.commit_file(proposal.path, proposal.content, proposal.title)
    repository.push(commit, proposal.branch)
    try:
        return open_request(forge, proposal, base)
    except NewsletterError:
        repository.delete(proposal.branch)
        raise
