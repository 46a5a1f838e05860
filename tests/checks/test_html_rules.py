"""Rules about the finished HTML: sizes, links and pictures, and what each rule leaves alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from newsletter.checks.context.rule import Example
from newsletter.errors import Problem
from tests.checks.publications import check

TEXT = "templates/blocks/text.mjml"
BLOCK = "<mj-section><mj-column><mj-text>{{ body }}%s</mj-text></mj-column></mj-section>\n"
INLINE = "templates/inline.css"
LONG = "The new rules on chips came out last night, and they are longer than anybody had thought they would be."


def problems_of(folder: Path, rule: str, html: str = "", body: str = "Good morning.", **files: str) -> list[Problem]:
    """What the rule says of a text block whose template ends in this HTML."""
    example = Example(body=body, files={TEXT: BLOCK % html, **files})
    return [problem for problem in check(folder, example) if problem.rule == rule]


def png(width: int, height: int) -> bytes:
    """A black picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("html", "is_low"),
    [
        (
            '<p style="line-height:16px"><a href="https://example.com">All</a> | <a href="https://example.com/b">B</a></p>',
            True,
        ),
        ('<p style="line-height:16px">Read <a href="https://example.com">all issues</a> of ours.</p>', False),
        (
            '<p style="line-height:16px"><a href="https://example.com" style="display:block;padding:4px 0">All</a></p>',
            False,
        ),
        ('<p style="line-height:16px"><a href="https://example.com" style="padding:4px 0">All</a></p>', True),
        (
            '<p style="line-height:16px"><a href="https://example.com"><b style="line-height:24px">All</b></a></p>',
            False,
        ),
        ('<p style="line-height:16px"><a name="top">All</a></p>', False),
    ],
)
def test_a_link_is_as_high_as_its_line_and_its_padding_unless_it_stands_in_a_sentence(
    html: str, is_low: bool, tmp_path: Path
) -> None:
    assert bool(problems_of(tmp_path, "NL207", html)) is is_low


@pytest.mark.parametrize(
    ("style", "is_told"),
    [
        ("text-decoration: none", False),
        ("text-decoration: underline", True),
        ("text-decoration: none; font-weight: bold", True),
        ("text-decoration: none; background: #FFEE99", True),
    ],
)
def test_a_link_in_a_sentence_is_told_by_more_than_its_colour(style: str, is_told: bool, tmp_path: Path) -> None:
    html = f'<p>Read <a href="https://example.com" style="color: #0F5BD3; {style}">the rules</a> of ours.</p>'

    assert bool(problems_of(tmp_path, "NL211", html)) is not is_told


@pytest.mark.parametrize(
    ("style", "messages"),
    [
        ("font-size: 13px", [f'"{LONG[:30]}" has 13 pixels']),
        ("font-size: 16px; line-height: 18px", [f'"{LONG[:30]}" has lines of 1.12 times its size']),
        ("font-size: 24px; line-height: 28px", []),
    ],
)
def test_small_and_tight_text_is_told_with_its_size(style: str, messages: list[str], tmp_path: Path) -> None:
    problems = problems_of(tmp_path, "NL208", f'<p style="{style}">{LONG}</p>')

    assert [problem.message for problem in problems] == messages


@pytest.mark.parametrize(("width", "height", "fires"), [(600, 2_000, True), (600, 1_700, False), (1_104, 2_000, False)])
def test_a_picture_that_word_cuts_is_found_by_its_file(width: int, height: int, fires: bool, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "tall.png").write_bytes(png(width, height))

    problems = problems_of(tmp_path, "NL304", body="Words.\n\n![A long list of rules](images/tall.png)")

    assert [problem.line for problem in problems] == ([7] if fires else [])


def test_a_picture_with_one_side_said_keeps_its_shape(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(png(100, 40))
    source = 'src="https://news.example.com/images/a.png" alt="A chart"'

    assert not problems_of(tmp_path, "NL304", f'<img {source} width="50" style="height: auto" height="50" />')
    assert problems_of(tmp_path, "NL304", f'<img {source} width="50" height="50" />')


@pytest.mark.parametrize(
    ("html", "lacks"),
    [
        ('<div style="background: url(https://example.com/a.png) #FFFFFF">Words</div>', "VML for Outlook"),
        (
            '<table role="presentation" background="https://example.com/a.png"><tr><td>Words</td></tr></table>',
            "VML for Outlook and a colour for whoever blocks pictures",
        ),
    ],
)
def test_a_picture_behind_words_is_told_with_what_it_lacks(html: str, lacks: str, tmp_path: Path) -> None:
    problems = problems_of(tmp_path, "NL305", html)

    assert [problem.message for problem in problems] == [f"a picture behind the content lacks {lacks}"]


def test_a_table_of_markdown_has_its_headings(tmp_path: Path) -> None:
    assert not problems_of(tmp_path, "NL204", body="| Chip | Limit |\n|---|---|\n| H20 | 1 |")


def test_a_dark_rule_without_important_is_told_at_its_line(tmp_path: Path) -> None:
    example = Example(files={"templates/dark.css": "\n{{ ink }}.ink { color: #FFFFFF; }\n"})

    problems = [problem for problem in check(tmp_path, example) if problem.rule == "NL306"]

    assert [(problem.path, problem.line) for problem in problems] == [("templates/dark.css", 2)]
    assert "without !important" in problems[0].message


def test_what_a_publication_s_own_style_sheet_makes_of_words_is_told_there(tmp_path: Path) -> None:
    example = Example(
        body="Words.\n\nMore [words of it](https://example.com).", files={INLINE: ".body a { color: #BBBBBB; }"}
    )

    problems = [problem for problem in check(tmp_path, example) if problem.rule == "NL205"]

    assert [problem.path for problem in problems] == [INLINE]


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://news.example.com/images/%00" width="10" alt="A chart" />',
        f'<img src="https://news.example.com/images/{"x" * 5_000}" width="10" alt="A chart" />',
        '<img src="https://news.example.com/images/../../secret" width="0" alt="A chart" />',
        '<p style="font-size:;color:#;background:url(;line-height:..;width:calc(">Words</p>',
        '<p style="line-height:0;font-size:0;font-weight:99999999999999999999">Words</p>',
        "<style>@media { a{b} } } { ::x:not(:has(>a)) {color:red!important} a:not( {}</style>",
    ],
)
def test_nothing_that_a_template_holds_stops_a_check(html: str, tmp_path: Path) -> None:
    assert problems_of(tmp_path, "NL000", html) == []


LINK = "[Slides of the opening](https://example.com/1)"


@pytest.mark.parametrize(
    "body",
    [
        f"| Talk | Slides |\n|---|---|\n| Opening | {LINK} |",
        f"| {LINK} | Slides |\n|---|---|\n| Opening | x |",
        f"- {LINK}\n- [Another page](https://example.com/2)",
        f"> {LINK}",
        f"## {LINK}",
        f"###### {LINK}",
        "[`code`](https://example.com/1)",
        f":::news\n- **Title** {LINK}\n- {LINK}\n:::",
        f":::note\n{LINK}\n:::",
        f":::quote by=Ada url=https://example.com/2\n{LINK}\n:::",
        f":::sponsor name=Acme url=https://example.com/2\n{LINK}\n:::",
        f":::article title=Story url=https://example.com/2 source=Journal\n{LINK}\n:::",
    ],
)
def test_an_author_is_never_told_that_the_themes_own_links_are_low(tmp_path: Path, body: str) -> None:
    problems = check(tmp_path, Example(body=body))

    assert not [problem for problem in problems if problem.rule in ("NL205", "NL206", "NL207", "NL208", "NL211")]


@pytest.mark.parametrize(
    ("style", "is_low"),
    [("padding: 8px 0", False), ("margin: 0 0 9px", False), ("padding: 1px 40px", True), ("margin: 0 20px", True)],
)
def test_room_above_and_below_a_link_keeps_others_from_being_tapped(tmp_path: Path, style: str, is_low: bool) -> None:
    html = f'<p style="line-height: 16px; {style}"><a href="https://example.com">All issues</a></p>'

    assert bool(problems_of(tmp_path, "NL207", html)) is is_low


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        ("Good&#8203;mor&#x200b;ning, every&zwnj;body&shy;.", [5, 15, 34, 44]),
        ("A hid\u00adden \u200cword", [6, 11]),
        ("می&zwnj;خواهم and می\u200cخواهم", []),
        ("`&shy;` and \\&shy; and ``a ` &zwnj;``", []),
        ("    &shy; in code\n\n```\n&shy;\n```", []),
        ("AT&amp;T &copy; &nbsp;x", []),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f and 👩\u200d💻", []),
        ("hid\U000e0068den", [4]),
    ],
)
def test_invisible_characters_are_found_however_they_are_written(body: str, columns: list[int], tmp_path: Path) -> None:
    problems = problems_of(tmp_path, "NL107", body=body)

    assert [problem.column for problem in problems] == columns
