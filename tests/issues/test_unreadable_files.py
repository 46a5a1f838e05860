"""Files of an author that are too deep, too long or not UTF-8: one error each, at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.errors import ConfigError, NewsletterError
from newsletter.rendering.build import build_issue
from tests.checks.publications import SETTINGS
from tests.conftest import Run

ISSUE = "issues/2025-01-17-x.md"
LATIN = "first\ncaf\u00e9\n".encode("latin-1")
LINES = SETTINGS.count("\n")


def refusal(folder: Path, files: dict[str, str | bytes]) -> str:
    """Write a publication and build its issue; returns the error."""
    written = {"newsletter.toml": SETTINGS, ISSUE: "---\nsubject: The rules\n---\n:::note\nx\n:::\n", **files}
    for name, content in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(NewsletterError) as refused:
        build_issue(load_publication(folder / "newsletter.toml"), folder / ISSUE)
    return str(refused.value)


@pytest.mark.parametrize(
    ("front", "place", "message"),
    [
        ("subject: x\nauthor: " + "[" * 15_000, ":3:18", "the front matter nests more than 10 deep"),
        ("subject: " + "{a: " * 4_000, ":2:46", "the front matter nests more than 10 deep"),
        ("subject:\n" + "- " * 8_000, ":3:19", "the front matter nests more than 10 deep"),
        ("? " * 8_000, ":2:21", "the front matter nests more than 10 deep"),
        ("subject: " + "\u200b" * 300_000, ":2:16385", "has 300,010 characters; it may have 16,384"),
        ("".join(f"k{n}: v\n" for n in range(60_000)), ":", "characters; it may have 16,384"),
        ('subject: "a\\ud800"', ":2:14", "found invalid Unicode character escape code"),
    ],
)
def test_front_matter_that_is_too_deep_or_too_long_is_one_error_at_its_place(
    tmp_path: Path, front: str, place: str, message: str
) -> None:
    error = refusal(tmp_path, {ISSUE: f"---\n{front}\n---\nx\n"})

    assert f"2025-01-17-x.md{place}" in error.splitlines()[0]
    assert message in error.splitlines()[0]


@pytest.mark.parametrize(
    ("settings", "place", "message"),
    [
        ("x = " + "[" * 100_000, f":{LINES + 1}", "opens more than 500 tables or lists"),
        ("x = " + "{a=" * 100_000, f":{LINES + 1}", "opens more than 500 tables or lists"),
        ("a." * 100_000 + "a = 1", f":{LINES + 1}", "opens more than 500 tables or lists"),
        ("x = " + "[\n" * 100_000, f":{LINES + 100_000}", "nested too deep"),
        ("x = " + "1" * 100_000, f":{LINES + 1}", "a number too long"),
        ("#" * 600_000, "newsletter.toml", "the file is over 512 KiB"),
        ('x = "\\ud800"', f":{LINES + 1}:12", "not a Unicode scalar value"),
        (b"\nx = '\xe9'", f":{LINES + 2}:6", "not UTF-8 (byte 0xe9)"),
    ],
)
def test_settings_that_no_program_can_read_are_one_error_at_their_line(
    tmp_path: Path, settings: str | bytes, place: str, message: str
) -> None:
    more = settings if isinstance(settings, bytes) else settings.encode()

    error = refusal(tmp_path, {"newsletter.toml": SETTINGS.encode() + more}).splitlines()[0]

    assert place in error
    assert message in error
    assert len(error) < 500


def test_a_long_wrong_value_of_the_settings_is_not_repeated_in_whole(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, {"newsletter.toml": SETTINGS + f'x = "{"a" * 80_000}"'})) < 500


@pytest.mark.parametrize(
    "name",
    [
        *("templates/blocks/note.mjml", "templates/blocks/mine.mjml", "templates/issue.mjml", "templates/issue.txt"),
        *("templates/head.css", ISSUE),
    ],
)
def test_a_file_that_is_not_utf8_is_told_with_line_and_column(tmp_path: Path, name: str) -> None:
    error = refusal(tmp_path, {name: LATIN})

    assert f"{name}:2:4: not UTF-8 (byte 0xe9)" in error
    assert "Save the file as UTF-8." in error


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("{{ first_name }}\n" * 2_100, 2_004, "more than 2,000 merge tags"),
        (":::divider /\n" * 1_100, 1_004, "more than 1,000 blocks"),
        ("x\n" * 50_100, 50_004, "more than 50,000 lines"),
        ("[" * 21_000, 4, "more than 20,000 opening brackets"),
        ("- x\n" * 20_000, 8_337, "more than 50,000 paragraphs, items, cells, links and other parts"),
        (":::article " + "x=1 " * 50_000 + "\n:::\n", 4, 'has no field "x"'),
    ],
)
def test_an_issue_of_too_many_pieces_is_refused_where_they_become_too_many(
    tmp_path: Path, body: str, line: int, message: str
) -> None:
    error = refusal(tmp_path, {ISSUE: f"---\nsubject: The rules\n---\n{body}"})

    assert f"2025-01-17-x.md:{line}:" in error.splitlines()[0]
    assert message in error.splitlines()[0]


def test_errors_of_settings_are_errors_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_bytes(LATIN)

    with pytest.raises(ConfigError):
        load_publication(tmp_path / "newsletter.toml")


def test_a_template_of_a_page_that_is_not_utf8_is_told_with_line_and_column(
    newsletter: Run, publication_folder: Path
) -> None:
    (publication_folder / "templates" / "pages").mkdir(parents=True)
    (publication_folder / "templates" / "pages" / "base.html").write_bytes(LATIN)

    done = newsletter("build", "--site", "site", cwd=publication_folder)

    assert done.returncode == 1
    assert done.stderr.startswith("newsletter: error: templates/pages/base.html:2:4: not UTF-8 (byte 0xe9)\n")
