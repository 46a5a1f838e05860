"""Sources of a draft: a web address or a file becomes text, and the text becomes stories.

The content, never the name, decides whether a source is a feed, a page or the text of a page, and how its
bytes are decoded. The network is used for web addresses only.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.articles import article_story, is_page
from newsletter.issues.drafts.encodings import guess_encoding
from newsletter.issues.drafts.feeds import feed_stories, is_feed
from newsletter.issues.drafts.pasted_pages import plain_stories
from newsletter.issues.drafts.story import Story
from newsletter.network import NetworkAccess

MOST_BYTES = 5 * 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"(?:<\?xml[^>]*?encoding|<meta[^>]*?charset)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_NAMES = re.compile(
    r"(?:utf|ucs|iso|latin|windows|cp|koi8|gb|hz|big5|euc|shift|sjis|ms|mac|tis|us-ascii|ascii)[\w.:-]*", re.IGNORECASE
)
"""Names of text encodings; Python also has codecs that are none, such as `zip`."""


@dataclass(frozen=True, kw_only=True)
class ReadSource:
    """The stories of one source."""

    name: str
    """The address or path as the user wrote it."""
    stories: list[Story]
    is_feed: bool
    unnamed: int = 0
    """Entries of a feed left out because they have neither a headline nor words."""
    unread: int = 0
    """Entries of a feed left out because they stand behind the first 300."""
    encoding: str = ""
    """The encoding that was guessed, because the bytes are not what the source declares, or it declares none."""


def read_source(name: str, network: NetworkAccess, folder: Path) -> ReadSource:
    """Read a web address, or a file relative to `folder`. Raises NewsletterError with the name of the source."""
    try:
        if re.match(r"https?://", name, re.IGNORECASE):
            return _from_web(name, network)
        if re.match(r"[\w+.-]+://|(?:javascript|data|mailto):", name, re.IGNORECASE):
            raise NewsletterError("only http:// and https:// addresses and files can be read")
        return _read(name, _content(folder / name), "", "")
    except NewsletterError as error:
        raise NewsletterError(error.message, place=name, hint=error.hint) from error


def _from_web(name: str, network: NetworkAccess) -> ReadSource:
    from newsletter.fetch import fetch  # brings requests: only where an address is fetched

    answer = fetch(network, name)
    return _read(name, answer.body, answer.charset, answer.url)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise NewsletterError("no such file" if not path.exists() else "this is no file")
        if path.stat().st_size > MOST_BYTES:
            raise NewsletterError(f"the file is over {MOST_BYTES >> 20} MB", hint="Cut it to its first entries.")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL character
        raise NewsletterError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read(name: str, content: bytes, charset: str, url: str) -> ReadSource:
    text, guessed = decoded(content, charset)
    if not text.strip():
        raise NewsletterError("there is nothing in it")
    if is_feed(text):
        feed = feed_stories(text, url)
        return ReadSource(
            name=name,
            stories=feed.stories,
            is_feed=True,
            unnamed=feed.unnamed,
            unread=feed.unread,
            encoding=guessed,
        )
    if is_page(text):
        return ReadSource(name=name, stories=[article_story(text, url)], is_feed=False, encoding=guessed)
    if "\0" in text or text.lstrip()[:1] in "<{[%":
        raise NewsletterError(
            "this is neither a feed, nor a page, nor text", hint="RSS, Atom, JSON Feed, HTML and text can be read."
        )
    return ReadSource(name=name, stories=plain_stories(text), is_feed=False, encoding=guessed)


def decoded(content: bytes, charset: str = "") -> tuple[str, str]:
    """Decode bytes: by their byte order mark, else as UTF-8, else by `charset` or their own declaration.

    UTF-8 is tried before what a server declares: bytes that decode as UTF-8 are UTF-8, and servers are often wrong.
    Returns the text, and the name of the encoding where it is only a guess.
    """
    mark = next((name for sign, name in _MARKS if content.startswith(sign)), "")
    # UTF-16 without a byte order mark has a NUL beside every letter of its declaration.
    declared = _DECLARED.search(content[:2048].replace(b"\0", b""))
    said = [charset, declared[1].decode() if declared else ""]
    # These also decode as UTF-8, into nonsense, so they are tried before it.
    stateful = [name for name in said if re.match(r"iso-2022|hz|utf-?7|utf-?16|utf-?32", name, re.IGNORECASE)]
    for name in (mark, *stateful, "utf-8", *said):
        if name and _NAMES.fullmatch(name):
            try:
                return content.decode(name).lstrip("\ufeff"), ""
            except (LookupError, UnicodeError):
                continue
    guessed = guess_encoding(content)
    return content.decode(guessed, "replace").lstrip("\ufeff"), guessed
