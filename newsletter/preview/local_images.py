"""Pictures of the publication in built HTML, shown from this disk instead of the address readers load them from.

Pure but for looking at the files; what a picture is, `pictures` says.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from newsletter.config import Publication
from newsletter.issues.images import PictureError, find_picture

HERE = "/images/"
"""Where the preview serves them."""


@dataclass(frozen=True, kw_only=True)
class LocalPicture:
    """A picture in an email that is a file of the publication."""

    url: str
    """As it stands in the HTML."""
    file: Path
    stamp: str
    """Differs when the file does."""


def local_pictures(publication: Publication, page: str) -> Sequence[LocalPicture]:
    """Each picture of the publication that the HTML names, once, in order."""
    found = dict.fromkeys(f"{found[0]}" for found in _named(publication).finditer(page))
    pictures = ((url, picture_file(publication.root, _name(publication, url))) for url in found)
    return [LocalPicture(url=url, file=file, stamp=_stamp(file)) for url, file in pictures if file]


def shown_locally(page: str, publication: Publication, pictures: Sequence[LocalPicture]) -> str:
    """The HTML with this disk's pictures; a changed picture has a new address, so that no browser keeps the old one."""
    stamps = {picture.url: picture.stamp for picture in pictures}
    base = f"{publication.config.publication.url}/images/"

    def local(found: re.Match[str]) -> str:
        stamp = stamps.get(found[0])
        return HERE + found[0][len(base) :] + (f"?{stamp}" if stamp else "")

    return _named(publication).sub(local, page)


def picture_file(root: Path, name: str) -> Path | None:
    """The file behind `/images/<name>`: in `images/`, else anywhere in the publication; None when it is no picture."""
    for path in (f"images/{name}", name):
        try:
            find_picture(root, path)
        except (PictureError, ValueError, OSError):
            continue
        return (root / path).resolve()
    return None


def _named(publication: Publication) -> re.Pattern[str]:
    return re.compile(re.escape(publication.config.publication.url) + r"/images/[^\s\"'<>)]+")


def _name(publication: Publication, url: str) -> str:
    return unquote(html.unescape(url[len(publication.config.publication.url) + len("/images/") :]))


def _stamp(file: Path) -> str:
    try:
        found = file.stat()
    except OSError:
        return "gone"
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"
