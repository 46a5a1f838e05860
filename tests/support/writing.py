"""Write and build issues inside a test."""

from __future__ import annotations

from pathlib import Path

from newsletter.checks.run import check_issue
from newsletter.config import load_publication
from newsletter.errors import IssueError, Problem
from newsletter.messages.types import Message, Recipient
from newsletter.rendering.build import Built, build_issue, sample_mailing, sample_recipient

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000004500000024408060000009f9a0000")
"""The first bytes of a picture of 1,104 x 580."""


def write(folder: Path, text: str, name: str = "2025-01-17-hello.md") -> Path:
    """Write an issue file with exactly this text."""
    path = folder / "issues" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def built(folder: Path, body: str, front: str = "subject: Hello") -> Built:
    """Build an issue of this body under some front matter."""
    path = write(folder, f"---\n{front}\n---\n{body}\n")
    return build_issue(load_publication(folder / "newsletter.toml"), path)


def problems(folder: Path, text: str, name: str = "2025-01-17-hello.md") -> list[Problem]:
    """Return the mistakes in a file with exactly this text; fail when there are none."""
    path = write(folder, text, name)
    try:
        build_issue(load_publication(folder / "newsletter.toml"), path)
    except IssueError as error:
        return list(error.problems)
    raise AssertionError("the issue built")


def findings(path: Path) -> list[Problem]:
    """Return what `check` says about an issue file."""
    return check_issue(load_publication(path.parent.parent / "newsletter.toml"), path)


def message_for(built_issue: Built, **fields: object) -> Message:
    """Return a reader's copy; the reader has these fields besides the sample's."""
    publication = built_issue.theme.publication
    sample = sample_recipient(publication, built_issue.issue.slug)
    reader = Recipient(delivery_id="1.1", email="ada@example.com", fields={**sample.fields, **fields})
    return sample_mailing(publication, built_issue).message(reader)


def reader(fields: dict[str, object]) -> Recipient:
    """Return a recipient with these fields and the links that every reader has."""
    links = {
        "unsubscribe_url": "https://news.example.com/unsubscribe/t",
        "preferences_url": "https://news.example.com/preferences/t",
        "web_url": "https://news.example.com/issues/hello",
    }
    return Recipient(
        delivery_id="12.345", email="ada@example.com", fields={"email": "ada@example.com", **links, **fields}
    )
