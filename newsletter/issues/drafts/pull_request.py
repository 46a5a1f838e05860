"""Propose a file as a pull request: a commit on a branch of its own, pushed, and the request at GitHub or GitLab.

The commit is made of git's objects alone: neither the working tree nor its index nor the current branch changes. When
the request cannot be made, the branch is deleted again.
https://docs.github.com/en/rest/pulls/pulls and https://docs.gitlab.com/api/merge_requests/.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from newsletter.errors import ConfigError, NewsletterError
from newsletter.forge import Forge, forge_of

REMOTE = "origin"
SECONDS = 120
"""The time limit of one call of git."""
_REMOTE_URL = re.compile(
    r"(?:https?://(?:[^/@]*@)?|ssh://(?:[^/@]*@)?|[^/@]+@)([^/:]+)(?::\d+(?=/))?[/:](.+?)(?:\.git)?/?"
)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A new file, and the words of its pull request."""

    path: Path
    """Where it is to be; inside a git repository."""
    content: bytes
    branch: str
    title: str
    body: str


class Repository:
    """The git repository that a folder is in."""

    def __init__(self, folder: Path) -> None:
        """Find it. Raises ConfigError when the folder is in none, or git is not installed."""
        self._folder = folder
        self.root = Path(self._git("rev-parse", "--show-toplevel"))

    def forge(self) -> Forge:
        """Return the API of its remote, by the environment's token. Raises ConfigError."""
        return forge_of(*self.remote())

    def remote(self) -> tuple[str, str]:
        """Return host and path of the remote `origin`: `github.com`, `ada/news`. Raises ConfigError."""
        url = self._git("remote", "get-url", REMOTE)
        match = _REMOTE_URL.fullmatch(url)
        return (match[1], match[2]) if match else ("", Path(url).stem)

    def changed_since(self, ref: str, folder: Path) -> list[Path]:
        """Return the files of a folder that differ between a commit and HEAD, without those that are gone.

        Raises NewsletterError when the commit is not here.
        """
        try:
            commit = self._git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        except NewsletterError as error:
            hint = "Fetch it first: in a runner's checkout, with fetch-depth: 0."
            raise NewsletterError(f"the commit {ref} is not in this clone", hint=hint) from error
        place = folder.resolve().relative_to(self.root.resolve()).as_posix()
        names = self._git("diff", "--name-only", "-z", "--no-renames", "--diff-filter=d", commit, "HEAD", "--", place)
        return [self.root / name for name in names.split("\0") if name]

    def has_branch(self, branch: str) -> bool:
        """Tell whether the remote has a branch of this name. Raises NewsletterError."""
        return bool(self._git("ls-remote", "--heads", REMOTE, f"refs/heads/{branch}"))

    def commit(self) -> str:
        """Return the hash of HEAD."""
        return self._git("rev-parse", "HEAD")

    def current_branch(self) -> str:
        """Return the branch that requests are made for: the one that is checked out, or that a runner names."""
        named = os.environ.get("GITHUB_REF_NAME") or os.environ.get("CI_COMMIT_BRANCH") or ""
        branch = self._git("rev-parse", "--abbrev-ref", "HEAD")
        if branch == "HEAD" and not named:
            raise ConfigError("no branch is checked out", hint="Check out the branch that the draft is for.")
        return named if branch == "HEAD" else branch

    def push(self, proposal: Proposal) -> None:
        """Commit the file on top of HEAD, and push that as the proposal's branch. Raises NewsletterError."""
        path = proposal.path.resolve().relative_to(self.root.resolve()).as_posix()
        blob = self._git("hash-object", "-w", "--stdin", given=proposal.content)
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", "HEAD", environment=index)
            self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", environment=index)
            tree = self._git("write-tree", environment=index)
        commit = self._git("commit-tree", tree, "-p", "HEAD", "-m", proposal.title)
        self._git("push", "--quiet", REMOTE, f"{commit}:refs/heads/{proposal.branch}")

    def delete(self, branch: str) -> None:
        """Delete a branch of the remote."""
        self._git("push", "--quiet", REMOTE, "--delete", branch)

    def _git(self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        variables = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **(environment or {})}
        command = ["git", "-C", str(self._folder), *arguments]
        try:
            done = subprocess.run(
                command, input=given, env=variables, capture_output=True, timeout=SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise ConfigError("git is not installed", hint="Pull requests are made with it.") from error
        except subprocess.TimeoutExpired as error:
            raise NewsletterError(f"git {arguments[0]} did not end within {SECONDS} s") from error
        if done.returncode:
            words = _without_password(done.stderr.decode("utf-8", "replace")).strip().splitlines()
            kind = ConfigError if arguments[0] in ("rev-parse", "remote") else NewsletterError
            raise kind(f"git {arguments[0]}: {words[-1] if words else 'failed'}", place=str(self._folder))
        return done.stdout.decode("utf-8", "replace").strip()


def _without_password(text: str) -> str:
    return re.sub(r"(://)[^/@\s]+@", r"\1", text)


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
    repository.push(proposal)
    try:
        return open_request(forge, proposal, base)
    except NewsletterError:
        repository.delete(proposal.branch)
        raise
