"""`newsletter init --github` and `--gitlab`: workflows that are safe for forks, and publish on merge."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from newsletter.cli.main import COMMANDS, cli, load_command
from newsletter.errors import NewsletterError
from tests.remote.repository import SERVING, Checkout
from tests.support.programs import program
from tests.support.sending import add_readers
from tests.web.api.serving import ServedApi, serve_api

CHECK = ".github/workflows/newsletter-check.yml"
PUBLISH = ".github/workflows/newsletter-publish.yml"
GITLAB = ".gitlab-ci.yml"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    folder = tmp_path / "written"
    result = CliRunner().invoke(cli, ["init", str(folder), "--github", "--gitlab", "--agents"])
    assert result.exit_code == 0, result.output
    return folder


def steps(folder: Path, file: str) -> list[dict[str, Any]]:
    workflow = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_a_forks_pull_request_reaches_no_secret(written: Path) -> None:
    text = (written / CHECK).read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)

    assert workflow[True] == "pull_request"  # `on` is a boolean in YAML 1.1; never pull_request_target
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    assert "github.token" not in text


@pytest.mark.parametrize("file", [CHECK, PUBLISH])
def test_no_text_of_a_stranger_becomes_part_of_a_script(written: Path, file: str) -> None:
    for step in steps(written, file):
        assert "${{" not in step.get("run", ""), "an expression in a script is run as code"
        if str(step.get("uses", "")).startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", [CHECK, PUBLISH, GITLAB])
def test_the_workflows_use_commands_and_options_that_there_are(written: Path, file: str) -> None:
    text = (written / file).read_text(encoding="utf-8")
    commands = re.findall(r"^\s*(?:- )?(?:run: )?newsletter (\w+)((?: +[^\n|]+)?)$", text, re.MULTILINE)
    assert commands
    for name, options in commands:
        if name == "report" and name not in COMMANDS:
            continue
        known = {option for parameter in load_command(name).params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", options)) <= known


def test_where_the_program_comes_from_is_the_users_choice(tmp_path: Path) -> None:
    CliRunner().invoke(
        cli, ["init", str(tmp_path / "n"), "--github", "--install-from", "git+https://git.example.com/n"]
    )
    text = (tmp_path / "n" / CHECK).read_text(encoding="utf-8")
    assert yaml.safe_load(text)["env"]["NEWSLETTER"] == "git+https://git.example.com/n"


def test_a_publication_that_exists_gets_the_files_alone_and_none_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    CliRunner().invoke(cli, ["init", str(folder), "--name", "The Wire"])
    before = (folder / "newsletter.toml").read_text(encoding="utf-8")

    assert CliRunner().invoke(cli, ["init", str(folder), "--agents"]).output == f"{folder / 'AGENTS.md'}\n"
    again = CliRunner().invoke(cli, ["init", str(folder), "--agents", "--gitlab"])

    assert isinstance(again.exception, NewsletterError)
    assert not (folder / GITLAB).exists()
    assert (folder / "newsletter.toml").read_text(encoding="utf-8") == before
    assert "For programs that write issues of The Wire" in (folder / "AGENTS.md").read_text(encoding="utf-8")


def test_the_issue_that_agents_are_shown_builds(written: Path) -> None:
    sample = re.findall(r"```markdown\n(.*?)```", (written / "AGENTS.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    sample = sample.replace(' image=images/chips.png alt="What the picture shows"', "")
    (written / "issues" / "2025-01-17-sample.md").write_text(sample, encoding="utf-8")
    result = CliRunner().invoke(cli, ["--config", str(written / "newsletter.toml"), "check", "sample"])
    assert "error" not in result.output


class Statuses:
    """The part of GitHub's API that takes commit statuses."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, dict[str, str]]] = []
        statuses = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                statuses.shown.append((self.path, body))
                self.send_response(201)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_args: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Statuses:
        self.thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServedApi]:
    folder = tmp_path / "server"
    (folder / "issues").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(SERVING + "[publish]\napprovals = 1\n", encoding="utf-8")
    with serve_api(folder) as served:
        add_readers(served.database, 10)
        yield served


@pytest.mark.process
def test_the_steps_of_a_merge_hand_over_what_changed_and_show_it_at_the_commit(
    written: Path, server: ServedApi, tmp_path: Path
) -> None:
    checkout = Checkout.make(tmp_path / "repository", server)
    checkout.write("old", more="send_at: 2099-01-17 07:00\n")
    before = commit(checkout.folder)
    checkout.write("new", subject="New", more="send_at: 2099-01-18 07:00\n")
    checkout.write("late", subject="Late", more="send_at: 2025-01-18 07:00\n")
    head = commit(checkout.folder)
    script = next(step["run"] for step in steps(written, PUBLISH) if step.get("name") == "Push")
    with Statuses() as statuses:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "BEFORE": before,
            "GITHUB_TOKEN": "token",
            "GITHUB_SHA": head,
            "GITHUB_REPOSITORY": "ada/news",
            "GITHUB_API_URL": f"http://127.0.0.1:{statuses.server.server_address[1]}",
            "NEWSLETTER_KEY": server.make_key("ci", "publish"),
        }
        git(checkout.folder, "remote", "add", "origin", "https://github.com/ada/news.git")
        ran = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=checkout.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert ran.returncode == 1  # the late one is refused, and the run is red
    assert "has gone by" in ran.stderr
    shown = {body["context"]: body for _path, body in statuses.shown}
    assert {path for path, _body in statuses.shown} == {f"/repos/ada/news/statuses/{head}"}
    assert shown["newsletter/late"]["state"] == "failure"
    assert shown["newsletter/new"]["state"] == "pending"
    words = shown["newsletter/new"]["description"]
    assert words.startswith("scheduled for 2099-01-18 07:00 EST, for 10 readers; held:")
    assert "newsletter/old" not in shown


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    done = subprocess.run([program("git"), *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Write")
    return git(folder, "rev-parse", "HEAD")
