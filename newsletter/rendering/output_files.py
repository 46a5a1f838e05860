"""The files that `build` writes for an issue, and how any file is written whole.

Their bytes follow from the issue, its pictures, the templates and newsletter.toml alone.
"""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
from pathlib import Path

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.rendering.build import Built, sample_mailing, sample_recipient
from newsletter.rendering.preview_file import with_pictures

FILE_NAMES = ("message.html", "message.txt", "message.eml", "document.mjml", "message.json", "preview.html")
"""The names of the files, in the order in which `build` prints their paths."""


def write_files(publication: PublicationSettings, built: Built, out: Path) -> Path:
    """Write the files of an issue to `out/<slug>/`, and return that folder."""
    folder = out / built.issue.slug
    for name, content in files(publication, built).items():
        write_file(folder / name, content)
    return folder


def files(publication: PublicationSettings, built: Built) -> dict[str, bytes]:
    """Return the files by name; slots are filled for a sample reader without a name."""
    mailing = sample_mailing(publication, built)
    reader = sample_recipient(publication, built.issue.slug)
    sample = mailing.message(reader)
    contents = (
        sample.html.encode(),
        sample.text.encode(),
        mailing.mime(reader),
        document_text(built).encode(),
        (json.dumps(summary(built), ensure_ascii=False, indent=2) + "\n").encode(),
        with_pictures(sample.html, publication).encode(),
    )
    return dict(zip(FILE_NAMES, contents, strict=True))


def summary(built: Built) -> dict[str, object]:
    """Return what `message.json` holds: sizes in bytes of UTF-8, slots still open."""
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
    """Return the assembled MJML for people and other compilers: bodies and merge tags in their places."""
    document = built.document
    whole = re.sub(r"<(br|hr|img)\b([^<>]*?)\s*/?>", r"<\1\2 />", document.with_bodies(document.mjml))
    return built.issue.tag_store.restore(whole, spell=html.escape)


def write_file(path: Path, content: bytes) -> None:
    """Write all of a file or nothing: a reader of the folder never sees half of one. Raises NewsletterError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder: a rename replaces a file at once only within a file system.
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
