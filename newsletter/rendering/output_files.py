"""The five files of a built issue, and how a file is written.

Everything in them follows from the issue, the templates and newsletter.toml alone.
"""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
from pathlib import Path

from newsletter.config import Publication
from newsletter.errors import NewsletterError
from newsletter.rendering.build import Built, sample_mailing, sample_recipient


def write_files(publication: Publication, built: Built, out: Path) -> Path:
    """Write `out/<slug>/message.html .txt .eml .json` and `document.mjml`; returns the folder."""
    folder = out / built.issue.slug
    for name, content in files(publication, built).items():
        write_file(folder / name, content)
    return folder


def files(publication: Publication, built: Built) -> dict[str, bytes]:
    """The files by name; slots are filled for a sample reader without a name."""
    mailing = sample_mailing(publication, built)
    reader = sample_recipient(publication, built.issue.slug)
    sample = mailing.message(reader)
    return {
        "message.html": sample.html.encode(),
        "message.txt": sample.text.encode(),
        "message.eml": mailing.mime(reader),
        "document.mjml": document_text(built).encode(),
        "message.json": (json.dumps(summary(built), ensure_ascii=False, indent=2) + "\n").encode(),
    }


def summary(built: Built) -> dict[str, object]:
    """What `message.json` holds: sizes in bytes of UTF-8, slots still open."""
    message = built.message
    return {
        "slug": message.slug,
        "subject": message.open(message.subject),
        "preheader": message.open(message.preheader),
        "digest": message.digest,
        "html_bytes": len(message.open(message.html).encode()),
        "text_bytes": len(message.open(message.text).encode()),
        "slots": built.slots,
        "links": [message.open(link) for link in message.links],
    }


def document_text(built: Built) -> str:
    """The assembled MJML for people and other compilers: bodies and merge tags in their places."""
    document = built.document
    whole = re.sub(r"<(br|hr|img)\b([^<>]*?)\s*/?>", r"<\1\2 />", document.with_bodies(document.mjml))
    return built.issue.tag_store.restore(whole, spell=html.escape)


def write_file(path: Path, content: bytes) -> None:
    """All of it or nothing: a reader of the folder never sees half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(part).chmod(0o644)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NewsletterError(f"cannot write: {error.strerror}", place=str(path)) from error
