"""Parsing an issue file: the lines and columns of mistakes, and the values of front matter."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from markdown_it.token import Token

from newsletter.config import load_publication
from newsletter.errors import IssueError, NewsletterError
from newsletter.issues.issue import Block, Condition, find_issue
from newsletter.issues.markdown.lost_lines import lost_lines
from newsletter.issues.markdown.source import read_source
from newsletter.issues.parse import inspect_issue
from newsletter.rendering.build import build_issue
from newsletter.rendering.theme import Theme
from tests.support.writing import built, problems, write

DEEP = [
    "> " * 100 + "x\n",
    "- " * 50 + "x\n",
    "- " * 60 + "x\n",
    "[" * 99 + "x\n\n",
    "> - " * 33 + "x\n\n",
    "[",
    "![",
    "*a **b ",
]


def test_the_column_is_the_authors_own_even_after_merge_tags(publication_folder: Path) -> None:
    line = 'Hi {{ first_name | default("there") }} and {{ email }} and {{ frist_name }}.'
    (problem,) = problems(publication_folder, f"---\nsubject: x\n---\n{line}\n")
    assert (problem.line, problem.column) == (4, line.index("{{ frist") + 1)


def test_a_field_is_wrong_at_the_column_of_its_value(publication_folder: Path) -> None:
    line = ':::article title="{{ first_name }} and more" url=nowhere'
    (problem,) = problems(publication_folder, f"---\nsubject: x\n---\n{line}\nx\n:::\n")
    assert (problem.rule, problem.line, problem.column) == ("NL006", 4, line.index("nowhere") + 1)


def test_every_mistake_of_a_file_is_found_in_one_pass_in_its_order(publication_folder: Path) -> None:
    text = "---\nsubjekt: x\nlist: weekly\n---\n:::qoute\nx\n:::\n\n{{ emial }}\n\n:::news\nno list\n:::\n"
    places = [(problem.line, problem.rule) for problem in problems(publication_folder, text)]
    assert places == [(1, "NL001"), (2, "NL002"), (3, "NL011"), (5, "NL003"), (9, "NL007"), (12, "NL006")]


def test_at_most_ten_mistakes_are_printed_then_a_count(publication_folder: Path) -> None:
    with pytest.raises(IssueError) as caught:
        built(publication_folder, "\n\n".join(["{{ emial }}"] * 14))
    assert str(caught.value).count("NL007") == 10
    assert str(caught.value).endswith("and 4 more")


def test_an_unclosed_block_is_told_where_to_close(publication_folder: Path) -> None:
    text = '---\nsubject: x\n---\n\n:::article title="A"\nBody.\n\n:::note\nx\n:::\n'
    (problem,) = problems(publication_folder, text)
    assert (problem.line, problem.message) == (5, 'block "article" is not closed')
    assert "before line 8" in problem.hint


def test_colons_in_a_code_block_close_nothing(publication_folder: Path) -> None:
    issue = built(publication_folder, ":::note\n```\n:::\n```\nafter\n:::\n\ntail")
    assert [piece.name for piece in issue.issue.content if isinstance(piece, Block)] == ["note", "text"]


def test_a_block_inside_a_list_is_refused_and_not_printed_as_text(publication_folder: Path) -> None:
    (problem,) = problems(publication_folder, "---\nsubject: x\n---\n- a\n\n  :::note\n")
    assert (problem.line, problem.rule) == (6, "NL004")


@pytest.mark.parametrize("void", [":::divider /", ":::divider/", ":::divider\n:::", "::: divider /"])
def test_a_block_without_a_body_closes_itself_or_is_closed(publication_folder: Path, void: str) -> None:
    content = built(publication_folder, f"a\n\n{void}\n\nb").issue.content
    assert [piece.name for piece in content if isinstance(piece, Block)] == ["text", "divider", "text"]


def test_a_condition_stays_in_its_text_unless_it_holds_a_block(publication_folder: Path) -> None:
    inside = built(publication_folder, "{% if email %}\na\n{% endif %}").issue.content
    around = built(publication_folder, "{% if email %}\n:::divider /\n{% endif %}").issue.content
    assert [type(piece) for piece in inside] == [Block]
    assert [type(piece) for piece in around] == [Condition, Block, Condition]


@pytest.mark.parametrize(
    "body",
    [
        "{% if email %}a\n\nb{% endif %}",
        "**{% if email %}a** b{% endif %}",
        "- {% if email %}a\n- b{% endif %}",
        "{% if email %}\n:::note\nx\n{% endif %}\n:::",
        ':::article title="{% if email %}x"\n{% endif %}\n:::',
        "{% if email %}a{% else %}b{% else %}c{% endif %}",
    ],
)
def test_a_condition_that_would_cut_html_in_two_is_refused(publication_folder: Path, body: str) -> None:
    assert {problem.rule for problem in problems(publication_folder, f"---\nsubject: x\n---\n{body}\n")} == {"NL007"}


def test_an_undeclared_field_is_a_warning_that_says_how_to_declare_it(publication_folder: Path) -> None:
    (warning,) = built(publication_folder, "{{ company }}").warnings
    assert (warning.severity, warning.line) == ("warning", 4)
    assert 'company = "text"' in warning.hint


def test_front_matter_may_say_all_that_is_documented(publication_folder: Path) -> None:
    front = """subject: "Chips: the rules"
preheader: >
  Four minutes,
  no more.
date: 2025-02-03
author: Newsroom
list: daily
segment: null
send_at: 2025-02-03 07:00 Europe/Berlin
template: issue
signup: true"""
    issue = built(publication_folder, "x", front).issue
    assert (issue.subject, issue.preheader, issue.author) == ("Chips: the rules", "Four minutes, no more.", "Newsroom")
    assert (issue.date, issue.list, issue.segment) == (date(2025, 2, 3), "daily", None)
    assert issue.send_at is not None
    assert issue.send_at.at() == datetime(2025, 2, 3, 7, tzinfo=ZoneInfo("Europe/Berlin"))


def test_the_date_is_the_front_matters_else_the_file_names(publication_folder: Path) -> None:
    assert built(publication_folder, "x").issue.date == date(2025, 1, 17)
    (problem,) = problems(publication_folder, "---\nsubject: x\n---\n", "undated.md")
    assert problem.message == "the issue has no date"


def test_two_files_with_one_slug_are_refused(publication_folder: Path) -> None:
    write(publication_folder, "---\nsubject: x\n---\n", "2025-01-16-hello.md")
    (problem,) = problems(publication_folder, "---\nsubject: x\n---\n")
    assert problem.hint.startswith("2025-01-16-hello.md")


def test_an_issue_is_named_by_path_by_slug_or_by_a_part_that_is_unique(publication_folder: Path) -> None:
    for name in ("2025-01-16-chips.md", "2025-01-17-chips-again.md"):
        write(publication_folder, "---\nsubject: x\n---\n", name)
    publication = load_publication(publication_folder / "newsletter.toml")
    assert find_issue(publication, "chips").name == "2025-01-16-chips.md"  # an exact slug beats a part
    assert find_issue(publication, "again").name == "2025-01-17-chips-again.md"
    assert find_issue(publication, "01-16").name == "2025-01-16-chips.md"
    assert find_issue(publication, str(publication.issues / "2025-01-16-chips.md")).name == "2025-01-16-chips.md"
    for name, words in (("chip", "names 2 issues"), ("chpis", 'Did you mean "chips"?'), ("nothing.md", "no issue")):
        with pytest.raises(NewsletterError, match="issue") as caught:
            find_issue(publication, name)
        assert words in str(caught.value)


def _nested_list(depth: int) -> str:
    return "\n".join(f"{'  ' * level}- level {level + 1}" for level in range(depth))


@pytest.mark.parametrize(
    "nested", [_nested_list(10), _nested_list(50), "> " * 100 + "level 50", "> - " * 33 + "level 10"]
)
def test_what_follows_a_deep_list_or_quotation_is_in_both_parts(publication_folder: Path, nested: str) -> None:
    button = ":::button https://example.com/read\nRead the report\n:::"
    message = built(
        publication_folder, f"{nested}\n\n## After\n\n[Link](https://example.com/after)\n\n{button}"
    ).message
    for part in (message.html, message.text):
        for words in (nested.split()[-2] + " " + nested.split()[-1], "After", "Link", "Read the report"):
            assert words in part
    assert {"https://example.com/after", "https://example.com/read"} <= set(message.links)


@pytest.mark.parametrize("nested", [_nested_list(60), "\n" * 50 + "> " * 101 + "words"])
def test_a_list_or_quotation_too_deep_to_be_read_is_refused_at_its_line(publication_folder: Path, nested: str) -> None:
    (problem,) = problems(publication_folder, f"---\nsubject: x\n---\n{nested}\n\nAfter.\n")
    assert (problem.rule, problem.line) == ("NL004", 54)


def test_a_line_that_no_token_holds_is_told_and_not_left_out(publication_folder: Path) -> None:
    lines = ["Kept.", "", "> - ", "", "Lost."]
    kept = Token("paragraph_open", "p", 1, map=[0, 1])
    assert [*lost_lines([kept], lines, [])] == [4]
    assert [*lost_lines([kept], lines, [(4, 5)])] == []


@pytest.mark.parametrize("row", ["| 1 | 2 | lost |", "1|2|lost", "| | | lost |", "|`a\\|b`|2|lost|"])
@pytest.mark.parametrize("indent", ["", "> ", "   "])
def test_a_row_with_more_cells_than_its_table_is_refused(publication_folder: Path, row: str, indent: str) -> None:
    table = "\n".join(indent + line for line in ("| a | b |", "|---|---|", "| 1 | 2 |", row))
    (problem,) = problems(publication_folder, f"---\nsubject: x\n---\n1. words\n\n{table}\n")
    assert (problem.rule, problem.line) == ("NL004", 9)


@pytest.mark.parametrize(
    "row", ["| 1 |", "1|1", "| | |", "| x \\| | `a\\|b` |", "| 1 | \\| |", "| 1 | 2 | |", "| {{ email }} |"]
)
def test_a_row_with_fewer_cells_or_escaped_bars_is_no_mistake(publication_folder: Path, row: str) -> None:
    built(publication_folder, f"1. | a | b |\n   |---|---|\n   {row}\n\n> | a | b |\n> |---|---|\n> {row}")


@pytest.mark.parametrize(
    "body",
    [
        "[a]: https://example.com/a\n[a]: https://example.com/b\n\n[a]",
        "> [b]: https://example.com/b\n>\n> - [b]",
        "<!-- one\n\ntwo -->\n\nWords <!-- three\nfour --> go on.",
        "- <!-- one -->\n\n1.\n\n>\n> >\n> -",
        "Title\n=====\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\n\n:::\n```\n\n    code\n\n\n    code",
        ":::note\nWords.\n:::\n:::divider /\n:::divider\n:::\n{% if first_name %}\nHi.\n{% endif %}\n- a\n***\n- b",
    ],
)
def test_a_line_that_stands_for_nothing_by_right_is_no_mistake(publication_folder: Path, body: str) -> None:
    built(publication_folder, body)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(publication_folder: Path) -> None:
    path = publication_folder / "issues" / "2025-01-17-hello.md"
    plain = built(publication_folder, "Hello {{ first_name }}.\n\n- a\n- b").message
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    publication = load_publication(publication_folder / "newsletter.toml")
    assert build_issue(publication, path).message == plain


@pytest.mark.parametrize(
    "hostile",
    [
        *("{{ ", "{% ", "<!-- ", '{{ "', "x\n<!-- ", ":::\n", ":::note\n", "{{ a }} ", *DEEP),
        *(
            "`{{",
            "{{`",
            "{{` }}",
            "`{{` ",
            "{{ <!--",
            "<!-- {{ -->",
            "<!-- -->",
            "[^1]",
            "[^1]: ",
            "^[",
            "://",
            "https://",
        ),
        *("www.", "a@", "a@b.c ", "**“", "```\n{{\n", "    {{ a }}\n\n", "`{{ a }}` ", ":::note\n```\n"),
    ],
)
def test_a_large_file_of_half_open_things_is_read_in_a_moment(publication_folder: Path, hostile: str) -> None:
    text = "---\nsubject: x\n---\n" + hostile * (200_000 // len(hostile))
    started = process_time()
    read_source(text)
    assert process_time() - started < 20  # a square would take minutes


def test_one_file_by_two_paths_is_one_issue(publication_folder: Path) -> None:
    path = write(publication_folder, "---\nsubject: x\n---\nHello.\n")
    publication = load_publication(publication_folder / "newsletter.toml")
    for other in (path.parent / ".." / "issues" / path.name, Path(str(path))):
        assert build_issue(publication, other).issue.slug == "hello"


def test_what_is_no_file_in_the_folder_of_issues_is_no_issue(publication_folder: Path) -> None:
    path = write(publication_folder, "---\nsubject: x\n---\nHello.\n")
    os.mkfifo(path.with_name("2025-01-18-pipe.md"))
    publication = load_publication(publication_folder / "newsletter.toml")
    assert build_issue(publication, path).issue.slug == "hello"


def test_a_text_can_be_read_as_if_its_file_said_it(publication_folder: Path) -> None:
    path = write(publication_folder, "---\nsubject: On disk\n---\nx\n")
    theme = Theme(publication=load_publication(publication_folder / "newsletter.toml"))

    issue, mistakes = inspect_issue(
        path, theme.publication, theme.kinds, theme.templates, "---\nsubject: Typed\n---\n{{ emial }}\n"
    )

    assert issue.subject == "Typed"
    assert [(problem.rule, problem.line) for problem in mistakes] == [("NL007", 4)]
    with pytest.raises(IssueError, match="the file is empty"):
        inspect_issue(path, theme.publication, theme.kinds, theme.templates, " \n")
