"""Give thumbnails of different shapes frames of one shape, so that the titles of a news list stand below each other.

The frame is a table cell with a width and a height in pixels, since Outlook on Windows knows no other way; the picture
stands in its middle, whole and in its own proportions. Pictures of one shape need no frame.
"""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.issues.blocks import THUMBNAIL_WIDTH

HEIGHT = 80
"""CSS pixels of a frame, which is THUMBNAIL_WIDTH wide: the shape of most photographs, 3 to 2."""
ALIKE = 0.08
"""The share by which the heights of thumbnails may differ without being seen."""
NO_FRAME = {"image_frame": 0, "image_share": 0}


def shapes(sizes: Sequence[tuple[int, int] | None]) -> list[dict[str, int]]:
    """Return the values of each item for its template, for the sizes of the thumbnails' files in pixels.

    `image_frame` is the height of the frame, 0 for none, `image_width` the width of the picture in it, `image_share`
    that width in percent of the frame's. A size is None without a thumbnail, and where the file is not at hand: such a
    picture keeps its own shape.
    """
    heights = [_height(size) for size in sizes if size]
    if not heights or max(heights) - min(heights) <= ALIKE * max(heights):
        return [dict(NO_FRAME) for _ in sizes]
    return [_framed(size) if size else dict(NO_FRAME) for size in sizes]


def _height(size: tuple[int, int]) -> float:
    """Return the height at which a picture is shown without a frame."""
    width, height = size
    return height * min(1.0, THUMBNAIL_WIDTH / width)


def _framed(size: tuple[int, int]) -> dict[str, int]:
    width, height = size
    shown = max(1, round(width * min(1.0, THUMBNAIL_WIDTH / width, HEIGHT / height)))
    return {"image_frame": HEIGHT, "image_width": shown, "image_share": max(1, round(shown / THUMBNAIL_WIDTH * 100))}
