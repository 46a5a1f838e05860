"""Check what newsletter.toml names outside of itself: pictures of sponsors, the logo, the fields of segments.

A build asks for this, not the reading of the settings: only an issue needs these files.
"""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.config import Publication
from newsletter.config.segments import check_segments
from newsletter.errors import ConfigError
from newsletter.issues.images import PictureError, find_picture, is_remote


def check_settings(publication: Publication) -> None:
    """Raise ConfigError for the first mistake, at its line."""
    check_segments(publication)
    for keys, path in _pictures(publication):
        try:
            find_picture(publication.root, path)
        except PictureError as error:
            hint = "Name a picture inside the publication's folder, or an https:// address."
            raise ConfigError(f"[{'.'.join(keys[:-1])}] {error}", place=publication.place(*keys), hint=hint) from error


def _pictures(publication: Publication) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys and the path of each picture that the settings name."""
    config = publication.config
    pictures: list[tuple[tuple[str, ...], str]] = [(("theme", "logo"), config.theme.logo)]
    pictures += [(("sponsors", id, "image"), sponsor.image) for id, sponsor in config.sponsors.items()]
    return ((keys, path) for keys, path in pictures if path and not is_remote(path))
