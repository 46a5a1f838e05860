"""Rules about links: their addresses and their words."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from markdown_it.token import Token

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import Link, Spot, inline_tokens, kind_of, token_spot
from newsletter.checks.context.rule import ERROR, INFO, WARNING, Example, Finding, Scope, rule
from newsletter.errors import Edit, Severity
from newsletter.issues.block_fields import is_web_address
from newsletter.issues.blocks import BodyKind
from newsletter.issues.markdown.place import words_of

_SHORT = "bit.ly buff.ly cutt.ly goo.gl is.gd lnkd.in ow.ly rb.gy rebrand.ly shorturl.at t.co t.ly tiny.cc tinyurl.com"
SHORTENERS = frozenset(_SHORT.split())
"""Public hosts that shorten addresses."""
_SCHEMES = ("http", "https", "mailto", "tel", "sms")
_SAYS_NOTHING = frozenset(
    [
        "click",
        "click here",
        "click me",
        "click this",
        "continue",
        "continue reading",
        "details",
        "go",
        "here",
        "learn more",
        "link",
        "more",
        "read",
        "read more",
        "see more",
        "source",
        "this",
        "this link",
        "this page",
        "website",
    ]
)
# Linear: a bracket without an end may stand before a million letters.
_WORDS, _PAGE = r"\[(?=\s*+[^\s\[\]])[^\[\]]++\]", r"<?(?:https?://|www\.|mailto:|tel:|/)"
_NOT_LINKS = (
    (
        re.compile(rf"!?{_WORDS}\((?:[^()\n]|\([^()\n]*\))*\)"),
        "its address cannot be one",
        "Encode a space as %20; begin the address with https://.",
    ),
    (
        re.compile(rf"!?{_WORDS}\(\s*{_PAGE}[^\s()]*(?=\s|\Z)(?![^()\n]*\))"),
        "its address has no end",
        "Close it with `)` behind the address.",
    ),
    (
        re.compile(rf"!?{_WORDS}\s+\({_PAGE}[^()\n]*\)"),
        "there is a space before its address",
        "Write `[words](https://...)` without a space between the brackets.",
    ),
    (
        re.compile(rf"\([^()\n]+\)\[{_PAGE}[^\[\]\n]*\]"),
        "its brackets are the wrong way round",
        "Write `[words](https://...)`.",
    ),
)
"""What was meant to be a link or a picture: the pattern, why it is none, and what to do."""
_NO_NAME = re.compile(r"(?<![\w\]\[)])!?\[(?!\^)(?=[^\[\]]*[^\W\d_])[^\[\]]++\]\[([^\[\]^]*)\](?![\[(])")
"""A link by the name of an address; the words have a letter, so that `[0][1]` is none."""


_GOOD = Example(body="The [report on exports](https://example.com/exports) is out.")


@rule(
    "NL401",
    ERROR,
    Scope.SOURCE,
    summary="A link leads nowhere: it is empty, relative, broken, or on a machine of your own.",
    why="A sent link cannot be corrected, and an email has no page to which a relative address could belong.",
    fix="Write the whole address, beginning with https://.",
    fires=Example(body="The [report on exports](/exports) is out."),
    passes=_GOOD,
)
def _wrong_addresses(context: Context) -> Iterator[Finding]:
    for link in context.links:
        # A field that is no web address at all is the parser's mistake.
        is_reported = not link.is_markdown and not is_web_address(link.url)
        if not is_reported and (fault := wrong_address(context, link.url)):
            why = _why_wrong(fault)
            yield Finding.at(link.address_spot, fault, edits=_with_scheme(context, link.address), why=why)
    for _block, token, _before in inline_tokens(context):
        yield from _no_links(context, token)


def _why_wrong(fault: str) -> str:
    """Return what a wrong address does to readers, for the faults that the rule's own reason does not fit."""
    if "not a whole address" in fault:
        return ""
    if "own network" in fault:
        return "Readers are outside of it, and find nothing there."
    return "A sent link cannot be corrected: whoever clicks it would find nothing."


def _no_links(context: Context, token: Token) -> Iterator[Finding]:
    words, ends = words_of(token, has_addresses=True), dict[int, int]()
    for pattern, why, hint in _NOT_LINKS:
        for match in pattern.finditer(words):
            # A link without an end may be the beginning of one with a space in its address.
            if match.start() not in ends:
                ends[match.start()] = match.end()
                yield _no_link(context, token, match, why, hint)
    for match in _NO_NAME.finditer(words):
        name = match[1] or match[0].strip("!")[1:-3]
        hint = f"Write `[{name}]: https://...` on a line of its own, or a backslash before the first bracket."
        yield _no_link(context, token, match, "no line has its address", hint, WARNING)


def _no_link(
    context: Context, token: Token, match: re.Match[str], why: str, hint: str, severity: Severity | None = None
) -> Finding:
    shown = context.written(" ".join(token.content[match.start() : match.end()].split()))
    kind = "picture" if shown.startswith("!") else "link"
    spot = token_spot(context, token, match.start(), match.end())
    message, seen = f'"{shown}" is no {kind}: {why}', "Readers see the brackets, and nothing that they could click."
    return Finding.at(spot, message, hint=hint, why=seen, severity=severity)


def wrong_address(context: Context, url: str) -> str:
    """Return why a link to this address leads readers nowhere, or "" when it may lead somewhere."""
    # An address that begins with a merge tag may become any address.
    if context.issue.tag_store.token.match(url) or is_own(context, url):
        return ""
    shown = context.written(url)
    if not url.strip():
        return "the link has no address"
    try:
        parts = urlsplit(url)
        # `urlsplit` finds a broken port only when it is read.
        _ = parts.port
    except ValueError:
        return f'"{shown}" is not an address'
    if not parts.scheme or parts.scheme not in _SCHEMES:
        fault = "is no kind of link that mail programs follow" if parts.scheme else "is not a whole address"
        return f'"{shown}" {fault}'
    if parts.scheme in ("http", "https"):
        return _wrong_host(parts.hostname or "", shown)
    return "" if parts.path.strip("+") else f'"{shown}" names nobody'


def is_own(context: Context, url: str) -> bool:
    """Tell whether an address is the publication's own, which may be plain http or on this machine."""
    own = str(context.config.publication.url)
    return url == own or url.startswith(f"{own}/")


def _wrong_host(host: str, shown: str) -> str:
    if not host or host.startswith(".") or ".." in host:
        return f'"{shown}" names no host'
    try:
        outside = ipaddress.ip_address(host).is_global
    except ValueError:
        outside = "." in host and not host.endswith((".localhost", ".local", ".internal", ".lan", ".test"))
    return "" if outside else f'"{shown}" is an address that only your own network knows'


def _with_scheme(context: Context, address: Spot | None) -> tuple[Edit, ...]:
    if address and _written_at(context, address, 4).lower() == "www.":
        return (Edit(line=address.line, column=address.column, width=0, text="https://"),)
    return ()


def _written_at(context: Context, spot: Spot, width: int) -> str:
    """Return the characters that stand at a spot: a fix changes only what it knows."""
    return context.line(spot.line)[spot.column - 1 : spot.column - 1 + width]


@rule(
    "NL402",
    WARNING,
    Scope.SOURCE,
    summary="A link or a picture is fetched without encryption.",
    why="Mail clients warn of such links and block such pictures; spam filters count them.",
    fix="Begin the address with https://.",
    fires=Example(body="The [report on exports](http://example.com/exports) is out."),
    passes=_GOOD,
)
def _unencrypted(context: Context) -> Iterator[Finding]:
    fetched = [(link.url, link) for link in context.links] + [(picture.src, picture) for picture in context.pictures]
    for url, written in fetched:
        if url.lower().startswith("http://") and not is_own(context, url) and not wrong_address(context, url):
            message = f'"{context.written(url)}" is not encrypted'
            yield Finding.at(written.address_spot, message, edits=_with_https(context, written.address))


def _with_https(context: Context, address: Spot | None) -> tuple[Edit, ...]:
    if address is None:
        return ()
    is_known = _written_at(context, address, 7).lower() == "http://"
    return (Edit(line=address.line, column=address.column, width=4, text="https"),) if is_known else ()


@rule(
    "NL406",
    WARNING,
    Scope.SOURCE,
    summary="A link goes through a public address shortener.",
    why="Spam hides behind shorteners, so their reputation becomes yours, and readers cannot see where a link leads.",
    fix="Link to the page itself.",
    fires=Example(body="The [report on exports](https://bit.ly/4abcDEF) is out."),
    passes=_GOOD,
)
def _shortened(context: Context) -> Iterator[Finding]:
    for link in context.links:
        if (host := _host(link.url)) in SHORTENERS:
            yield Finding.at(link.address_spot, f"{host} hides where the link leads")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


@rule(
    "NL210",
    WARNING,
    Scope.SOURCE,
    summary="The words of a link say nothing about where it leads, or the same words lead to two places.",
    why="Screen readers list links by their words alone, and so do hurried eyes (WCAG 2.2, 2.4.4).",
    fix="Name what is behind the link.",
    fires=Example(body="The report on exports is out: [click here](https://example.com/exports)."),
    passes=_GOOD,
)
def _empty_words(context: Context) -> Iterator[Finding]:
    named: dict[str, Link] = {}
    broken = _ends_of_broken(context)
    for link in context.links:
        if _is_inside(link.spot, broken):
            continue
        words = re.sub(r"\W+", " ", link.text.casefold()).strip()
        if fault := _bad_words(context, link, words):
            yield Finding.at(link.spot, fault, why=_ADDRESS_READ if fault.endswith("its address") else "")
            continue
        first = named.setdefault(words, link)
        if words and first.url != link.url and not link.has_picture:
            message = f'"{link.text}" leads somewhere else on line {first.spot.line}'
            yield Finding.at(link.spot, message, why=_TWO_PLACES, hint="Say in the words what is different.")


_ADDRESS_READ = "Screen readers spell it out, letter by letter; nobody can tell what is behind it."
_TWO_PLACES = "In a list of links, as screen readers make it, the two cannot be told apart (WCAG 2.2, 2.4.4)."


def _ends_of_broken(context: Context) -> dict[int, list[tuple[int, int]]]:
    """Return, by line, the column of each thing that was meant to be a link, and the last end of those up to it."""
    ends: dict[int, list[tuple[int, int]]] = {}
    spots = (finding.spot for _block, token, _before in inline_tokens(context) for finding in _no_links(context, token))
    for spot in sorted(spots):
        line = ends.setdefault(spot.line, [])
        line.append((spot.column, max(spot.column + spot.width, line[-1][1] if line else 0)))
    return ends


def _is_inside(spot: Spot, broken: Mapping[int, Sequence[tuple[int, int]]]) -> bool:
    """Tell whether a bare address is a part of what was meant to be another link."""
    line = broken.get(spot.line, ())
    before = bisect_left(line, (spot.column, 0))
    return before > 0 and spot.column < line[before - 1][1]


def _bad_words(context: Context, link: Link, words: str) -> str:
    if not words and not link.has_picture and kind_of(context, link.block).body is not BodyKind.LABEL:
        return "the link has no words" if not link.text else ""
    if re.match(r"(https?://|www\.)", link.text, re.IGNORECASE):
        return "the words of the link are its address"
    return f'the link says only "{link.text}"' if words in _SAYS_NOTHING else ""


@rule(
    "NL405",
    INFO,
    Scope.SOURCE,
    summary="The UTM parameters of an issue's links do not agree.",
    why="Visits from one issue are then counted as if they came from two.",
    fix="Use one utm_source, utm_medium and utm_campaign throughout the issue.",
    fires=Example(
        body="The [report](https://example.com/a?utm_source=daily) and "
        "[its data](https://example.com/b?utm_source=Daily)."
    ),
    passes=Example(
        body="The [report](https://example.com/a?utm_source=daily) and "
        "[its data](https://example.com/b?utm_source=daily)."
    ),
)
def _different_utm_parameters(context: Context) -> Iterator[Finding]:
    tagged = [(link, _utm(link.url)) for link in context.links if "utm_" in link.url]
    firsts: dict[str, tuple[Link, dict[str, str]]] = {}
    for link, utm in tagged:
        first, known = firsts.setdefault(link.url.partition("?")[0], (link, utm))
        if known != utm:
            message = f"the same page has other UTM parameters on line {first.spot.line}"
            yield Finding.at(link.address_spot, message)
    for key in ("utm_source", "utm_medium", "utm_campaign"):
        values = [(link, utm[key]) for link, utm in tagged if key in utm]
        # One finding for each parameter is enough: the first link that differs.
        for link, value in values:
            if value != values[0][1]:
                message = f'{key} is "{value}" here and "{values[0][1]}" on line {values[0][0].spot.line}'
                yield Finding.at(link.address_spot, message)
                break


def _utm(url: str) -> dict[str, str]:
    query = url.partition("?")[2].partition("#")[0]
    return {key: value for key, value in parse_qsl(query) if key.startswith("utm_")}
