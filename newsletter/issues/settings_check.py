"""Check what newsletter.toml says for issues: pictures of sponsors, their words, the logo, the fields of segments.

A build asks for this, not the reading of the settings: only an issue needs these files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it.token import Token

from newsletter.config import PublicationSettings
from newsletter.config.segments import check_segments
from newsletter.errors import MOST_SHOWN, ConfigError, NewsletterError, together
from newsletter.issues.images import PictureError, find_picture, is_remote
from newsletter.issues.markdown.environment import BlockProblem
from newsletter.issues.markdown.parser import Markdown, settings_markdown


def check_settings(publication: PublicationSettings) -> None:
    """Raise NewsletterError with every mistake, at its line; of a sponsor's words, with the first."""
    errors = [error for error in _mistakes(publication) if error is not None]
    if errors:
        raise together(errors[:MOST_SHOWN])


def _mistakes(publication: PublicationSettings) -> Iterator[NewsletterError | None]:
    try:
        check_segments(publication)
    except ConfigError as error:
        yield error
    for keys, path in _pictures(publication):
        try:
            find_picture(publication.root, path)
        except PictureError as error:
            hint = "Name a picture inside the publication's folder, or an https:// address."
            yield ConfigError(f"[{'.'.join(keys[:-1])}] {error}", place=publication.place(*keys), hint=hint)
    for id, sponsor in publication.config.sponsors.items():
        yield _wrong_words(publication, id, settings_markdown(sponsor.text))


def _pictures(publication: PublicationSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys and the path of each picture that the settings name."""
    config = publication.config
    theme = config.theme
    pictures: list[tuple[tuple[str, ...], str]] = [
        (("theme", "logo"), theme.logo),
        (("theme", "logo_dark"), theme.logo_dark),
    ]
    pictures += [(("sponsors", id, "image"), sponsor.image) for id, sponsor in config.sponsors.items()]
    return ((keys, path) for keys, path in pictures if path and not is_remote(path))


def _wrong_words(publication: PublicationSettings, id: str, words: Markdown) -> ConfigError | None:
    """Return the first mistake in the Markdown of a sponsor, if there is one."""
    for token in words.tokens:
        if token.type == "block_open":
            hint = 'Keep the text; the block around it is the ":::sponsor" of an issue.'
            return _mistake(publication, id, "a block cannot stand in the text of a sponsor", token, hint)
        for picture in (child for child in token.children or () if child.type == "image"):
            path = str(picture.attrs.get("src", ""))
            try:
                _ = is_remote(path) or find_picture(publication.root, path)
            except PictureError as error:
                hint = "Name a picture inside the publication's folder, or an https:// address."
                return _mistake(publication, id, str(error), token, hint)
    first = next(iter(words.problems), None)
    return _mistake(publication, id, first.message, first, first.hint) if first else None


def _mistake(
    publication: PublicationSettings, id: str, message: str, at: Token | BlockProblem, hint: str
) -> ConfigError:
    """Return the error at its line of a text that may have several: they begin behind its opening quotes."""
    line = at.line if isinstance(at, BlockProblem) else at.map[0] if at.map else 0
    path, _, number = publication.place("sponsors", id, "text").rpartition(":")
    opening = publication.path.read_text(encoding="utf-8").splitlines()[int(number) - 1].rstrip()
    below = line + opening.endswith(('"""', "'''")) if re.search(r"=\s*(\"{3}|'{3})", opening) else 0
    hint = re.sub(r"\{(\d+)\}", lambda match: str(int(number) + below + int(match[1]) - line), hint)
    return ConfigError(f"[sponsors.{id}] text: {message}", place=f"{path}:{int(number) + below}", hint=hint)
