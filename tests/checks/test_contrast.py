"""Words with too little contrast: by day, in dark mode, and where a mail client inverts colours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from newsletter.checks.context.rule import Example
from newsletter.checks.html.colours import Colour, read_colour
from newsletter.checks.html.computed_style import ComputedStyle, computed_styles
from newsletter.config import ThemeSection
from newsletter.config.settings import HexColour
from newsletter.errors import Problem
from newsletter.rendering import colours
from tests.checks.publications import check

TEXT = "templates/blocks/text.mjml"
BLOCK = (
    '<mj-section background-color="%s"><mj-column>\n<mj-text color="%s">{{ body }}</mj-text></mj-column></mj-section>\n'
)
CHANNEL = st.integers(0, 255).map(lambda number: number / 255)


def faint(folder: Path, example: Example, rule: str = "NL205") -> list[Problem]:
    return [problem for problem in check(folder, example) if problem.rule == rule]


def look(page: str, *, at_night: bool = False, sheet: str = "") -> ComputedStyle:
    """Of the element with the id `x`."""
    tree = html.document_fromstring(f"<html><head><style>{sheet}</style></head><body>{page}</body></html>")
    return computed_styles(tree, at_night=at_night)[tree.get_element_by_id("x")]


def test_pale_words_are_reported_at_the_line_of_the_template_that_makes_them(tmp_path: Path) -> None:
    problems = faint(tmp_path, Example(files={TEXT: BLOCK % ("#FFFFFF", "#AAAAAA")}))

    assert [(problem.path, problem.line) for problem in problems] == [(TEXT, 2)]
    assert problems[0].message == '"Good morning." has a contrast of 2.3 (#AAAAAA on #FFFFFF); it needs 4.5'


def test_an_accent_that_cannot_be_read_is_reported_once_at_its_setting(tmp_path: Path) -> None:
    problems = faint(
        tmp_path, Example(body="A [link to it](https://example.com).", settings='[theme]\naccent = "#FFD500"\n')
    )

    assert {problem.path for problem in problems} == {"newsletter.toml"}


def test_colours_that_only_inversion_spoils_are_reported(tmp_path: Path) -> None:
    by_day = Colour(0.85, 0.85, 0), Colour(0.2, 0.2, 0.2)

    problems = faint(tmp_path, Example(files={TEXT: BLOCK % (str(by_day[1]), str(by_day[0]))}), "NL206")

    assert colours.contrast(str(by_day[0]), str(by_day[1])) > colours.READABLE
    assert any(problem.message.startswith("where colours are inverted") for problem in problems)


@pytest.mark.parametrize(
    ("page", "ink", "ground"),
    [
        ('<div style="color:red;background:#000"><p id="x">', "#FF0000", "#000000"),
        ('<table bgcolor="#00FF00"><tr><td id="x" style="color: rgb(0, 0, 255)">', "#0000FF", "#00FF00"),
        (
            '<div style="background:#000000"><p id="x" style="background: rgba(255, 255, 255, .5)">',
            "#000000",
            "#808080",
        ),
        ('<p style="color: red"><a id="x">', "#0000EE", "#FFFFFF"),
        ('<p style="color: red"><a id="x" style="color: inherit">', "#FF0000", "#FFFFFF"),
        ('<div style="background: url(a.png) #123456"><b id="x">', "#000000", "#123456"),
        ('<div style="background: url(a.png)"><b id="x">', "#000000", "None"),
        ('<div style="background: linear-gradient(red, blue)"><b id="x">', "#000000", "None"),
        ('<p id="x" style="color: nonsense; background: transparent">', "#000000", "#FFFFFF"),
    ],
)
def test_ink_and_ground_are_those_that_a_browser_shows(page: str, ink: str, ground: str) -> None:
    style = look(page)

    assert (str(style.ink), str(style.ground)) == (ink, ground)


@pytest.mark.parametrize(
    ("sheet", "ink"),
    [
        ("#x { color: blue !important }", "#0000FF"),
        ("#x { color: blue }", "#FF0000"),
        ("#x { color: blue !important } p { color: lime !important }", "#0000FF"),
        ("p { color: lime !important } p { color: blue !important }", "#0000FF"),
        ("@media (max-width: 480px) { #x { color: blue !important } }", "#FF0000"),
        ("@media (prefers-color-scheme: dark) { #x { color: blue !important } }", "#FF0000"),
        ("p:hover, p::before, p:nonsense( { color: blue !important }", "#FF0000"),
    ],
)
def test_style_sheets_count_as_the_cascade_says(sheet: str, ink: str) -> None:
    assert str(look('<p id="x" style="color: red">', sheet=sheet).ink) == ink


def test_the_dark_style_sheet_counts_at_night_alone() -> None:
    sheet = "@media (prefers-color-scheme: dark) { #x { color: blue !important } }"

    assert str(look('<p id="x" style="color: red">', sheet=sheet, at_night=True).ink) == "#0000FF"


@pytest.mark.parametrize(
    ("page", "size", "line"),
    [
        ('<div style="font-size: 20px; line-height: 30px"><p id="x" style="font-size: .5em">', 10, 30),
        ('<div style="line-height: 1.5"><p id="x" style="font-size: 12pt">', 16, 24),
        ('<p id="x" style="line-height: 150%; font-size: 20px">', 20, 30),
        ('<h1 id="x">', 32, 38.4),
    ],
)
def test_sizes_and_lines_are_inherited_as_css_has_it(page: str, size: float, line: float) -> None:
    style = look(page)

    assert style.size == pytest.approx(size)
    assert style.line_height == pytest.approx(line)


@given(CHANNEL, CHANNEL, CHANNEL)
def test_a_colour_turned_around_twice_is_itself(red: float, green: float, blue: float) -> None:
    colour = Colour(red, green, blue)

    assert tuple(colour.inverted.inverted) == pytest.approx(tuple(colour), abs=1e-6)


@given(st.text(max_size=40))
def test_no_text_is_too_odd_for_a_colour(text: str) -> None:
    read_colour(text)


BLOCKS = """A [link to the report](https://example.com/report).

:::article title="The rules" url="https://example.com/a" label="News"
They changed.
:::

:::button https://example.com/more
See all of the report
:::
"""


def accents(folder: Path, accent: str) -> list[Problem]:
    example = Example(body=BLOCKS, settings=f'[theme]\naccent = "{accent}"\n')
    return [problem for problem in check(folder, example) if problem.rule in ("NL205", "NL206")]


@pytest.mark.parametrize("accent", ["#0000FF", "#FFD500", "#B8860B", "#FF0000", "#888888", "#00FF7F", "#FFFFFF"])
def test_an_accent_that_cannot_be_read_comes_with_the_nearest_that_passes(tmp_path: Path, accent: str) -> None:
    problems = accents(tmp_path, accent)
    better = problems[0].hint.partition('"')[2].partition('"')[0]

    assert {problem.path for problem in problems} == {"newsletter.toml"}
    assert all(accent in problem.message for problem in problems)
    assert {problem.hint for problem in problems} == {f'Write accent = "{better}", the nearest that can be read.'}
    assert accents(tmp_path, better) == []


@given(st.tuples(*[st.integers(0, 255)] * 3), st.tuples(*[st.integers(0, 255)] * 3))
def test_the_nearest_accent_for_the_dark_can_be_read_on_the_dark_card(
    channels: tuple[int, int, int], card: tuple[int, int, int]
) -> None:
    accent, ground = (HexColour("#{:02X}{:02X}{:02X}".format(*each)) for each in (channels, card))

    better = colours.readable(ThemeSection(accent_dark=accent, card_dark=ground), "accent_dark")

    if better:
        palette = colours.dark(ThemeSection(accent_dark=HexColour(better), card_dark=ground))
        for ink, behind in ((palette.accent, palette.card), (palette.accent, palette.tint)):
            assert colours.contrast(ink, behind) >= colours.READABLE


def test_only_colours_that_the_author_wrote_are_named(tmp_path: Path) -> None:
    (problem,) = accents(tmp_path, "#0000FF")

    assert problem.message.startswith('where colours are inverted, "link to the report" has a contrast of 2.4')
    assert problem.message.count("#") == 1


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_the_nearest_accent_can_be_read_by_day_and_inverted(channels: tuple[int, int, int]) -> None:
    theme = ThemeSection(accent=HexColour("#{:02X}{:02X}{:02X}".format(*channels)))

    better = colours.readable(theme, "accent")

    palette = colours.light(ThemeSection(accent=HexColour(better)))
    for ink, ground in ((palette.accent, palette.card), (palette.on_accent, palette.accent)):
        assert colours.contrast(ink, ground) >= colours.READABLE
        assert colours.contrast(colours.inverted(ink), colours.inverted(ground)) >= colours.READABLE
