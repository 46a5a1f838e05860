"""`preview.html`: the email with the publication's pictures inside the file, so that it shows them from any disk.

Pictures of other sites stay addresses: a build fetches nothing. The email that is sent never holds pictures.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from functools import cache
from urllib.parse import unquote

from newsletter.config import PublicationSettings
from newsletter.issues.images import MEDIA_TYPES, PictureError, find_picture, locate_picture

_LOADS = r"(\s(?:src|background)=[\"']?|\burl\([\"']?)"
"""Matches the text before an address that a mail client loads by itself, such as `src`; a link's `href` is none."""


def with_pictures(page: str, publication: PublicationSettings) -> str:
    """Return HTML with every picture of the publication as a `data:` address (RFC 2397).

    A picture that is not on disk stays as it is.
    """
    base = f"{publication.config.publication.url}/images/"

    # A picture may be shown several times.
    @cache
    def embedded(url: str) -> str:
        return _data_url(publication, unquote(html.unescape(url[len(base) :]))) or url

    address = re.compile(rf"{_LOADS}({re.escape(base)}[^\s\"'<>)]+)")
    return address.sub(lambda match: match[1] + embedded(match[2]), page)


def _data_url(publication: PublicationSettings, name: str) -> str:
    """Return the `data:` address of the picture that readers load from `/images/<name>`; empty when there is none."""
    for path in (f"images/{name}", name):
        try:
            kind = find_picture(publication.root, path).kind
            content = locate_picture(publication.root, path).read_bytes()
        except (PictureError, OSError, ValueError):
            continue
        return f"data:{MEDIA_TYPES[kind]};base64,{b64encode(content).decode()}"
    return ""
