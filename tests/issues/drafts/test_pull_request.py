"""`newsletter draft --pull-request`: a draft is proposed on a branch, once a day, and nothing is half done."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from newsletter.cli.main import cli
from newsletter.errors import ConfigError, NewsletterError
from newsletter.forge.repository import Repository
from tests.support.programs import program

TOML = (
    '[publication]\nname = "N"\nurl = "https://news.example.com"\nfrom = "n@example.com"\n[lists.daily]\ntitle = "D"\n'
)
ARTICLE = "A headline of the day\n\nWhat happened: A sentence of the source, which is long enough.\n"
TOKEN = "token-of-the-forge"


class ForgeServer:
    """The part of the APIs of GitHub and GitLab that pull requests need."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.opened: list[dict[str, Any]] = []
        self.status = 201
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, forge.opened)

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                forge.asked.append(("POST", self.path, dict(self.headers.items()), request))
                if forge.status == 201:
                    forge.opened.append(
                        {"html_url": "https://forge.example/pull/7", "web_url": "https://forge.example/mr/7"}
                    )
                    return self._answer(201, forge.opened[0])
                return self._answer(forge.status, {"message": "no"})

            def _answer(self, status: int, value: object) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Print nothing."""

        return Handler


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    done = subprocess.run(
        [program("git"), *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForgeServer]:
    server = ForgeServer()
    server.thread.start()
    for name in ("GITLAB_TOKEN", "CI_COMMIT_BRANCH", "CI_PROJECT_PATH", "GITHUB_REF_NAME", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "Ada")
        monkeypatch.setenv(f"{name}_EMAIL", "ada@example.com")
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", server.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", "ada/news")
    yield server
    server.server.shutdown()
    server.server.server_close()
    server.thread.join()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with a publication in a folder, and its remote."""
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    checkout = tmp_path / "checkout"
    (checkout / "site" / "issues").mkdir(parents=True)
    git(checkout, "init", "--quiet", "--initial-branch", "main")
    (checkout / "site" / "newsletter.toml").write_text(TOML, encoding="utf-8")
    (checkout / "site" / "story.txt").write_text(ARTICLE, encoding="utf-8")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "Begin")
    git(checkout, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(checkout, "push", "--quiet", "origin", "main")
    return checkout


def draft(repository: Path, *options: str) -> Result:
    site = repository / "site"
    words = ["--config", str(site / "newsletter.toml"), "draft", str(site / "story.txt"), "--date", "2025-01-17"]
    return CliRunner().invoke(cli, [*words, "--pull-request", *options], catch_exceptions=False)


def branches(repository: Path) -> list[str]:
    return git(repository.parent / "remote.git", "branch", "--format", "%(refname:short)").split()


def test_a_draft_is_proposed_and_the_working_tree_stays_as_it_is(repository: Path, forge: ForgeServer) -> None:
    result = draft(repository)

    assert result.stdout == "https://forge.example/pull/7\n"
    assert branches(repository) == ["draft/2025-01-17", "main"]
    remote = repository.parent / "remote.git"
    changed = git(remote, "diff", "--name-status", "main", "draft/2025-01-17")
    assert changed == "A\tsite/issues/2025-01-17-a-headline-of-the-day.md"
    assert "<!-- review -->" in git(remote, "show", f"draft/2025-01-17:{changed[2:]}")
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "branch", "--show-current") == "main"
    (_, path, headers, request) = forge.asked[0]
    assert (path, headers["Authorization"]) == ("/repos/ada/news/pulls", f"Bearer {TOKEN}")
    assert (request["head"], request["base"]) == ("draft/2025-01-17", "main")
    assert request["title"] == "Draft: A headline of the day"


def test_a_second_run_of_the_day_does_nothing_and_names_the_request(repository: Path, forge: ForgeServer) -> None:
    draft(repository)
    result = draft(repository)

    assert result.stdout == "https://forge.example/pull/7\n"
    assert "nothing was done" in result.stderr
    assert len(forge.asked) == 1


def test_a_request_that_is_refused_leaves_no_branch_behind(repository: Path, forge: ForgeServer) -> None:
    forge.status = 403

    with pytest.raises(NewsletterError, match="it answers 403 no") as refused:
        draft(repository)

    assert "have the right to do that" in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert branches(repository) == ["main"]


def test_a_push_that_fails_makes_no_request(repository: Path, forge: ForgeServer) -> None:
    hook = repository.parent / "remote.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)

    with pytest.raises(NewsletterError, match="git push"):
        draft(repository)

    assert forge.asked == []
    assert git(repository, "status", "--porcelain") == ""


def test_gitlab_gets_a_merge_request(repository: Path, forge: ForgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    monkeypatch.setenv("CI_API_V4_URL", forge.url)
    monkeypatch.setenv("CI_PROJECT_PATH", "ada/news")

    result = draft(repository, "--json")

    assert json.loads(result.stdout)["pull_request"] == "https://forge.example/mr/7"
    (_, path, headers, request) = forge.asked[0]
    assert path == "/projects/ada%2Fnews/merge_requests"
    assert {name.lower(): value for name, value in headers.items()}["private-token"] == TOKEN
    assert (request["source_branch"], request["target_branch"]) == ("draft/2025-01-17", "main")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [("token", "no token of GitHub or GitLab"), ("remote", "No such remote"), ("git", "not a git repository")],
)
def test_what_is_missing_is_said_before_anything_is_done(
    repository: Path, forge: ForgeServer, monkeypatch: pytest.MonkeyPatch, spoil: str, message: str
) -> None:
    if spoil == "token":
        monkeypatch.delenv("GITHUB_TOKEN")
    elif spoil == "remote":
        git(repository, "remote", "remove", "origin")
    else:
        (repository / ".git").rename(repository.parent / "elsewhere")

    with pytest.raises(ConfigError, match=message):
        draft(repository)

    assert forge.asked == []


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://github.com/ada/news.git", "github.com", "ada/news"),
        ("https://x-access-token:secret@github.com/ada/news", "github.com", "ada/news"),
        ("git@gitlab.example.com:group/sub/news.git", "gitlab.example.com", "group/sub/news"),
        ("ssh://git@git.example.com:2222/ada/news.git", "git.example.com", "ada/news"),
    ],
)
def test_the_remote_says_host_and_project(repository: Path, url: str, host: str, path: str) -> None:

    git(repository, "remote", "set-url", "origin", url)
    assert Repository(repository).remote() == (host, path)
