"""Run git on the repository that a folder is in, without changing the working tree, the index or a branch."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from newsletter.errors import ConfigError, NewsletterError
from newsletter.forge.api import Forge, forge_of

REMOTE = "origin"
_SETTINGS = (("rev-parse", "--show-toplevel"), ("remote", "get-url"))
"""The calls whose failure is a matter of how the repository is set up."""
SECONDS = 120
"""The time limit of one call of git."""
_REMOTE_URL = re.compile(
    r"(?:https?://(?:[^/@]*@)?|ssh://(?:[^/@]*@)?|[^/@]+@)([^/:]+)(?::\d+(?=/))?[/:](.+?)(?:\.git)?/?"
)


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
        commit = self.resolve(ref)
        place = folder.resolve().relative_to(self.root.resolve()).as_posix()
        names = self._git("diff", "--name-only", "-z", "--no-renames", "--diff-filter=d", commit, "HEAD", "--", place)
        return [self.root / name for name in names.split("\0") if name]

    def merge_base(self, ref: str) -> str:
        """Return the commit at which HEAD left `ref`: what a pull request is compared with. Raises NewsletterError."""
        commit = self.resolve(ref)
        try:
            return self._git("merge-base", commit, "HEAD")
        except NewsletterError as error:
            hint = "Fetch the whole history: in a runner's checkout, with fetch-depth: 0."
            raise NewsletterError(f"{ref} and HEAD have no commit in common in this clone", hint=hint) from error

    def resolve(self, ref: str) -> str:
        """Return the hash of a commit. Raises NewsletterError when it is not in this clone."""
        try:
            return self._git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        except NewsletterError as error:
            hint = "Fetch it first: in a runner's checkout, with fetch-depth: 0."
            raise NewsletterError(f"the commit {ref} is not in this clone", hint=hint) from error

    def differing(self, commit: str, folder: Path) -> dict[str, str]:
        """Return the files below a folder that differ between a commit and the working tree, by path: A, M or D.

        New files that git does not know yet are A. Paths are relative to the folder.
        """
        lines = self._git("diff", "--name-status", "-z", "--no-renames", "--relative", commit, "--", ".", at=folder)
        parts = lines.split("\0")
        changed = {path: kind[:1] for kind, path in zip(parts[::2], parts[1::2], strict=False)}
        unknown = self._git("ls-files", "--others", "--exclude-standard", "-z", at=folder)
        return {**changed, **{path: "A" for path in unknown.split("\0") if path}}

    def files_at(self, commit: str, folder: Path) -> list[str]:
        """Return the paths of all files below a folder at a commit, relative to it."""
        return [name for name in self._git("ls-tree", "-r", "--name-only", "-z", commit, at=folder).split("\0") if name]

    def text_at(self, commit: str, folder: Path, path: str) -> str:
        """Return the text of a file at a commit. Raises NewsletterError when it is not there."""
        return self._run("show", f"{commit}:./{path}", at=folder).decode("utf-8", "replace")

    def extract(self, commit: str, folder: Path, paths: Sequence[str], target: Path) -> None:
        """Write files of a commit, by their paths relative to `folder`, below `target`."""
        if not paths:
            return
        prefix = folder.resolve().relative_to(self.root.resolve()).as_posix()
        tree = f"{commit}:{'' if prefix == '.' else prefix}"
        archive = self._run("archive", "--format=tar", tree, "--", *paths, at=self.root)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for member in files:
                content = files.extractfile(member) if member.isreg() else None
                place = target / member.name
                if content is not None and place.resolve().is_relative_to(target.resolve()):  # no link is followed
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content.read())

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

    def commit_file(self, path: Path, content: bytes, subject: str) -> str:
        """Commit one file on top of HEAD, and return the commit; working tree, index and branches stay as they are."""
        place = path.resolve().relative_to(self.root.resolve()).as_posix()
        blob = self._git("hash-object", "-w", "--stdin", given=content)
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", "HEAD", environment=index)
            self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{place}", environment=index)
            tree = self._git("write-tree", environment=index)
        return self._git("commit-tree", tree, "-p", "HEAD", "-m", subject)

    def push(self, commit: str, branch: str) -> None:
        """Push a commit as a branch of the remote. Raises NewsletterError."""
        self._git("push", "--quiet", REMOTE, f"{commit}:refs/heads/{branch}")

    def delete(self, branch: str) -> None:
        """Delete a branch of the remote."""
        self._git("push", "--quiet", REMOTE, "--delete", branch)

    def _git(
        self,
        *arguments: str,
        given: bytes = b"",
        environment: Mapping[str, str] | None = None,
        at: Path | None = None,
    ) -> str:
        return self._run(*arguments, given=given, environment=environment, at=at).decode("utf-8", "replace").strip()

    def _run(
        self,
        *arguments: str,
        given: bytes = b"",
        environment: Mapping[str, str] | None = None,
        at: Path | None = None,
    ) -> bytes:
        variables = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **(environment or {})}
        command = ["git", "-C", str(at or self._folder), *arguments]
        try:
            done = subprocess.run(
                command, input=given, env=variables, capture_output=True, timeout=SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise ConfigError("git is not installed", hint="The repository is read with it.") from error
        except subprocess.TimeoutExpired as error:
            raise NewsletterError(f"git {arguments[0]} did not end within {SECONDS} s") from error
        if done.returncode:
            words = _without_password(done.stderr.decode("utf-8", "replace")).strip().splitlines()
            if words and "not a git repository" in words[-1]:
                hint = "Make one there, with `git init`, and commit the publication."
                raise ConfigError("this is not a git repository", place=str(self._folder), hint=hint)
            kind = ConfigError if arguments[:2] in _SETTINGS else NewsletterError
            raise kind(f"git {arguments[0]}: {words[-1] if words else 'failed'}", place=str(self._folder))
        return done.stdout


def _without_password(text: str) -> str:
    return re.sub(r"(://)[^/@\s]+@", r"\1", text)
