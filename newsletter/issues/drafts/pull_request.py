"""Propose a file as a pull request: a commit on a branch of its own, pushed, and the request at GitHub or GitLab.

The commit is made of git's objects alone: neither the working tree nor its index nor the current branch changes. When
the request cannot be made, the branch is deleted again.
https://docs.github.com/en/rest/pulls/pulls and https://docs.gitlab.com/api/merge_requests/.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from newsletter.errors import ConfigError, NewsletterError
from newsletter.network import NetworkAccess

REMOTE = "origin"
MOST_BYTES = 1024 * 1024
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


@dataclass(frozen=True, kw_only=True)
class Forge:
    """The API of a repository's host."""

    url: str
    """The address of its requests: `https://api.github.com/repos/ada/news/pulls`."""
    headers: Mapping[str, str]
    is_gitlab: bool

    def find(self, branch: str, owner: str = "") -> str:
        """Return the address of the open request of a branch; empty for none."""
        head = f"{owner}:{branch}" if owner else branch
        query = {"source_branch": branch, "state": "opened"} if self.is_gitlab else {"head": head, "state": "open"}
        requests = self._call("GET", f"{self.url}?{urlencode(query)}", b"")
        return self._address(requests[0]) if requests else ""

    def open(self, proposal: Proposal, base: str) -> str:
        """Make the request, and return its address. Raises NewsletterError."""
        if self.is_gitlab:
            fields = {"source_branch": proposal.branch, "target_branch": base, "description": proposal.body}
        else:
            fields = {"head": proposal.branch, "base": base, "body": proposal.body}
        return self._address(self._call("POST", self.url, json.dumps({**fields, "title": proposal.title}).encode()))

    def _address(self, answer: Any) -> str:
        return str(answer.get("web_url" if self.is_gitlab else "html_url", ""))

    def _call(self, method: str, url: str, body: bytes) -> Any:
        from newsletter.fetch import send  # brings requests: only where a request is made

        # The address is the operator's own, which may be on a private network.
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self.headers}
        page = send(NetworkAccess(private=True), method, url, body, headers, most_bytes=MOST_BYTES)
        try:
            answer = json.loads(page.body)
        except ValueError:
            answer = {}
        if page.status >= 300:
            words = str(answer.get("message", "")) if isinstance(answer, dict) else ""
            hint = "The token needs the right to write pull requests." if page.status in (401, 403, 404) else ""
            raise NewsletterError(f"it answers {page.status} {words}".rstrip(), place=url.partition("?")[0], hint=hint)
        return answer


class Repository:
    """The git repository that a folder is in."""

    def __init__(self, folder: Path) -> None:
        """Find it. Raises ConfigError when the folder is in none, or git is not installed."""
        self._folder = folder
        self.root = Path(self._git("rev-parse", "--show-toplevel"))

    def forge(self, environment: Mapping[str, str] | None = None) -> Forge:
        """Return the API of its remote, by the environment's token. Raises ConfigError."""
        variables = os.environ if environment is None else environment
        host, path = self.remote()
        if token := variables.get("GITLAB_TOKEN", ""):
            base = variables.get("CI_API_V4_URL") or f"https://{host}/api/v4"
            project = quote(variables.get("CI_PROJECT_PATH") or path, safe="")
            return Forge(
                url=f"{base}/projects/{project}/merge_requests", headers={"PRIVATE-TOKEN": token}, is_gitlab=True
            )
        if token := variables.get("GITHUB_TOKEN", ""):
            base = variables.get("GITHUB_API_URL") or (
                "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"
            )
            project = variables.get("GITHUB_REPOSITORY") or path
            return Forge(
                url=f"{base}/repos/{project}/pulls", headers={"Authorization": f"Bearer {token}"}, is_gitlab=False
            )
        hint = "Set GITHUB_TOKEN, or GITLAB_TOKEN, to one that may write pull requests."
        raise ConfigError("no token for pull requests is in the environment", hint=hint)

    def remote(self) -> tuple[str, str]:
        """Return host and path of the remote `origin`: `github.com`, `ada/news`. Raises ConfigError."""
        url = self._git("remote", "get-url", REMOTE)
        match = _REMOTE_URL.fullmatch(url)
        return (match[1], match[2]) if match else ("", Path(url).stem)

    def has_branch(self, branch: str) -> bool:
        """Tell whether the remote has a branch of this name. Raises NewsletterError."""
        return bool(self._git("ls-remote", "--heads", REMOTE, f"refs/heads/{branch}"))

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


def propose(repository: Repository, forge: Forge, proposal: Proposal, base: str) -> str:
    """Push the proposal and make its request; return the request's address.

    Raises NewsletterError, after which neither branch nor request are there.
    """
    repository.push(proposal)
    try:
        return forge.open(proposal, base)
    except NewsletterError:
        repository.delete(proposal.branch)
        raise
