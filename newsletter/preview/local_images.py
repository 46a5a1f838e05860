"""Pictures of the publication in built HTML, shown from this disk instead of the address readers load them from.

`issues.images` decides which files are pictures; here they are only looked up.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from newsletter.config import PublicationSettings
from newsletter.issues.images import PictureError, find_picture, locate_picture

HERE = "/images/"
"""The path at which the preview serves pictures."""


@dataclass(frozen=True, kw_only=True)
class LocalPicture:
    """A picture in an email that is a file of the publication."""

    url: str
    """The address as it stands in the HTML."""
    file: Path
    stamp: str
    """A text that changes with the file."""


def local_pictures(publication: PublicationSettings, page: str) -> Sequence[LocalPicture]:
    """Return each picture of the publication that the HTML names, once, in order."""
    urls = dict.fromkeys(match[0] for match in _addresses(publication).finditer(page))
    pictures = ((url, picture_file(publication.root, _name(publication, url))) for url in urls)
    return [LocalPicture(url=url, file=file, stamp=_stamp(file)) for url, file in pictures if file]


def shown_locally(page: str, publication: PublicationSettings, pictures: Sequence[LocalPicture]) -> str:
    """Return the HTML with the addresses of this disk's pictures.

    The address changes with the picture, so that a browser does not show an old one.
    """
    stamps = {picture.url: picture.stamp for picture in pictures}
    base = f"{publication.config.publication.url}/images/"

    def local(address: re.Match[str]) -> str:
        stamp = stamps.get(address[0])
        return HERE + address[0][len(base) :] + (f"?{stamp}" if stamp else "")

    return _addresses(publication).sub(local, page)


def picture_file(root: Path, name: str) -> Path | None:
    """Return the file behind `/images/<name>`: in `images/`, else in the publication; None when it is no picture."""
    # Addresses leave out `images/`, but a picture may also stand in any other folder.
    for path in (f"images/{name}", name):
        try:
            find_picture(root, path)
        except (PictureError, ValueError, OSError):
            continue
        return locate_picture(root, path)
    return None


def _addresses(publication: PublicationSettings) -> re.Pattern[str]:
    return re.compile(re.escape(publication.config.publication.url) + r"/images/[^\s\"'<>)]+")


def _name(publication: PublicationSettings, url: str) -> str:
    return unquote(html.unescape(url[len(publication.config.publication.url) + len("/images/") :]))


def _stamp(file: Path) -> str:
    try:
        status = file.stat()
    except OSError:
        return "gone"
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"
