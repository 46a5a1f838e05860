"""Outlook for Windows shows a picture as wide as its `width` says: never wider than the place where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.rendering.build import Built
from tests.support.writing import PNG, built

SMALL = PNG[:16] + (64).to_bytes(4, "big") + PNG[20:]
WIDE = "![A chart](images/wide.png)"
PLACES = {
    WIDE: 552,
    f"- words {WIDE}": 528,
    f"1. one\n   - two {WIDE}": 504,
    f"> {WIDE}": 533,
    f"> - {WIDE}": 509,
    f"- > {WIDE}": 509,
    f"- one\n  - two\n    > > {WIDE}": 466,
    f":::note\n{WIDE}\n:::": 502,
    f':::note title="Note"\n- {WIDE}\n:::': 478,
    f":::quote\n{WIDE}\n:::": 509,
    f":::quote\n> {WIDE}\n:::": 490,
    f":::sponsor name=Acme\n{WIDE}\n:::": 502,
    f':::sponsor name=Acme image=images/wide.png alt=""\n{WIDE}\n:::': 366,
    f":::article title=Story\n{WIDE}\n:::": 552,
    f":::article title=Story\n> {WIDE}\n:::": 533,
    f"| A | B |\n|---|---|\n| {WIDE} | words |": 264,
    f"- one\n\n  | A | B | C |\n  |---|---|---|\n  | words | {WIDE} | x |": 164,
    f":::news\n- [Title](https://example.com) {WIDE}\n:::": 552,
    f":::news\n- ![](images/wide.png) [Title](https://example.com) {WIDE}\n:::": 416,
}


@pytest.fixture
def folder(publication_folder: Path) -> Path:
    (publication_folder / "images").mkdir()
    (publication_folder / "images" / "wide.png").write_bytes(PNG)
    (publication_folder / "images" / "small.png").write_bytes(SMALL)
    return publication_folder


def _widths(built_issue: Built, alt: str = "A chart") -> list[int]:
    return [int(width) for width in re.findall(rf'<img [^>]*alt="{alt}" width="(\d+)"', built_issue.message.html)]


@pytest.mark.parametrize(("body", "width"), PLACES.items())
def test_a_wide_picture_is_as_wide_as_its_place(folder: Path, body: str, width: int) -> None:
    assert _widths(built(folder, body)) == [width]


@pytest.mark.parametrize("language", ["ar", "de"])
def test_the_room_is_the_same_in_every_direction_of_writing(folder: Path, language: str) -> None:
    settings = folder / "newsletter.toml"
    settings.write_text(settings.read_text().replace("[publication]", f'[publication]\nlanguage = "{language}"', 1))

    assert _widths(built(folder, f"- > {WIDE}")) == [509]


@pytest.mark.parametrize("body", list(PLACES))
def test_a_small_picture_keeps_its_size_everywhere(folder: Path, body: str) -> None:
    assert _widths(built(folder, body.replace(WIDE, "![A chart](images/small.png)"))) == [64]


def test_a_small_thumbnail_or_logo_is_not_enlarged(folder: Path) -> None:
    body = "images/small.png"
    issue = f':::news\n- ![Thumb]({body}) Title\n:::\n\n:::sponsor name=Acme image={body} alt="Thumb" /'

    assert _widths(built(folder, issue), "Thumb") == [64, 64]
    assert "width:120px" not in built(folder, issue).message.html


def test_the_room_in_a_template_of_the_publications_own_counts_too(folder: Path) -> None:
    template = folder / "templates" / "blocks" / "box.mjml"
    template.parent.mkdir(parents=True, exist_ok=True)
    column = '<mj-column padding="0 10px"><mj-text css-class="body" padding="0 5px">{{ body }}</mj-text></mj-column>'
    template.write_text(f"<mj-section>{column}{column}</mj-section>")

    assert _widths(built(folder, f":::box\n{WIDE}\n:::")) == [270, 270]
