"""A repository of issues beside the server that sends them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from newsletter.cli.main import cli
from tests.web.api.serving import ServedApi

WRITING = """
[publication]
name = "News"
url = "https://news.example.com"
from = "News <news@example.com>"
timezone = "America/New_York"
postal_address = "1 Example Street"
[lists.daily]
title = "Daily"
default = true
[lists.weekly]
title = "Weekly"
"""
SERVING = WRITING + "[api]\nenabled = true\n"
ISSUE = """---
subject: "{subject}"
preheader: "A preheader that is long enough to help."
{more}---
Hello {{{{ first_name | default("there") }}}}. {words}

:::article title="A story" url=https://example.com/story image=images/a.png alt="A dot"
Its words are here for everyone to read.
:::
"""


def png(colour: int) -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes((0, colour))))
        + chunk(b"IEND", b"")
    )


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A checkout of the repository, on a machine without readers and without the provider's key."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, server: ServedApi) -> Checkout:
        (folder / "issues").mkdir(parents=True)
        (folder / "images").mkdir()
        remote = f'[remote]\nurl = "{server.url}"\nkey = "env:NEWSLETTER_KEY"\n'
        (folder / "newsletter.toml").write_text(WRITING + remote, encoding="utf-8")
        (folder / "images" / "a.png").write_bytes(png(200))
        return cls(folder=folder)

    def write(
        self, slug: str = "chips", words: str = "What is new.", *, subject: str = "Chips", more: str = ""
    ) -> Path:
        path = self.folder / "issues" / f"2025-01-17-{slug}.md"
        path.write_text(ISSUE.format(subject=subject, words=words, more=more), encoding="utf-8")
        return path

    def run(self, *words: str) -> Result:
        """Run a command here; an error is the result's exception."""
        return CliRunner().invoke(cli, ["--config", str(self.folder / "newsletter.toml"), *words])

    def push(self, *options: str, issue: str = "chips") -> dict[str, Any]:
        """Push one issue, and return what the server answers. Raises NewsletterError."""
        result = self.run("push", issue, "--json", *options)
        if result.exception:
            raise result.exception
        assert result.exit_code == 0, result.output
        answers: Sequence[dict[str, Any]] = json.loads(result.stdout)
        return answers[0]
