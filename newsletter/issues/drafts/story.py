"""Story: an article as its source tells it, in text that is safe to put into an issue.

Cleans words and addresses that strangers wrote: one line, no control characters, no
comments, only public http(s) links. The kinds of source are not known here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from newsletter.characters import without_forbidden
from newsletter.network import is_public

LONGEST_TITLE = 200
LONGEST_NAME = 80
LONGEST_SENTENCE = 300
LONGEST_TEXT = 20_000
"""Characters of a description that are read; one sentence of them is kept."""
LONGEST_LINK = 2_000

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u202a-\u202e\u2060-\u2069\ufeff\ufff0-\ufffb\ufffd-\uffff]"
    "|[\ud800-\udfff]"
)
"""Control characters, direction overrides, invisible characters and code points that are no characters."""
_WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
"""Quotes and dashes of Windows-1252 in text that was declared as Latin-1."""
_COMMENT_SIGNS = re.compile(r"<!--|-->|<!\[CDATA\[|\]\]>")
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|_hs(?:enc|mi)|igshid|yclid|xtor", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…]{1,4}[\"'”’»)\]]{0,3}(?=\s[\"'“‘«(¿¡]{0,3}[^\W_a-z]|$)|[。！？]")
_ABBREVIATION = re.compile(
    r"(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|no|inc|ltd|co|corp|gen|sen|rep|gov|u\.s|u\.k|e\.g|i\.e|approx|est|vol|fig|[^\W\d_])",
    re.IGNORECASE,
)
"""Words whose full stop does not end a sentence; a single letter is an initial."""
_SHORTEST_SENTENCE = 40
_CUT_OFF = re.compile(r"\s*\[(?:…|\.\.\.)\]$")
_INVITATION = re.compile(
    r"(?<=[.…!?])\s(?:continue reading|read more)\b.{0,80}$|\sThe post .{1,300} appeared first on .{1,100}$",
    re.IGNORECASE,
)
"""The words that blog software puts after a summary."""
_LOCAL_NAMES = ("local", "localhost", "internal", "intranet", "lan", "home", "corp", "arpa", "test", "invalid", "onion")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A paragraph with a label, and the points under it."""

    label: str
    text: str
    points: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Story:
    """An article as its source tells it. All texts are single lines, empty where the source says nothing."""

    title: str
    url: str = ""
    source: str = ""
    """The name of the publisher."""
    author: str = ""
    published: datetime | None = None
    """The time of publication, aware."""
    summary: str = ""
    """A sentence in the source's own words."""
    sections: tuple[Section, ...] = ()
    """The labelled paragraphs of a page that was given as text; no other source has them."""


def one_line(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return the words of a text on one line, cut at a word when it has more than `longest` characters."""
    # Cut before it is cleaned: a stranger's text may have any size.
    text = _COMMENT_SIGNS.sub(" ", text[: 4 * LONGEST_TEXT]).translate(_WINDOWS)
    words = without_forbidden(" ".join(_UNPRINTABLE.sub("", text).split()))
    if len(words) <= longest:
        return words
    return words[: longest - 1].rsplit(" ", 1)[0].rstrip(",;:–—- ") + "…"


def first_sentence(text: str) -> str:
    """Return the first sentence of a description, or the first two when the first is very short."""
    text = _CUT_OFF.sub("…", _INVITATION.sub("", one_line(text)))
    for end in _SENTENCE_END.finditer(text):
        word = text[text.rfind(" ", 0, end.start()) + 1 : end.start()].lstrip("\"'“‘«(¿¡[")
        if end[0].startswith(".") and _ABBREVIATION.fullmatch(word):
            continue
        if end.end() >= min(_SHORTEST_SENTENCE, len(text)):
            return one_line(text[: end.end()], LONGEST_SENTENCE)
    return one_line(text, LONGEST_SENTENCE)


def link_of(raw: str, base: str = "") -> str:
    """Return the public http(s) address that `raw` names on a page at `base`, without tracking; else empty.

    A private host is kept only if it is the page's own, because the user named that page.
    The address can stand in Markdown and in a block's field as it is.
    """
    # Browsers ignore tabs and line ends inside an address (URL Standard, section 4.4).
    written = re.sub(r"[\t\r\n]", "", raw[: 2 * LONGEST_LINK]).strip()
    try:
        parts = urlsplit(urljoin(base, written) if written else "")
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
        is_own_host = bool(host) and host == urlsplit(base).hostname
    except ValueError:  # UnicodeError is one
        return ""
    if parts.scheme not in ("http", "https") or not (is_own_host or _is_public_name(host)):
        return ""
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    query = _quoted(_without_tracking(parts.query), "/%:@!$&*+,=~?")
    link = urlunsplit(
        (parts.scheme, place, _quoted(parts.path, "/%:@!$&*+,;=~"), query, _quoted(parts.fragment, "/%:@!$&*+,=~?"))
    )
    return link if len(link) <= LONGEST_LINK else ""


def link_key(url: str) -> str:
    """Return a key that all spellings of an address share: without scheme, `www.`, tracking, order and final slash.

    A `#fragment` is part of it, because one page may hold many stories, unless it names none.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:
        return url
    place = host if port in (None, 80, 443) else f"{host}:{port}"
    query = urlencode(sorted(parse_qsl(_without_tracking(parts.query), keep_blank_values=True)))
    return f"{place}{parts.path.rstrip('/')}?{query}#{_part_of_page(parts.fragment)}"


def _part_of_page(fragment: str) -> str:
    """Return a fragment that names a part of the page; empty for its top, a text to mark (`:~:`) and for tracking."""
    name = unquote(fragment.partition(":~:")[0])
    # https://html.spec.whatwg.org/multipage/browsing-the-web.html#the-indicated-part-of-the-document
    return "" if name.lower() == "top" or _TRACKING.fullmatch(name.partition("=")[0]) else name


def _is_public_name(host: str) -> bool:
    """Tell whether strangers could reach a host of this name, without looking it up."""
    try:
        return is_public(str(ipaddress.ip_address(host)))
    except ValueError:
        labels = host.rstrip(".").split(".")
        good = all(re.fullmatch(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?", label) for label in labels)
        return good and len(labels) > 1 and labels[-1] not in _LOCAL_NAMES and not labels[-1].isdigit()


def _without_tracking(query: str) -> str:
    kept = (part for part in query.split("&") if not _TRACKING.fullmatch(part.split("=", 1)[0]))
    return "&".join(kept)


def _quoted(text: str, safe: str) -> str:
    """Return a text percent-encoded (RFC 3986 section 2.1); what is encoded already stays as it is."""
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", quote(_UNPRINTABLE.sub("", text), safe=safe))
