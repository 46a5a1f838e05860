"""Run `newsletter serve` on a free port, for tests that send it requests."""

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

DIGEST = '[lists.month]\ntitle = "One a month"\ndigest_of = "daily"\ndescription = "The month in one issue."\n'
"""Another list, for who wants one issue a month instead of every issue."""
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
    """A running server: its address, and the lines it writes to standard error."""

    url: str
    folder: Path
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    listener: threading.Thread | None = None

    def stop(self) -> int:
        """Stop the server as a service manager does, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)


def make_publication(folder: Path, more: str = "", settings: str = SETTINGS) -> Path:
    """Make a publication in `folder`; `more` is added to its newsletter.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "newsletter.toml").write_text(f"{settings.lstrip()}\n{more}\n", encoding="utf-8")
    return folder


@contextmanager
def serve(folder: Path, *options: str, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[Served]:
    """Start the server and wait until it listens; kill it at the end, if it still runs."""
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
    """Read up to the first line with an address and return that; later lines are added to `lines` as they come."""
    assert served.process.stderr
    for line in served.process.stderr:
        served.lines.append(line)
        if match := re.search(r"https?://[\d.:\[\]a-f]+", line):
            served.listener = threading.Thread(target=_listen, args=(served,), daemon=True)
            served.listener.start()
            return match[0]
    raise AssertionError("".join(served.lines))


def _listen(served: Served) -> None:
    assert served.process.stderr
    served.lines.extend(served.process.stderr)


@dataclass
class Mail:
    """The transactional messages in a publication's outbox."""

    folder: Path

    def to(self, address: str, count: int = 1) -> list[EmailMessage]:
        """Return the messages to an address, oldest first; waits until there are `count`."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            messages = self.now(address)
            if len(messages) >= count:
                return messages
            time.sleep(0.1)
        raise AssertionError(f"{len(self.now(address))} messages to {address}, not {count}")

    def now(self, address: str) -> list[EmailMessage]:
        """Return the messages to an address that are there now."""
        files = sorted(self.folder.glob("outbox/other/letter-*.eml"), key=lambda file: int(file.name.split("-")[1]))
        messages = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [message for message in messages if str(message["to"]).endswith((address, f"{address}>"))]


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body
    return str(body.get_content())


def path_in(message: EmailMessage, kind: str) -> str:
    """Return the path of the message's link of a kind, such as `/confirm/...` or `/preferences/...`."""
    match = re.search(rf"https://news\.example\.com(/{kind}/\S+?)>?\s", text_of(message))
    assert match, text_of(message)
    return match[1]


def token_of(page: str) -> str:
    """Return the token of the form on a page."""
    match = re.search(r'name="token" value="([^"]+)"', page)
    assert match
    return match[1]


def join(served: Served, address: str, **fields: object) -> requests.Response:
    """Sign up as a browser does: open the form, and send it with its token."""
    token = token_of(requests.get(f"{served.url}/subscribe", timeout=60).text)
    data = {"email": address, "token": token, **fields}
    return requests.post(f"{served.url}/subscribe", data=data, timeout=60)
