"""What newsletter.toml names must be there: pictures of sponsors, the logo, the fields of segments.

Asked when an issue is built, not when settings are read: only an issue needs them.
"""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.config import Publication
from newsletter.config.segments import check_segments
from newsletter.errors import ConfigError
from newsletter.issues.images import PictureError, find_picture, is_remote


def check_settings(publication: Publication) -> None:
    """Raises ConfigError for the first thing that is wrong, at its line."""
    check_segments(publication)
    for keys, path in _pictures(publication):
        try:
            find_picture(publication.root, path)
        except PictureError as error:
            hint = "Name a picture inside the publication's folder, or an https:// address."
            raise ConfigError(f"[{'.'.join(keys[:-1])}] {error}", place=publication.place(*keys), hint=hint) from error


def _pictures(publication: Publication) -> Iterator[tuple[tuple[str, ...], str]]:
    config = publication.config
    named: list[tuple[tuple[str, ...], str]] = [(("theme", "logo"), config.theme.logo)]
    named += [(("sponsors", id, "image"), sponsor.image) for id, sponsor in config.sponsors.items()]
    return ((keys, path) for keys, path in named if path and not is_remote(path))
