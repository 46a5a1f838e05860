"""The sample issues build to the bytes in tests/golden.

After an intended change run `make golden` and read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.rendering.build import build_issue
from newsletter.rendering.output_files import files
from tests import ROOT

GOLDEN = ROOT / "tests" / "golden"
ISSUES = sorted((ROOT / "issues").glob("*.md"))


@pytest.mark.parametrize("path", ISSUES, ids=lambda path: path.stem)
def test_a_sample_issue_builds_to_the_bytes_it_did(path: Path) -> None:
    publication = load_publication(ROOT / "newsletter.toml")
    built_issue = build_issue(publication, path)
    made = files(publication, built_issue) | {"page.html": built_issue.page.html.encode()}
    folder = GOLDEN / built_issue.issue.slug
    if os.environ.get("NEWSLETTER_WRITE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            (folder / name).write_bytes(content)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == made
