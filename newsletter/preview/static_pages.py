"""Write the preview as files, for a static host or an artefact: an index, and every issue in every view.

The pages need no server and no script, load nothing from elsewhere, and hold nothing of a reader: the copy is that of
the sample reader of built files. What can be changed in the browser preview cannot be changed here.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.checks.run import check_issues
from newsletter.config import PublicationSettings
from newsletter.errors import ConfigError, NewsletterError, Problem
from newsletter.issues.images import PictureError, locate_picture
from newsletter.issues.issue import slug_of
from newsletter.issues.summaries import read_summary
from newsletter.issues.templates import package_templates
from newsletter.messages.expressions import present
from newsletter.messages.fragments import html_fragment
from newsletter.messages.merge import joined
from newsletter.preview.views import RENDERED, written
from newsletter.rendering.build import Built, build_issue, sample_recipient
from newsletter.rendering.theme import Theme

SHOWN: Mapping[str, tuple[str, str]] = {
    "phone": ("Phone", "html"),
    "desktop": ("Desktop", "html"),
    "dark": ("Dark", "dark"),
    "inverted": ("Inverted", "inverted"),
    "no-images": ("No images", "no-images"),
    "outlook": ("Outlook", "outlook"),
    "text": ("Text", "text"),
}
"""The tabs of an issue's page, by name: the title, and the view of `views.py`."""
PICTURES = "pictures"
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' file: data:; "
    "style-src 'unsafe-inline'\">"
)
_TEXT = "margin:24px;font:14px/21px Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere"


@dataclass(frozen=True, kw_only=True)
class StaticIssue:
    """An issue as the index and its page show it."""

    slug: str
    subject: str
    preheader: str
    date: str
    problems: tuple[Problem, ...]
    views: tuple[str, ...]
    """The tabs that it has; none for an issue that cannot be built."""

    @property
    def errors(self) -> int:
        """The number of findings that hold a send."""
        return sum(problem.severity == "error" for problem in self.problems)


def write_static(publication: PublicationSettings, paths: Iterable[Path], folder: Path) -> list[Path]:
    """Write the preview of issues below `folder`, and return the pages. Raises ConfigError for a bad folder."""
    theme = Theme(publication=publication)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        issues = [_write_issue(publication, theme, path, folder) for path in paths]
        index = _environment().get_template("files-index.html").render(publication=publication, issues=issues)
        (folder / "index.html").write_text(index, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", place=str(error.filename or folder)) from error
    return [folder / "index.html", *(folder / issue.slug / "index.html" for issue in issues)]


def _write_issue(publication: PublicationSettings, theme: Theme, path: Path, folder: Path) -> StaticIssue:
    checked = next(iter(check_issues(publication, [path], theme=theme)))
    problems = tuple(dict.fromkeys(checked.problems))
    own = folder / slug_of(path)
    own.mkdir(exist_ok=True)
    try:
        built: Built | None = build_issue(publication, path, theme)
    except NewsletterError:
        built = None
    if built:
        for name, (_title, view) in SHOWN.items():
            if name != "phone":  # the same page as the desktop, in a narrow frame
                (own / f"{name}.html").write_text(_view(built, view, folder), encoding="utf-8")
    summary = read_summary(path)
    issue = StaticIssue(
        slug=slug_of(path),
        subject=built.message.open(built.message.subject) if built else (summary.subject if summary else path.stem),
        preheader=built.message.open(built.message.preheader) if built else "",
        date=str(summary.date or "") if summary else "",
        problems=problems,
        views=tuple(SHOWN) if built else (),
    )
    page = _environment().get_template("files-issue.html").render(publication=publication, issue=issue, shown=SHOWN)
    (own / "index.html").write_text(page, encoding="utf-8")
    return issue


def _view(built: Built, view: str, folder: Path) -> str:
    publication, message = built.theme.publication, built.message
    recipient = sample_recipient(publication, message.slug)
    if view not in RENDERED:
        text = html.escape(written(built, recipient, view))
        return f'<!DOCTYPE html><meta charset="utf-8">{_POLICY}<title>Text</title><body style="{_TEXT}">{text}'
    copy = joined(html_fragment(message.html, message))(present(recipient.fields))
    page = RENDERED[view](_with_files(copy, publication, folder))
    return page.replace("<head>", f'<head>{_POLICY}<base target="_blank">', 1)


def _with_files(page: str, publication: PublicationSettings, folder: Path) -> str:
    """Return HTML whose pictures of the publication are files of the folder, each written once, under its hash."""
    base = f"{publication.config.publication.url}/images/"

    def local(address: re.Match[str]) -> str:
        name = unquote(html.unescape(address[0][len(base) :]))
        return _kept(publication.root, name, folder) or address[0]

    return re.sub(rf"{re.escape(base)}[^\s\"'<>)]+", local, page)


def _kept(root: Path, name: str, folder: Path) -> str:
    """Write a picture into the folder, and return its address from an issue's page; empty when it is no picture."""
    for place in (f"images/{name}", name):
        try:
            file = locate_picture(root, place)
            content = file.read_bytes()
        except (PictureError, OSError, ValueError):
            continue
        target = folder / PICTURES / f"{hashlib.sha256(content).hexdigest()[:16]}{file.suffix.lower()}"
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content)
        return f"../{PICTURES}/{target.name}"
    return ""


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(package_templates() / "preview"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
