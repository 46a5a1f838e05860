"""Make a publication with one long issue: about 50 KB of HTML and 30 links."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.timing import ROOT

SLUG = "long"
ARTICLES = 9
LINKS_EACH = 3
HEAD = """---
subject: 'A long issue for {{ first_name | default("you") }}'
---
Good morning {{ first_name | default("there") }}.
"""
SENTENCE = (
    "The panel read the draft twice, asked what a small laboratory would have to file, and put the vote off by a week. "
)


@contextmanager
def publication() -> Iterator[Path]:
    """Yield the publication's folder, and remove it afterwards."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "newsletter.toml", folder)
        shutil.copytree(ROOT / "images", folder / "images")
        (folder / "issues").mkdir()
        (folder / "issues" / f"2025-01-17-{SLUG}.md").write_text(issue(), encoding="utf-8")
        yield folder


def issue() -> str:
    """Return the text of the issue: front matter, a greeting, articles."""
    return HEAD + "".join(map(_article, range(ARTICLES)))


def _article(number: int) -> str:
    links = [f"[source {number}.{n}](https://example.com/{number}/{n})" for n in range(LINKS_EACH)]
    paragraphs = "\n\n".join(f"**Point:** {SENTENCE * 3}See {link}." for link in links)
    bullets = "\n".join(f"- {SENTENCE}" for _ in range(4))
    return f'\n:::article title="Story {number}"\n{paragraphs}\n\n{bullets}\n:::\n'
