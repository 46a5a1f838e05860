"""Forge: the API of the host of a git repository, GitHub or GitLab, by the token of the environment.

https://docs.github.com/en/rest (pulls, commit statuses) and https://docs.gitlab.com/api (merge requests, commits).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from newsletter.errors import ConfigError, NewsletterError
from newsletter.network import NetworkAccess

MOST_BYTES = 1024 * 1024
MOST_DESCRIPTION = 140
"""Characters of a status' description that GitHub takes."""
StatusState = Literal["success", "pending", "failure"]


@dataclass(frozen=True, kw_only=True)
class Forge:
    """The API of one repository."""

    project: str
    """Its address: `https://api.github.com/repos/ada/news`."""
    headers: Mapping[str, str] = field(repr=False)
    is_gitlab: bool

    @property
    def requests(self) -> str:
        """The address of its pull requests."""
        return f"{self.project}/{'merge_requests' if self.is_gitlab else 'pulls'}"

    def set_status(self, commit: str, context: str, state: StatusState, description: str, url: str) -> None:
        """Show at a commit what became of it. Raises NewsletterError."""
        words = description if len(description) <= MOST_DESCRIPTION else f"{description[: MOST_DESCRIPTION - 1]}…"
        named = "failed" if state == "failure" and self.is_gitlab else state
        fields = {"state": named, "description": words, "target_url": url}
        fields["name" if self.is_gitlab else "context"] = context
        self.call("POST", f"{self.project}/statuses/{commit}", fields)

    def call(self, method: str, url: str, fields: object = None) -> Any:
        """Send one request, and return the answer's JSON. Raises NewsletterError for a refusal."""
        from newsletter.fetch import send  # brings requests: only where a request is made

        # The address is the operator's own, which may be on a private network.
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self.headers}
        body = b"" if fields is None else json.dumps(fields).encode()
        page = send(NetworkAccess(private=True), method, url, body, headers, most_bytes=MOST_BYTES)
        try:
            answer = json.loads(page.body)
        except ValueError:
            answer = {}
        if page.status >= 300:
            words = str(answer.get("message", "")) if isinstance(answer, dict) else ""
            hint = "Does the token have the right to do that?" if page.status in (401, 403, 404) else ""
            place = url.partition("?")[0]
            raise NewsletterError(f"it answers {page.status} {words}".rstrip(), place=place, hint=hint)
        return answer


def forge_of(host: str, path: str, environment: Mapping[str, str] | None = None) -> Forge:
    """Return the API of the repository `path` at `host`, by the environment's token. Raises ConfigError without one.

    Runners of both forges name the API and the repository in their environment, which counts more.
    """
    variables = os.environ if environment is None else environment
    if token := variables.get("GITLAB_TOKEN", ""):
        base = variables.get("CI_API_V4_URL") or f"https://{host}/api/v4"
        project = quote(variables.get("CI_PROJECT_PATH") or path, safe="")
        return Forge(project=f"{base}/projects/{project}", headers={"PRIVATE-TOKEN": token}, is_gitlab=True)
    if token := variables.get("GITHUB_TOKEN", ""):
        public = "https://api.github.com" if host in ("", "github.com") else f"https://{host}/api/v3"
        base = variables.get("GITHUB_API_URL") or public
        project = variables.get("GITHUB_REPOSITORY") or path
        return Forge(project=f"{base}/repos/{project}", headers={"Authorization": f"Bearer {token}"}, is_gitlab=False)
    hint = "Set GITHUB_TOKEN, or GITLAB_TOKEN, to one that may write to the repository."
    raise ConfigError("no token of GitHub or GitLab is in the environment", hint=hint)
