"""Run `newsletter preview` as an author does: in a process of its own, on a free port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page

from tests import ROOT
from tests.support.ports import free_port
from tests.support.rendered_email import Scheme

SETTINGS = """[publication]
name = "Daily Inference"
url = "https://news.example.com"
from = "Daily Inference <daily@news.example.com>"
reply_to = "editors@news.example.com"
postal_address = "1 Example Street, Springfield"

[lists.daily]
title = "Daily Inference"
default = true
"""
ISSUE = """---
subject: "Chip rules and a camera"
preheader: "What the new export controls change, whom they slow down, in four minutes."
---
Good morning {{ first_name | default("there") }}.

:::article title="The first story" image=images/chips.png alt="A processor seen from above."
It has a paragraph.
:::

:::button https://example.com/read
Read the full story
:::
"""
NAME = "2025-01-17-chips.md"


class Preview:
    """A running `newsletter preview` and the publication it shows."""

    def __init__(self, root: Path, process: subprocess.Popen[str], url: str) -> None:
        self.root = root
        self.process = process
        self.url = url
        self.host = url.removeprefix("http://")

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=60, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=60, **more)

    def save(self, text: str, name: str = f"issues/{NAME}") -> None:
        """Write a whole file at once, as editors do."""
        (self.root / name).write_text(text, encoding="utf-8")

    def stop(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def publish(root: Path, *, issue: str = ISSUE, settings: str = SETTINGS, **templates: str) -> Path:
    """Make a publication with one issue and the sample's pictures.

    `templates` are by their path: `blocks__news` is the template of the block `news`.
    """
    (root / "issues").mkdir(parents=True)
    shutil.copytree(ROOT / "images", root / "images")
    (root / "newsletter.toml").write_text(settings, encoding="utf-8")
    (root / "issues" / NAME).write_text(issue, encoding="utf-8")
    for name, text in templates.items():
        path = root / "templates" / f"{name.replace('__', '/')}.mjml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@contextmanager
def running(root: Path, *arguments: str, port: int = 0) -> Iterator[Preview]:
    """Run the command until the end of the `with` block."""
    command = [sys.executable, "-m", "newsletter", "preview", "--no-open", "--port", str(port or free_port())]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    environment["MALLOC_ARENA_MAX"] = "2"  # glibc has an arena per thread: more cores would hold more memory
    with subprocess.Popen(
        [*command, *arguments], cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert url, process.stderr and process.stderr.read()
            origin = "/".join(url.split("/")[:3])
            _wait(origin)
            yield Preview(root, process, origin)
        finally:
            if process.poll() is None:
                process.kill()


def _wait(url: str) -> None:
    for _ in range(1_000):
        try:
            requests.get(f"{url}/static/look.css", timeout=60)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("the preview does not answer")


@contextmanager
def opened(
    browser: Browser, preview: Preview, path: str, *, width: int = 1280, height: int = 800, scheme: Scheme = "light"
) -> Iterator[Page]:
    """Open a page of the preview and wait until its email is shown; fails when the page's own script fails."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(preview.url + path)
        if path.startswith("/issues/"):
            page.wait_for_selector("#stage[data-shown]")
        yield page
        assert errors == []
    finally:
        context.close()
