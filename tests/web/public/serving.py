"""A real `newsletter serve` on a free port, for tests that talk to it."""

from __future__ import annotations

import email
import email.policy
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from types import MappingProxyType

import requests

SETTINGS = """
[publication]
name = "Daily Inference"
url = "https://news.example.com"
from = "Daily Inference <daily@news.example.com>"
postal_address = "1 Example Street, Springfield"
timezone = "America/New_York"

[lists.daily]
title = "Daily Inference"
default = true

[lists.weekly]
title = "Weekly Inference"
description = "The week's five stories that mattered."
"""


@dataclass
class Served:
    """A server that runs: where it is, and what it says."""

    url: str
    folder: Path
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    listener: threading.Thread | None = None

    def stop(self) -> int:
        """As a service manager does; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)


def make_publication(folder: Path, more: str = "", settings: str = SETTINGS) -> Path:
    """A publication in `folder`; `more` is added to its newsletter.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "newsletter.toml").write_text(f"{settings.lstrip()}\n{more}\n", encoding="utf-8")
    return folder


@contextmanager
def serve(folder: Path, *options: str, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[Served]:
    """Start it, wait until it listens, and end it, if it still runs."""
    command = [sys.executable, "-m", "newsletter", "serve", "--port", "0", *options]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    process = subprocess.Popen(command, cwd=folder, env={**inherited, **environment}, stderr=subprocess.PIPE, text=True)
    served = Served(url="", folder=folder, process=process)
    try:
        served.url = _address(served)
        yield served
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=60)
        if served.listener:
            served.listener.join(timeout=5)
        assert process.stderr
        process.stderr.close()


def _address(served: Served) -> str:
    """The first line with an address; what comes after it is kept in `said`."""
    assert served.process.stderr
    for line in served.process.stderr:
        served.said.append(line)
        if found := re.search(r"https?://[\d.:\[\]a-f]+", line):
            served.listener = threading.Thread(target=_listen, args=(served,), daemon=True)
            served.listener.start()
            return found[0]
    raise AssertionError("".join(served.said))


def _listen(served: Served) -> None:
    assert served.process.stderr
    served.said.extend(served.process.stderr)


@dataclass
class Mail:
    """What the outbox holds for a server's readers."""

    folder: Path

    def to(self, address: str, count: int = 1) -> list[EmailMessage]:
        """The letters to an address, oldest first; waits until there are `count`."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            found = self.now(address)
            if len(found) >= count:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{len(self.now(address))} letters to {address}, not {count}")

    def now(self, address: str) -> list[EmailMessage]:
        """Those that are there now."""
        files = sorted(self.folder.glob("outbox/other/letter-*.eml"), key=lambda file: int(file.name.split("-")[1]))
        letters = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [one for one in letters if str(one["to"]).endswith((address, f"{address}>"))]


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body
    return str(body.get_content())


def path_in(letter: EmailMessage, kind: str) -> str:
    """The path of the link to `/confirm/...`, `/preferences/...` in a letter."""
    found = re.search(rf"https://news\.example\.com(/{kind}/\S+?)>?\s", text_of(letter))
    assert found, text_of(letter)
    return found[1]


def token_of(page: str) -> str:
    """The token of the form on a page."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def join(served: Served, address: str, **fields: object) -> requests.Response:
    """As a browser does: open the form, send it back."""
    token = token_of(requests.get(f"{served.url}/subscribe", timeout=60).text)
    data = {"email": address, "token": token, **fields}
    return requests.post(f"{served.url}/subscribe", data=data, timeout=60)
