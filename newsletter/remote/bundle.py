"""Put together what `newsletter push` hands over: the issue's source, message and page, pictures and templates."""

from __future__ import annotations

import html
import re
import subprocess
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.issues.images import PictureError, find_picture, locate_picture
from newsletter.publishing.push import SIGNUP_WORDS, WRITING_SECTIONS, Mode, Push, PushedFile, PushedPage
from newsletter.rendering.build import Built
from newsletter.times import stamp

TEMPLATE_SUFFIXES = (".mjml", ".html", ".txt", ".css", ".po", ".toml")
MOST_TEMPLATE_BYTES = 1024 * 1024


def bundle(publication: PublicationSettings, built: Built, *, mode: Mode, allow: list[str], dry_run: bool) -> Push:
    """Return what is handed over for a built issue. Raises NewsletterError for a file that cannot be read."""
    path = built.issue.path
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NewsletterError(f"cannot be read: {error.strerror}", place=str(path)) from error
    return Push(
        file=path.name,
        source=source,
        digest=built.message.digest,
        message=built.message,
        page=PushedPage(about=built.page.about, html=built.page.html),
        url=str(publication.config.publication.url),
        mode=mode,
        dry_run=dry_run,
        allow=allow,
        committed_at=committed_at(path),
        pictures=list(_pictures(publication, built)),
        templates=list(_templates(publication)),
        settings=writing_settings(publication),
    )


def _pictures(publication: PublicationSettings, built: Built) -> Iterator[PushedFile]:
    """Yield the publication's pictures that the email or the page shows, each once."""
    base = re.escape(f"{publication.config.publication.url}/images/")
    texts = (built.message.html, built.page.html)
    names = {unquote(html.unescape(name)) for text in texts for name in re.findall(rf"{base}([^\s\"'<>)]+)", text)}
    for name in sorted(names):
        for place in (f"images/{name}", name):
            try:
                find_picture(publication.root, place)
                content = locate_picture(publication.root, place).read_bytes()
            except (PictureError, OSError, ValueError):
                continue
            yield _file(place, content)
            break


def _templates(publication: PublicationSettings) -> Iterator[PushedFile]:
    """Yield the publication's own templates; other files in their folder are left out."""
    for path in sorted(publication.templates.rglob("*")) if publication.templates.is_dir() else ():
        if path.suffix in TEMPLATE_SUFFIXES and path.is_file() and path.stat().st_size <= MOST_TEMPLATE_BYTES:
            yield _file(path.relative_to(publication.root).as_posix(), path.read_bytes())


def _file(path: str, content: bytes) -> PushedFile:
    return PushedFile(path=path, body=b64encode(content).decode())


def writing_settings(publication: PublicationSettings) -> dict[str, Any]:
    """Return the sections of newsletter.toml that say how issues look; no key, address of a reader, or provider."""
    raw = tomllib.loads(publication.path.read_text(encoding="utf-8"))
    settings = {name: raw[name] for name in WRITING_SECTIONS if name in raw}
    if words := {key: raw["signup"][key] for key in SIGNUP_WORDS if key in raw.get("signup", {})}:
        settings["signup"] = words
    return settings


def committed_at(path: Path) -> str:
    """Return when HEAD was committed, UTC; empty outside git.

    By it the server knows an old commit that is run again.
    """
    command = ["git", "-C", str(path.parent), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    seconds = done.stdout.strip()
    return stamp(datetime.fromtimestamp(int(seconds), UTC)) if done.returncode == 0 and seconds.isdigit() else ""
