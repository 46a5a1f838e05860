"""The files that let a forge's runners check and publish issues, and the page for programs that write them.

The workflows use the program's own commands alone. That of pull requests needs no secret, so that a fork's may run it.
"""

from __future__ import annotations

from pathlib import Path

from newsletter.config import PublicationSettings
from newsletter.config.fields import BUILT_IN
from newsletter.issues.blocks import KINDS
from newsletter.issues.templates import package_templates

SOURCE = "./vendor/newsletter"
"""Where runners install the program from, unless somebody names another place."""
_FILES = {
    "github": {
        ".github/workflows/newsletter-check.yml": "github-check.yml",
        ".github/workflows/newsletter-publish.yml": "github-publish.yml",
    },
    "gitlab": {".gitlab-ci.yml": "gitlab.yml"},
}


def workflow_files(forge: str, source: str) -> dict[str, bytes]:
    """Return the workflows of a forge (`github`, `gitlab`) by path; runners install the program from `source`."""
    return {path: _text(f"forges/{file}").replace("$source", source).encode() for path, file in _FILES[forge].items()}


def agents_file(publication: PublicationSettings) -> dict[str, bytes]:
    """Return AGENTS.md, with the names of the publication's own lists and fields."""
    lists = ", ".join(publication.config.lists)
    values = {
        "$name": publication.config.publication.name,
        "$lists": f"one of {lists}; {publication.default_list} without this line",
        "$blocks": ", ".join(kind for kind in KINDS if kind != "text"),
        "$fields": ", ".join((*BUILT_IN, *publication.config.fields)),
    }
    text = _text("agents.md")
    for name, value in values.items():
        text = text.replace(name, value)
    return {"AGENTS.md": text.encode()}


def _text(file: str) -> str:
    path: Path = package_templates() / "starter" / file
    return path.read_text(encoding="utf-8")
