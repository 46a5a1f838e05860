"""Rules about Outlook on Windows: picture sizes and shapes, pictures behind text, and CSS that Word does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from newsletter.checks.context.context import Context
from newsletter.checks.context.origins import origin
from newsletter.checks.context.rule import WARNING, Example, Finding, Scope, rule
from newsletter.checks.html.colours import read_colour
from newsletter.checks.html.computed_style import length
from newsletter.checks.html.css import declarations
from newsletter.checks.html.tree import Element
from newsletter.checks.rules.compatibility import INLINE
from newsletter.issues.images import ImageFile, find_picture

TALLEST = 1_728
"""CSS pixels: the height at which Word cuts a picture, 18 inches."""
ROUNDING = 0.03
"""The share by which a picture may be drawn out of shape."""
_ADDRESS = re.compile(r"url\(\s*[\"']?([^\"')]+)")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The size in CSS pixels that an element gives its picture; 0 where it gives none."""

    width: float
    height: float


_TEXT = "templates/blocks/text.mjml"
_BLOCK = "<mj-section><mj-column><mj-text>{{ body }}%s</mj-text></mj-column></mj-section>\n"
_IMG = '<img src="https://example.com/a.png" alt="A chart of exports"%s />'
_GIF = "GIF89ad\x00d\x00 "
_FILED = '<img src="https://news.example.com/images/a.gif" alt="A chart of exports" width="100" height="%d" />'


@rule(
    "NL303",
    WARNING,
    Scope.HTML,
    summary="A picture has no `width` in pixels.",
    why="Outlook on Windows then shows it as wide as its file, over the edge of the email.",
    fix='Write `width="552"` on the <img>, beside the style.',
    fires=Example(files={_TEXT: _BLOCK % (_IMG % ' width="100%"')}, shown='<img width="100%" ... /> in a template'),
    passes=Example(files={_TEXT: _BLOCK % (_IMG % ' width="552"')}, shown='<img width="552" ... /> in a template'),
)
def _without_width(context: Context) -> Iterator[Finding]:
    for image in context.elements("img"):
        width = image.get("width", "")
        if not re.fullmatch(r"\d+(px)?", width):
            shown = f'the width "{width}"' if width else "no width"
            spot = origin(context, image, f"src={_source(image)}", "<img")
            yield Finding.at(spot, f"a picture has {shown} for Outlook")


@rule(
    "NL304",
    WARNING,
    Scope.HTML,
    summary="A picture is shown higher than 1,728 pixels, or distorted.",
    why="Outlook on Windows cuts pictures at that height, and distortion makes faces broad.",
    fix="Cut the picture into two, or leave out its height.",
    fires=Example(
        files={_TEXT: _BLOCK % (_FILED % 40), "images/a.gif": _GIF},
        shown='<img width="100" height="40" ... /> for a file of 100 by 100 pixels',
    ),
    passes=Example(
        files={_TEXT: _BLOCK % (_FILED % 100), "images/a.gif": _GIF},
        shown='<img width="100" height="100" ... /> for a file of 100 by 100 pixels',
    ),
)
def _cut_or_distorted(context: Context) -> Iterator[Finding]:
    for image in context.elements("img"):
        drawn, file = _drawn(image), _file(context, image)
        if not file or not file.width or not file.height or not drawn.width:
            continue
        # Mail clients keep the proportions of the file where no height is given.
        height = drawn.height or drawn.width * file.height / file.width
        wanted = drawn.width * file.height / file.width
        if height > TALLEST:
            message = f"a picture is shown {height:.0f} pixels high; Outlook cuts it at {TALLEST}"
            yield Finding.at(origin(context, image), message)
        elif abs(height - wanted) > max(1.0, ROUNDING * wanted):
            size = f"{drawn.width:g} by {height:g}"
            message = f"a picture of {file.width} by {file.height} pixels is drawn {size}, out of shape"
            yield Finding.at(origin(context, image, "height="), message)


def _drawn(image: Element) -> Drawn:
    width, height = (length(f"{image.get(name, '')}px".replace("pxpx", "px"), 0) or 0 for name in ("width", "height"))
    for each in declarations(image.get("style", "")):
        # A height in the style wins over the attribute.
        if each.name == "height":
            height = length(each.value, 0) or 0.0
    return Drawn(width=width, height=height)


def _file(context: Context, image: Element) -> ImageFile | None:
    """Return the publication's file behind a picture, or None when it is another's."""
    base = f"{context.config.publication.url}/images/"
    source = _source(image)
    if not source.startswith(base):
        return None
    path = unquote(source.removeprefix(base))
    for candidate in (f"images/{path}", path):
        try:
            return find_picture(context.publication.root, candidate)
        except (ValueError, OSError):  # no picture, or no path at all: a NUL, a name too long
            continue
    return None


def _source(image: Element) -> str:
    return str(image.get("src", ""))


@rule(
    "NL305",
    WARNING,
    Scope.HTML,
    summary="A picture lies behind the content without VML for Outlook, or without a background colour.",
    why="Outlook on Windows does not show it, and where pictures are blocked, white words stand on white.",
    fix='Use `<mj-section background-url="..." background-color="...">`, which makes both.',
    fires=Example(
        files={_TEXT: _BLOCK % '<div style="background: url(https://example.com/a.png)">Words</div>'},
        shown='<div style="background: url(...)"> in a template',
    ),
    passes=Example(
        files={
            _TEXT: _BLOCK.replace(
                "<mj-section>", '<mj-section background-url="https://example.com/a.png" background-color="#FFFFFF">'
            )
            % ""
        },
        shown='<mj-section background-url="..." background-color="#FFFFFF"> in a template',
    ),
)
def _bare_backgrounds(context: Context) -> Iterator[Finding]:
    vml = " ".join(node.text or "" for node in context.tree.iter() if not isinstance(node.tag, str))
    for element in context.elements():
        for address in _pictures_behind(element):
            lacks = [] if f'src="{address}"' in vml and "<v:" in vml else ["VML for Outlook"]
            if not _has_colour(element):
                lacks.append("a colour for whoever blocks pictures")
            if lacks:
                message = f"a picture behind the content lacks {' and '.join(lacks)}"
                yield Finding.at(origin(context, element, address, "background"), message)


def _pictures_behind(element: Element) -> set[str]:
    addresses = {element.get("background", "")} - {""}
    for each in declarations(element.get("style", "")):
        if each.name in ("background", "background-image"):
            addresses.update(_ADDRESS.findall(each.value))
    return addresses


def _has_colour(element: Element) -> bool:
    backgrounds = [each for each in declarations(element.get("style", "")) if each.name.startswith("background")]
    tokens = (token for each in backgrounds for token in each.tokens)
    return bool(element.get("bgcolor")) or any(read_colour(token.serialize()) for token in tokens)


@rule(
    "NL308",
    WARNING,
    Scope.HTML,
    summary="A style attribute uses flex, grid, position, calc(), var(), hsl() or the like.",
    why="Outlook on Windows drops the declaration, Gmail and Yahoo some: the layout falls apart.",
    fix="Use tables for layout, pixels for sizes, `#RRGGBB` for colours.",
    fires=Example(
        files={_TEXT: _BLOCK % '<div style="display: flex">Words</div>'}, shown='<div style="display: flex">'
    ),
    passes=Example(
        files={_TEXT: _BLOCK % '<div style="display: block">Words</div>'}, shown='<div style="display: block">'
    ),
)
def _modern_css(context: Context) -> Iterator[Finding]:
    seen: set[tuple[str, int]] = set()
    for use in context.uses:
        if not use.is_inline or use.slug not in INLINE or use.element is None:
            continue
        place = (use.slug, context.line_of(use.element))
        if place not in seen:
            seen.add(place)
            feature = use.slug.removeprefix("css-").removeprefix("display-").removeprefix("unit-").replace("-", " ")
            yield Finding.at(origin(context, use.element, use.written), f"a style attribute has {feature}")
