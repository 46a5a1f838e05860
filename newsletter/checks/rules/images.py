"""Rules about the pictures that an author wrote: their descriptions, and the sizes and kinds of their files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import WrittenPicture, field_spot
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Scope, rule
from newsletter.issues.images import PictureError, find_picture, is_remote, locate_picture

HEAVY, TOO_HEAVY, ALL = 200 * 1024, 1024 * 1024, 1024 * 1024
"""Bytes: of a picture that phones wait for, of one that readers give up on, and of all pictures of an issue."""
LONGEST_ALT = 125
"""Characters of the longest description that every screen reader speaks in one go."""
_FILE_NAME = re.compile(r"[\w.-]+\.(png|jpe?g|gif|webp|svg|avif|bmp)", re.IGNORECASE)
_SAYS_NOTHING = {"image", "picture", "photo", "photograph", "graphic", "logo", "img", "icon", "thumbnail", "figure"}


_GOOD = Example(body="![Exports by year, falling since 2022](https://example.com/exports.png)")
_SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path d="M0 0h4v4H0z"/></svg>\n'


def _gif(width: int, filler: int = 0) -> str:
    """Return a GIF's header for this width in pixels, followed by `filler` spaces."""
    # Bytes below 128 only, so that examples can be written as text.
    low, high = width & 0x7F, 0x01 if width > 127 else 0
    return f"GIF89a{chr(low)}{chr(high)}\x10\x01" + " " * filler


@rule(
    "NL201",
    ERROR,
    Scope.SOURCE,
    summary="A picture in Markdown has no description.",
    why="Readers who cannot see it hear nothing or its file name, and many readers block pictures.",
    fix='Write it in the brackets: `![A chart of exports](...)`; one that only decorates is `:::image alt=""`.',
    fires=Example(body="![](https://example.com/exports.png)"),
    passes=_GOOD,
)
def _undescribed(context: Context) -> Iterator[Finding]:
    for picture in context.pictures:
        if picture.is_markdown and not picture.alt.strip():
            yield Finding.at(picture.spot, "the picture has no description")


@rule(
    "NL202",
    WARNING,
    Scope.SOURCE,
    summary='The description of a picture is a file name, a word like "image", or longer than 125 characters.',
    why="Screen readers read it aloud in place of the picture (WCAG 2.2, 1.1.1).",
    fix="Say in one short sentence what the picture shows.",
    fires=Example(body="![exports.png](https://example.com/exports.png)"),
    passes=_GOOD,
)
def _badly_described(context: Context) -> Iterator[Finding]:
    for picture in context.pictures:
        alt = picture.alt.strip()
        fault = why = ""
        if _FILE_NAME.fullmatch(alt):
            fault = f'the description is a file name, "{alt}"'
        elif alt.casefold() in _SAYS_NOTHING:
            fault = f'the description says only "{alt}"'
        elif len(alt) > LONGEST_ALT:
            fault = f"the description has {len(alt)} characters; {LONGEST_ALT} are read out in one go"
            why = "Screen readers break off there, or go on as if another picture began."
        if fault:
            spot = picture.spot if picture.is_markdown else field_spot(context, picture.block, "alt")
            yield Finding.at(spot, fault, why=why)


@rule(
    "NL404",
    WARNING,
    Scope.SOURCE,
    summary="A picture file has more than 200 KB (an error above 1 MB), or all pictures together have more than 1 MB.",
    why="Phones load a picture while somebody waits for it.",
    fix="Save it smaller: twice the shown width is enough.",
    fires=Example(
        body="![Exports by year](images/exports.gif)",
        files={"images/exports.gif": _gif(100, 220_000)},
        shown="![Exports by year](images/exports.gif), a file of 215 KB",
    ),
    passes=Example(body="![Exports by year](images/exports.gif)", files={"images/exports.gif": _gif(100)}),
)
def _heavy_files(context: Context) -> Iterator[Finding]:
    sizes: dict[str, tuple[int, WrittenPicture]] = {}
    for picture in context.pictures:
        if size := _bytes(context, picture):
            sizes.setdefault(picture.src, (size, picture))
    for size, picture in sizes.values():
        if size > HEAVY:
            severity = ERROR if size > TOO_HEAVY else None
            yield Finding.at(picture.spot, f"the picture has {_kib(size)}", severity=severity)
    together = sum(size for size, _ in sizes.values())
    if together > ALL:
        _, heaviest = max(sizes.values(), key=lambda pair: pair[0])
        message = f"the pictures of the issue have {_kib(together)} together; this one is the heaviest"
        yield Finding.at(heaviest.spot, message, why="Some mail services stop loading pictures at a megabyte.")


@rule(
    "NL407",
    WARNING,
    Scope.SOURCE,
    summary="A picture is more than twice as wide as it is shown.",
    why="The sharpest screens show twice the width; readers only wait for the pixels beyond.",
    fix="Scale it to twice the width that the message names.",
    fires=Example(
        body=':::image src=images/exports.gif alt="Exports by year." width=60 /',
        files={"images/exports.gif": _gif(300)},
        shown=':::image src=images/exports.gif alt="Exports by year." width=60 /, a file 300 pixels wide',
    ),
    passes=Example(
        body=':::image src=images/exports.gif alt="Exports by year." width=150 /',
        files={"images/exports.gif": _gif(300)},
    ),
)
def _wide_files(context: Context) -> Iterator[Finding]:
    for picture in context.pictures:
        width = _file(context, picture)[1]
        if width > 2 * picture.shown_width:
            message = f"the picture is {width} pixels wide and shown {picture.shown_width} wide"
            yield Finding.at(picture.spot, message, hint=_smaller(picture.src, 2 * picture.shown_width))


@rule(
    "NL408",
    WARNING,
    Scope.SOURCE,
    summary="A picture is a WebP or an SVG.",
    why="Readers see its description instead.",
    fix="Save it as PNG or JPEG.",
    fires=Example(body="![Exports by year](images/exports.svg)", files={"images/exports.svg": _SVG}),
    passes=Example(body="![Exports by year](images/exports.gif)", files={"images/exports.gif": _gif(100)}),
)
def _unsupported_kinds(context: Context) -> Iterator[Finding]:
    for picture in context.pictures:
        kind = _file(context, picture)[0]
        if kind in ("webp", "svg"):
            message = f"Outlook on Windows does not show {kind.upper()}" + (", nor does Gmail" if kind == "svg" else "")
            yield Finding.at(picture.spot, message)


def _smaller(path: str, width: int) -> str:
    """Return the commands that scale a picture; the program itself changes no picture."""
    name = shlex.quote(path)
    return f"Scale it to {width}: magick {name} -resize {width}x {name}  (macOS: sips --resampleWidth {width} {name})"


def _file(context: Context, picture: WrittenPicture) -> tuple[str, int]:
    """Return the kind and the width of a picture file; "" and 0 when it is not one of the publication."""
    if is_remote(picture.src) or context.issue.tag_store.token.search(picture.src):
        return "", 0
    try:
        file = find_picture(context.publication.root, picture.src)
    except PictureError:
        return "", 0
    return file.kind, file.width


def _bytes(context: Context, picture: WrittenPicture) -> int:
    kind, _ = _file(context, picture)
    return locate_picture(context.publication.root, picture.src).stat().st_size if kind else 0


def _kib(size: int) -> str:
    return f"{size / 1024:,.0f} KB"
