"""Thumbnails of different shapes stand in frames of one shape; those of one shape need none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from newsletter.config import load_publication
from newsletter.issues.blocks import THUMBNAIL_WIDTH
from newsletter.rendering.build import build_issue
from newsletter.rendering.thumbnails import HEIGHT, shapes
from tests.checks.test_logo import DARK, LIGHT, rgba

SIZE = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


def built(folder: Path, sizes: list[tuple[int, int]], more: str = "") -> str:
    (folder / "images").mkdir()
    (folder / "issues").mkdir()
    (folder / "newsletter.toml").write_text(
        '[publication]\nname = "News"\nurl = "https://news.example.com"\nfrom = "News <news@example.com>"\n'
        f'[lists.daily]\ntitle = "Daily"\ndefault = true\n{more}',
        encoding="utf-8",
    )
    for number, (width, height) in enumerate(sizes):
        picture = rgba([[DARK] * width] * height, [0] * height)
        (folder / "images" / f"{number}.png").write_bytes(picture)
    (folder / "images" / "logo.png").write_bytes(rgba([[DARK]], [0]))
    (folder / "images" / "light.png").write_bytes(rgba([[LIGHT]], [0]))
    items = "".join(
        f"- ![A {n}](images/{n}.png) [Story {n}](https://example.com/{n}) Words.\n" for n in range(len(sizes))
    )
    issue = folder / "issues" / "2025-01-17-news.md"
    issue.write_text(f"---\nsubject: News of today\n---\n:::news\n{items}:::\n", encoding="utf-8")
    return build_issue(load_publication(folder / "newsletter.toml"), issue).message.html


def test_thumbnails_of_different_shapes_make_a_straight_list(tmp_path: Path) -> None:
    page = html.document_fromstring(built(tmp_path, [(30, 15), (24, 24), (16, 24)]))

    frames = page.xpath('//td[contains(@class, "frame")]')
    assert {(frame.get("width"), frame.get("height")) for frame in frames} == {("120", "80")}
    assert [frame.xpath(".//img")[0].get("width") for frame in frames] == ["30", "24", "16"]


def test_thumbnails_of_one_shape_stand_without_a_frame(tmp_path: Path) -> None:
    assert "frame" not in built(tmp_path, [(30, 20), (30, 20)])


@given(st.lists(st.none() | SIZE, max_size=6))
def test_a_thumbnail_in_a_frame_is_whole_and_keeps_its_proportions(sizes: list[tuple[int, int] | None]) -> None:
    for size, shape in zip(sizes, shapes(sizes), strict=True):
        if shape["image_frame"] and size:
            width, height = size
            assert shape["image_width"] <= min(THUMBNAIL_WIDTH, max(1, width))
            assert (
                shape["image_width"] * height / width <= HEIGHT + 0.5 * height / width + 1e-6
                or shape["image_width"] == 1
            )


@pytest.mark.parametrize("more", ["", 'logo_dark = "images/light.png"\n'])
def test_a_logo_for_the_dark_stands_in_the_email_where_it_is_set(tmp_path: Path, more: str) -> None:
    page = built(tmp_path, [(30, 20)], f'[theme]\nlogo = "images/logo.png"\n{more}')

    assert ('<!--[if !mso]><!--><img class="night" src="https://news.example.com/images/light.png"' in page) is bool(
        more
    )
    assert (".night { display: block !important; }" in page) is bool(more)
    assert ("[data-ogsc] .day { display: none !important; }" in page) is bool(more)
